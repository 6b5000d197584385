"""The page of `kgenre serve` in a real browser: songs dropped and chosen, player, themes, phone, accessibility."""

import base64
import csv
import io
import json
import os
import time
from pathlib import Path

import pytest
from chromium import chromium

pytest.importorskip("httpx", reason="httpx is not installed")

from classify_server import running  # noqa: E402  after httpx

FIVE = ("song.ogg", "cbr.mp3", "pcm16.flac", "song.m4a", "broken.mp3")
SHOTS = os.environ.get("KGENRE_SCREENSHOTS")  # a folder to look at the page's pictures in

# Puts files into a DataTransfer as a drag from the desktop does, and drops them on the page.
DROP = """async (files) => {
    const transfer = new DataTransfer();
    for (const [name, data] of files) {
        const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
        transfer.items.add(new File([bytes], name));
    }
    for (const kind of ["dragenter", "dragover", "drop"]) {
        document.querySelector("#drop").dispatchEvent(
            new DragEvent(kind, { dataTransfer: transfer, bubbles: true, cancelable: true }));
        if (kind === "dragenter") window.wasOver = document.body.classList.contains("over");
    }
}"""


FOCUSED = "(({ id, role, textContent }) => id || role || textContent)(document.activeElement)"
WATCH_STATUS = """() => {
    const status = document.querySelector("#status");
    window.told = [];
    new MutationObserver(() => told.push(status.textContent)).observe(status, { childList: true });
}"""
WATCH_STAGES = """() => {
    window.seen = new Set();
    new MutationObserver(() => {
        for (const song of document.querySelectorAll(".song"))
            seen.add(`${song.dataset.stage} ${song.querySelector("progress").hasAttribute("value")}`);
    }).observe(document.querySelector("#songs"), { subtree: true, childList: true, attributes: true });
}"""


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running(tmp_path_factory.mktemp("temporary"), max_upload_mib=8) as server:
        yield server


@pytest.fixture(scope="module")
def files(songs, tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("broken")
    (folder / "broken.mp3").write_bytes(b"no music at all")
    return {**{name: songs[name] for name in FIVE[:-1]}, "broken.mp3": folder / "broken.mp3"}


@pytest.fixture
def tab(browser, request, server):
    """A new tab; the test fails if a script does, or if anything is asked from elsewhere."""
    context = browser.new_context(**getattr(request, "param", {"viewport": {"width": 1000, "height": 900}}))
    page, errors, elsewhere = context.new_page(), [], []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if "Content Security" in message.text else None)
    own = (server.address, "blob:", "data:")
    page.on("request", lambda asked: None if asked.url.startswith(own) else elsewhere.append(asked.url))
    yield page
    context.close()
    assert not errors and not elsewhere


def opened(tab, server):
    tab.goto(server.address)
    tab.wait_for_selector("html[data-ready]", timeout=20000)
    return tab


def drop(tab, files: dict[str, Path]) -> None:
    tab.evaluate(DROP, [[name, base64.b64encode(path.read_bytes()).decode()] for name, path in files.items()])


def all_ended(tab, n: int) -> None:
    give_up = time.monotonic() + 60
    while tab.locator(".song[data-stage=done], .song[data-stage=failed]").count() < n:
        assert time.monotonic() < give_up
        tab.wait_for_timeout(50)


def picture(tab, name: str) -> None:
    if SHOTS:
        tab.screenshot(path=str(Path(SHOTS) / f"{name}.png"), full_page=True)


def violations(tab) -> list[str]:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    found = axe.Axe().run(tab).response["violations"]
    return [f"{fault['id']}: {node['html']}" for fault in found for node in fault["nodes"]]


def test_page_five_files_dropped_one_broken_are_classified(server, tab, files):
    opened(tab, server)
    picture(tab, "empty")
    assert violations(tab) == []
    drop(tab, files)
    assert tab.evaluate("window.wasOver") and not tab.evaluate("document.body.classList.contains('over')")
    all_ended(tab, 5)
    picture(tab, "five")
    assert tab.locator(".song h2").all_inner_texts() == list(FIVE)  # in the order of the drop
    assert tab.locator(".song[data-stage=failed] h2").all_inner_texts() == ["broken.mp3"]
    assert "not an audio file" in tab.inner_text(".song[data-stage=failed]")
    assert "4 of 5 songs, 1 failed" in tab.inner_text("#counts")
    first = tab.locator(".song").first
    shares = [int(text.rstrip("%\u00a0 ")) for text in first.locator(".genre span:last-child").all_inner_texts()]
    assert shares == sorted(shares, reverse=True) and 95 <= sum(shares) <= 101
    assert "<b>bold" in first.locator(".tags").inner_text() and first.locator(".tags b").count() == 0
    assert violations(tab) == []


