"""The page of a report in a real browser: its tracks, themes, phone, paper, and that it needs no network."""

import json
import os
import re
from pathlib import Path

import pytest
from made_predictions import HOSTILE, made_predictions, write_baseline

from kgenre import report, train

SHARED = Path(__file__).parents[2] / "shared" / "data"
SHOTS = os.environ.get("KGENRE_SCREENSHOTS")  # a folder to look at the page's pictures in
LABELS = ("blues", "a $ & <b>$", "hip-hop", "Old-Time / Historic music", "rock")
LARGEST = 8e6  # bytes
SIZES = (1200, 900), (390, 844)


@pytest.fixture(scope="module")
def pages(run, tmp_path_factory) -> dict[str, Path]:
    """{name: page} of the small run, and of baselines of either task, which have a hostile track."""
    folder = tmp_path_factory.mktemp("reports")
    single = made_predictions("single", LABELS, 300, signal=1.5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kgenre.core.multi_label_metrics.RESAMPLES", 40)  # for its time alone
        several = made_predictions("multi", LABELS, 200)
    models = {
        "run": run.folder,
        "single": write_baseline(folder / "single-baseline", single, ["svc", "knn", "trees"]),
        "multi": write_baseline(folder / "multi-baseline", several, ["svc", "knn"]),
    }
    flags = ["--no-audio", "--robustness-tracks", "0"]
    for name, model in models.items():
        assert report.main(["--model", str(model), "--out", str(folder / f"{name}.html"), *flags]) == 0
    return {name: folder / f"{name}.html" for name in models}


@pytest.fixture
def opened(browser):
    """Opens a page; the test fails at a message of the console, an error, or a request other than for the page."""
    windows, faults = [], []

    def open_page(page: Path, width: int = 1200, height: int = 900, scheme: str = "light"):
        window = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
        window.on("console", lambda message: faults.append(message.text))
        window.on("pageerror", lambda error: faults.append(str(error)))
        own = (page.as_uri(), "data:")
        window.on("request", lambda request: request.url.startswith(own) or faults.append(request.url))
        windows.append(window)
        window.goto(page.as_uri())
        window.wait_for_selector("html[data-ready]", timeout=20000)
        return window

    yield open_page
    for window in windows:
        window.close()
    assert not faults


def picture(window, name: str, **options) -> None:
    if SHOTS:
        window.screenshot(path=str(Path(SHOTS) / f"report-{name}.jpg"), type="jpeg", full_page=True, **options)


def metrics_of(page: Path) -> dict:
    folders = (page.with_suffix(""), page.parent / f"{page.stem}-baseline")
    return json.loads(next(f / "metrics.json" for f in folders if (f / "metrics.json").is_file()).read_text())


def check_numbers(window, metrics: dict) -> None:
    """What the page shows is what metrics.json holds."""
    shown = dict(
        zip(window.locator("dl.metrics dt").all_inner_texts(), window.locator("dl.metrics b").all_inner_texts())
    )
    named = {"accuracy": "accuracy", "macro_f1": "macro-F1", "mean_average_precision": "mAP (PR-AUC)"}
    named |= {"balanced_accuracy": "balanced accuracy", "macro_roc_auc": "macro ROC-AUC", "micro_f1": "micro-F1"}
    for name, title in named.items():
        assert shown.get(title) == (f"{metrics[name]:.3f}" if name in metrics else None)
    rows = window.locator("section", has_text="Classification report").locator("tbody tr")
    assert rows.count() == len(metrics["labels"])
    for row in rows.all():
        cells = [cell.split("\n")[0] for cell in row.locator("td").all_inner_texts()]
        own = metrics["per_genre"][row.locator("th").text_content()]
        names = [name for name in ("average_precision", "roc_auc", "precision", "recall", "f1") if name in own]
        for name, cell in zip(names, cells, strict=False):
            assert cell in (f"{own[name]:.3f}" if own[name] is not None else "-", "-")
        assert cells[len(names)] == str(int(own["tracks"]))
    if metrics["task"] == "single":
        counts = [int(text) for text in window.locator("#confusion td.right .count").all_text_contents()]
        assert sum(counts) == round(metrics["accuracy"] * metrics["tracks"])
        total = window.locator("#confusion td button .count").all_text_contents()
        assert sum(map(int, total)) == metrics["tracks"]


def violations(window) -> list[str]:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    found = axe.Axe().run(window).response["violations"]
    return [f"{fault['id']}: {node['html']}" for fault in found for node in fault["nodes"]]


@pytest.mark.parametrize("name", ["run", "single", "multi"])
def test_page_shows_the_numbers_of_metrics_json(name, pages, opened):
    check_numbers(opened(pages[name]), metrics_of(pages[name]))


VIEWS = [(name, size, scheme) for name in ("run", "single", "multi") for size in SIZES for scheme in ("light", "dark")]
SEEN = [("run", SIZES[1], "dark"), ("single", SIZES[0], "light"), ("multi", SIZES[1], "light")]  # axe takes seconds


@pytest.mark.parametrize(
    ("name", "size", "scheme"),
    [pytest.param(*view, marks=[] if view in SEEN else pytest.mark.soak) for view in VIEWS],
)
def test_page_fits_its_window_and_is_accessible_in_either_scheme(name, size, scheme, pages, opened):
    width, height = size
    window = opened(pages[name], width, height, scheme)
    assert window.evaluate("document.documentElement.scrollWidth") <= width
    dark = window.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(19, 21, 24)"
    assert dark == (scheme == "dark")
    assert window.locator("h1").count() == 1
    assert window.locator("h2:visible").all_inner_texts()[:-1] == window.locator("nav a").all_inner_texts()
    assert violations(window) == []
    picture(window, f"{name}-{width}-{scheme}")


@pytest.mark.parametrize("name", ["run", "single", "multi"])
def test_page_cell_of_the_confusion_opens_its_tracks_with_mouse_and_keys(name, pages, opened):
    window = opened(pages[name], 390, 844)
    first = window.locator(".confusion button").first
    numbers = first.get_attribute("data-tracks").split()
    first.click()
    assert window.locator("#tracks .track").count() == min(200, len(numbers))
    assert window.inner_text("#tracks-title") == first.get_attribute("data-title")
    assert violations(window) == []
    window.keyboard.press("Escape")
    assert not window.locator("#tracks").is_visible()
    assert window.evaluate("document.activeElement.dataset.tracks") == " ".join(numbers)
    window.keyboard.press("Tab")
    outline = window.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid" and window.evaluate("document.activeElement.matches('.confusion button')")
    window.keyboard.press("Enter")
    assert window.locator("#tracks").is_visible()


def test_page_matrix_switches_between_tracks_and_shares(pages, opened):
    window = opened(pages["single"])
    cell = window.locator("#confusion button").first
    count, share = cell.locator(".count").text_content(), cell.locator(".rate").text_content()
    assert cell.inner_text() == count
    window.click("button[data-show=rates]")
    assert cell.inner_text() == share != count
    assert window.get_attribute("button[data-show=rates]", "aria-pressed") == "true"
    assert window.get_attribute("button[data-show=counts]", "aria-pressed") == "false"
    window.click("button[data-show=counts]")
    assert cell.inner_text() == count


def test_page_button_switches_to_dark_and_back(pages, opened):
    window, colour = opened(pages["run"]), "getComputedStyle(document.body).backgroundColor"
    light = window.evaluate(colour)
    window.click("#theme")
    assert window.evaluate(colour) == "rgb(19, 21, 24)" and window.inner_text("#theme") == "light"
    window.click("#theme")
    assert window.evaluate(colour) == light


@pytest.mark.parametrize("name", ["single", "multi"])
def test_page_shows_hostile_names_as_text(name, pages, opened):
    window = opened(pages[name])
    for button in window.locator(".confusion button").all():
        if "0" in button.get_attribute("data-tracks").split():
            button.click()
            break
    assert HOSTILE in window.locator("#tracks .track").first.inner_text()
    assert window.locator("#tracks .track b, #tracks .track img").count() == 0
    window.keyboard.press("Escape")
    heads = window.locator(".confusion tbody th").all_text_contents()
    assert sorted(heads) == sorted(LABELS)
    assert "a $ & <b>$" in "".join(window.locator(".plot svg").all_text_contents())


def test_page_on_paper_is_light_and_has_no_buttons(pages, opened, tmp_path):
    window = opened(pages["single"], 800, 1000, "dark")
    window.emulate_media(media="print", color_scheme="dark")
    assert window.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert window.evaluate("getComputedStyle(document.querySelector('.plot svg')).filter") == "none"
    for button in window.locator("button:visible").all():
        assert button.evaluate("(it) => it.matches('.tracks') && getComputedStyle(it).borderStyle === 'none'")
    assert window.locator(".screen:visible").count() == 0
    for table in window.locator("table").all():
        assert table.evaluate("(it) => it.scrollWidth <= innerWidth")
    picture(window, "single-print")
    assert window.pdf(format="A4").startswith(b"%PDF")


def test_page_has_no_id_twice_and_is_small(pages, opened):
    for page in pages.values():
        assert page.stat().st_size < 2e6
        ids = re.findall(r'<[^<>]* id="([^"]+)"', page.read_text(encoding="utf-8"))
        assert len(ids) == len(set(ids))


REAL = {  # name: what is missing without it, flags of train
    "gtzan_audio": (
        SHARED / "gtzan_audio" / "manifest.csv",
        ["--arch", "convpool", "--slice-seconds", "3", "--epochs", "2", "--crops-per-track", "1"],
    ),
    "fma_small_mel": (
        SHARED / "fma_small_mel" / "train_valid.npz",
        ["--arch", "convpool", "--task", "multi", "--level", "all", "--min-tracks-per-genre", "60", "--epochs", "1"],
    ),
}


@pytest.mark.soak
@pytest.mark.parametrize("name", REAL)
def test_page_of_a_real_collection_is_small_and_shows_its_numbers(name, opened, tmp_path):
    data, flags = REAL[name]
    if not data.is_file():
        pytest.skip(f"{data} is not here")
    folder, page = tmp_path / "run", tmp_path / "report.html"
    assert train.main(["--data", str(data), "--out", str(folder), *flags]) == 0
    assert report.main(["--model", str(folder), "--out", str(page)]) == 0
    assert page.stat().st_size <= LARGEST
    window = opened(page)
    check_numbers(window, metrics_of(page))
    window.locator(".confusion button").first.click()
    assert window.locator("#tracks .track").count() > 0
    window.keyboard.press("Escape")
    window.click("#theme")
    for width in (1200, 390):
        window.set_viewport_size({"width": width, "height": 844})
        assert window.evaluate("document.documentElement.scrollWidth") <= width
        assert violations(window) == []
        picture(window, f"{name}-{width}", quality=60)