def test_page_bars_and_csv_show_what_the_api_answers(server, tab, files):
    opened(tab, server)
    drop(tab, files)
    all_ended(tab, 5)
    with server.client() as client:
        answers = {
            name: client.post("/api/predict", files={"file": (name, path.read_bytes())}).json()
            for name, path in files.items()
        }
    for number, name in enumerate(FIVE[:-1]):
        bars = tab.locator(".song").nth(number).locator(".genre")
        name_of = bars.first.locator("span").first.inner_text()
        assert name_of == answers[name]["genre"]
        width = bars.first.locator("i").evaluate(
            "(bar) => bar.getBoundingClientRect().width / bar.parentElement.clientWidth"
        )
        assert width == pytest.approx(answers[name]["probabilities"][name_of], abs=0.02)
    with tab.expect_download() as download:
        tab.click("#csv")
    rows = list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text(encoding="utf-8"))))
    assert [row["file"] for row in rows] == list(FIVE[:-1])
    for row in rows:
        answer = answers[row["file"]]
        assert float(row["jazz"]) == answer["probabilities"]["jazz"] and row["genre"] == answer["genre"]
        assert float(row["tag:loud"]) == answer["tags"]["loud"]


def test_page_slice_is_played_from_its_start_and_followed(server, tab, files):
    opened(tab, server)
    drop(tab, {"song.ogg": files["song.ogg"]})
    all_ended(tab, 1)
    slider, play = tab.locator("[role=slider]"), tab.locator(".play")
    slider.focus()
    tab.keyboard.press("Home")
    assert slider.get_attribute("aria-valuenow") == "0"
    for _ in range(4):
        tab.keyboard.press("ArrowRight")
    assert slider.get_attribute("aria-valuenow") == "4" and slider.get_attribute("aria-valuetext").startswith("0:04: ")
    tab.keyboard.press("Enter")
    until(tab, "!audio.paused && audio.currentTime >= 4")
    assert play.inner_text() == "❚❚ Pause" and tab.evaluate("audio.currentTime") < 6
    until(tab, "document.querySelector('[role=slider]').getAttribute('aria-valuenow') === '5'")  # it follows
    play.click()
    until(tab, "audio.paused")
    box = tab.locator(".slices canvas").bounding_box()
    tab.mouse.click(box["x"] + box["width"] * 1.5 / 7, box["y"] + 40)  # in the second of seven slices
    until(tab, "!audio.paused && audio.currentTime >= 1 && audio.currentTime < 3")
    tab.keyboard.press("End")
    assert tab.evaluate("audio.src").startswith("blob:")


def until(tab, holds: str) -> None:
    give_up = time.monotonic() + 20
    while not tab.evaluate(f"Boolean({holds})"):
        assert time.monotonic() < give_up, holds
        tab.wait_for_timeout(20)


def test_page_is_used_by_keyboard_alone(server, tab, files):
    opened(tab, server)
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.id") == "theme"
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.id") == "files"
    outline = tab.evaluate("getComputedStyle(document.querySelector('#drop')).outlineStyle")
    assert outline == "solid"  # where the focus is can be seen
    with tab.expect_file_chooser() as chooser:
        tab.keyboard.press("Enter")
    chooser.value.set_files([str(files["song.ogg"]), str(files["broken.mp3"])])
    all_ended(tab, 2)
    reached = []
    for _ in range(6):
        tab.keyboard.press("Tab")
        reached.append(tab.evaluate(FOCUSED))
    assert reached == ["csv", "clear", "slider", "▶ Play", "Try again", "API"]
    for _ in range(4):
        tab.keyboard.press("Shift+Tab")
    tab.keyboard.press("Enter")
    assert tab.locator(".song").count() == 0 and tab.evaluate("document.activeElement.id") == "files"


def test_page_screen_reader_is_told_of_results(server, tab, files):
    opened(tab, server)
    tab.evaluate(WATCH_STATUS)
    drop(tab, {name: files[name] for name in ("song.ogg", "broken.mp3")})
    all_ended(tab, 2)
    told = tab.evaluate("window.told")
    assert told[0] == "2 songs added." and "broken.mp3 could not be classified." in told
    assert any(text.startswith("song.ogg: hip-hop ") for text in told)
    assert tab.locator("#status").get_attribute("role") == "status"


@pytest.mark.parametrize("tab", [{"color_scheme": "dark", "viewport": {"width": 1000, "height": 900}}], indirect=True)
def test_page_dark_mode_follows_the_system_and_the_button(server, tab, files):
    opened(tab, server)
    back = "getComputedStyle(document.body).backgroundColor"
    assert tab.evaluate(back) == "rgb(19, 21, 24)"
    drop(tab, {name: files[name] for name in ("song.ogg", "broken.mp3")})
    all_ended(tab, 2)
    assert violations(tab) == []
    picture(tab, "dark")
    tab.click("#theme")
    assert tab.evaluate(back) == "rgb(251, 251, 250)"
    opened(tab, server)
    assert tab.evaluate(back) == "rgb(251, 251, 250)"  # and it is kept


PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}


@pytest.mark.parametrize("tab", [PHONE], indirect=True)
def test_page_on_a_phone_fits_and_has_large_buttons(server, tab, files, songs, tmp_path):
    opened(tab, server)
    long = tmp_path / ("A very long name of a song that goes on and on " + "x" * 80 + ".ogg")
    long.write_bytes(songs["song.ogg"].read_bytes())
    tab.set_input_files("#files", [str(path) for path in (long, files["broken.mp3"])])
    all_ended(tab, 2)
    picture(tab, "phone")
    assert tab.evaluate("document.documentElement.scrollWidth") <= 360
    heights = tab.evaluate("[...document.querySelectorAll('button')].map((b) => b.getBoundingClientRect().height)")
    assert min(heights) >= 44
    tab.locator(".slices canvas").tap()
    until(tab, "!audio.paused")
    assert violations(tab) == []


def test_page_busy_server_is_asked_again_and_songs_too_large_are_told(server, tab, files, tmp_path):
    refused = []

    def busy(route):
        if len(refused) < 2:
            refused.append(1)
            return route.fulfill(status=429, headers={"Retry-After": "1"}, body='{"error": "busy"}')
        return route.continue_()

    opened(tab, server)
    tab.route("**/api/predict/stream", busy)
    drop(tab, {"song.ogg": files["song.ogg"]})
    all_ended(tab, 1)
    assert len(refused) == 2 and tab.locator(".song[data-stage=done]").count() == 1
    (tmp_path / "large.wav").write_bytes(bytes(9 << 20))
    tab.set_input_files("#files", str(tmp_path / "large.wav"))
    all_ended(tab, 2)
    assert "at most 8 MiB" in tab.inner_text(".song[data-stage=failed]")


def test_page_shows_progress_of_upload_and_analysis(server, tab, files):
    opened(tab, server)

    def slowly(route):
        time.sleep(0.3)
        lines = [{"progress": 0.25}, {"error": "an invented fault."}]
        route.fulfill(content_type="application/x-ndjson", body="".join(json.dumps(line) + "\n" for line in lines))

    tab.route("**/api/predict/stream", slowly)
    tab.evaluate(WATCH_STAGES)
    drop(tab, {"song.ogg": files["song.ogg"]})
    all_ended(tab, 1)
    seen = tab.evaluate("[...window.seen]")
    assert "waiting false" in seen and "analysing true" in seen, seen
    assert "an invented fault." in tab.inner_text(".song")
    tab.unroute("**/api/predict/stream")
    tab.click("text=Try again")
    tab.wait_for_selector(".song[data-stage=done]")


def test_docs_page_works_under_its_policy(server, tab):
    tab.goto(f"{server.address}/docs")
    assert "POST /api/predict" in tab.inner_text("main") and "curl -F file=@song.mp3" in tab.inner_text("main")
    picture(tab, "docs")
    assert violations(tab) == []
