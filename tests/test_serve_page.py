"""The page of `kgenre serve` in a real browser: songs dropped and chosen, player, themes, phone, accessibility."""

import base64
import csv
import io
import json
import os
import time
from pathlib import Path

import pytest
from chromium import opened, until, wait_in

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


SLOWLY = "() => { audio.defaultPlaybackRate = audio.playbackRate = 0.25; }"  # the song does not end meanwhile
FOCUSED = "(({ id, role, textContent }) => id || role || textContent)(document.activeElement)"
WATCH_STATUS = """() => {
    const news = document.querySelector("#news");
    window.told = [];
    new MutationObserver(() => told.push(news.textContent)).observe(news, { childList: true });
}"""
WATCH_STAGES = """() => {
    window.seen = new Set();
    new MutationObserver(() => {
        for (const song of document.querySelectorAll(".song"))
            seen.add(`${song.dataset.stage} ${song.querySelector("progress").getAttribute("value")}`);
    }).observe(document.querySelector("#songs"), { subtree: true, childList: true, attributes: true });
}"""


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


def drop(tab, files: dict[str, Path]) -> None:
    tab.evaluate(DROP, [[name, base64.b64encode(path.read_bytes()).decode()] for name, path in files.items()])


def all_ended(tab, n: int) -> None:
    wait_in(tab, lambda: tab.locator(".song[data-stage=done], .song[data-stage=failed]").count() >= n)


def picture(tab, name: str) -> None:
    if SHOTS:
        tab.screenshot(path=str(Path(SHOTS) / f"{name}.png"), full_page=True)


def violations(tab) -> list[str]:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    found = axe.Axe().run(tab).response["violations"]
    return [f"{fault['id']}: {node['html']}" for fault in found for node in fault["nodes"]]


def test_page_five_files_dropped_one_broken_are_classified(server, tab, files):
    opened(tab, server.address)
    picture(tab, "empty")
    assert violations(tab) == []
    drop(tab, files)
    assert tab.evaluate("window.wasOver") and not tab.evaluate("document.body.classList.contains('over')")
    all_ended(tab, 5)
    picture(tab, "five")
    assert tab.locator(".song h2").all_inner_texts() == list(FIVE)  # in the order of the drop
    assert tab.locator(".song[data-stage=failed] h2").all_inner_texts() == ["broken.mp3"]
    assert tab.inner_text(".song[data-stage=failed] .bad").startswith("This file cannot be used: not an audio file")
    assert tab.inner_text("#summary") == "5 songs: 4 done, 1 failed"
    first = tab.locator(".song").first
    shares = [int(text.rstrip("%\u00a0 ")) for text in first.locator(".genre span:last-child").all_inner_texts()]
    assert shares == sorted(shares, reverse=True) and 95 <= sum(shares) <= 101
    assert "<b>bold" in first.locator(".tags").inner_text() and first.locator(".tags b").count() == 0
    assert violations(tab) == []


def test_page_bars_and_csv_show_what_the_api_answers(server, tab, files):
    opened(tab, server.address)
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
        assert float(row["genre:jazz"]) == answer["probabilities"]["jazz"] and row["genre"] == answer["genre"]
        assert float(row["tag:loud"]) == answer["tags"]["loud"]


def test_page_slice_is_played_from_its_start_and_followed(server, tab, files):
    opened(tab, server.address)
    drop(tab, {"song.ogg": files["song.ogg"]})
    all_ended(tab, 1)
    slider, play = tab.locator("[role=slider]"), tab.locator(".play")
    tab.evaluate(SLOWLY)
    slider.focus()
    tab.keyboard.press("Home")
    assert slider.get_attribute("aria-valuenow") == "0"
    for _ in range(4):
        tab.keyboard.press("ArrowRight")
    assert slider.get_attribute("aria-valuenow") == "4" and slider.get_attribute("aria-valuetext").startswith("0:04: ")
    tab.keyboard.press("Enter")
    until(tab, "!audio.paused && audio.currentTime >= 4")
    assert play.inner_text() == "❚❚ Pause" and tab.evaluate("audio.currentTime") < 6
    until(tab, "document.querySelector('[role=slider]').getAttribute('aria-valuenow') >= 5")  # it follows
    play.click()
    until(tab, "audio.paused")
    box = tab.locator(".slices canvas").bounding_box()
    tab.mouse.click(box["x"] + box["width"] * 1.5 / 7, box["y"] + 40)  # in the second of seven slices
    until(tab, "!audio.paused && audio.currentTime >= 1 && audio.currentTime < 3")
    tab.keyboard.press("End")
    assert tab.evaluate("audio.src").startswith("blob:")


def test_page_is_used_by_keyboard_alone(server, tab, files):
    tab.on("filechooser", lambda _: None)  # from now on Chromium tells of choosers, which it begins to with a delay
    opened(tab, server.address)
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
    for _ in range(7):
        tab.keyboard.press("Tab")
        reached.append(tab.evaluate(FOCUSED))
    assert reached == ["csv", "clear", "Remove", "slider", "▶ Play", "Remove", "API"]
    tab.keyboard.press("Shift+Tab")
    tab.keyboard.press("Enter")
    assert tab.locator(".song h2").all_inner_texts() == ["song.ogg"] and tab.inner_text("#summary") == "1 song: 1 done"
    assert tab.evaluate("document.activeElement.ariaLabel") == "Remove song.ogg"  # the one before
    tab.keyboard.press("Shift+Tab")
    tab.keyboard.press("Enter")
    assert tab.locator(".song").count() == 0 and tab.evaluate("document.activeElement.id") == "files"


def test_page_screen_reader_is_told_of_results(server, tab, files):
    opened(tab, server.address)
    tab.evaluate(WATCH_STATUS)
    drop(tab, {name: files[name] for name in ("song.ogg", "broken.mp3")})
    all_ended(tab, 2)
    told = tab.evaluate("window.told")
    assert told[0] == "2 songs added." and "broken.mp3 could not be classified." in told
    assert any(text.startswith("song.ogg: hip-hop ") for text in told)
    assert tab.locator("[role=status] > #news").count() == 1 and tab.locator("[role=status] > #summary").count() == 1


@pytest.mark.parametrize("tab", [{"color_scheme": "dark", "viewport": {"width": 1000, "height": 900}}], indirect=True)
def test_page_dark_mode_follows_the_system_and_the_button(server, tab, files):
    opened(tab, server.address)
    back = "getComputedStyle(document.body).backgroundColor"
    assert tab.evaluate(back) == "rgb(19, 21, 24)"
    drop(tab, {name: files[name] for name in ("song.ogg", "broken.mp3")})
    all_ended(tab, 2)
    assert violations(tab) == []
    picture(tab, "dark")
    tab.click("#theme")
    assert tab.evaluate(back) == "rgb(251, 251, 250)"
    opened(tab, server.address)
    assert tab.evaluate(back) == "rgb(251, 251, 250)"  # and it is kept


PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}


@pytest.mark.parametrize("tab", [PHONE], indirect=True)
def test_page_on_a_phone_fits_and_has_large_buttons(server, tab, files, songs, tmp_path):
    opened(tab, server.address)
    long = tmp_path / ("A very long name of a song that goes on and on " + "x" * 80 + ".ogg")
    long.write_bytes(songs["song.ogg"].read_bytes())
    tab.set_input_files("#files", [str(path) for path in (long, files["broken.mp3"])])
    all_ended(tab, 2)
    picture(tab, "phone")
    assert tab.inner_text("#drop .big >> visible=true") == "Choose songs"
    assert tab.evaluate("document.documentElement.scrollWidth") <= 360
    heights = tab.evaluate("[...document.querySelectorAll('button')].map((b) => b.getBoundingClientRect().height)")
    assert min(heights) >= 44
    tab.evaluate(SLOWLY)
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

    opened(tab, server.address)
    tab.route("**/api/predict/stream", busy)
    drop(tab, {"song.ogg": files["song.ogg"]})
    all_ended(tab, 1)
    assert len(refused) == 2 and tab.locator(".song[data-stage=done]").count() == 1
    (tmp_path / "large.wav").write_bytes(bytes(9 << 20))
    tab.set_input_files("#files", str(tmp_path / "large.wav"))
    all_ended(tab, 2)
    failed = tab.locator(".song[data-stage=failed]")
    assert failed.locator(".bad").inner_text() == "The file is too large: at most 8 MiB are taken."
    assert failed.locator("button").all_inner_texts() == ["Remove"]  # it will never be taken


def test_page_server_that_is_away_is_told_while_songs_wait_and_given_up(server, tab, files):
    asked = []

    def away(route):
        asked.append(1)
        reason = json.dumps({"error": "the model does not answer."})
        route.fulfill(status=503, headers={"Retry-After": "0"}, body=reason)

    opened(tab, server.address)
    tab.route("**/api/predict/stream", away)
    tab.evaluate(WATCH_STAGES)
    drop(tab, {name: files[name] for name in ("song.ogg", "cbr.mp3", "pcm16.flac")})
    waiting = tab.locator(".song[data-stage=waiting]", has_text="tries again by itself").first
    assert "The model does not answer." in waiting.inner_text()
    all_ended(tab, 3)
    assert "waiting 0" in tab.evaluate("[...window.seen]")  # an empty bar that stands still
    assert 24 <= len(asked) <= 26  # the third song does not wait as long as the first two
    assert tab.inner_text("#summary") == "3 songs: 3 failed"
    failed = tab.locator(".song[data-stage=failed]").first
    assert failed.locator(".bad").inner_text() == "The model does not answer."
    picture(tab, "away")
    assert violations(tab) == []
    tab.unroute("**/api/predict/stream")
    failed.get_by_text("Try again").click()
    tab.wait_for_selector(".song[data-stage=done]")


def test_page_song_removed_while_the_server_is_busy_is_not_asked_again(server, tab, files):
    asked = []

    def busy(route):
        asked.append(1)
        route.fulfill(status=429, headers={"Retry-After": "0"}, body='{"error": "2 songs are being analysed."}')

    opened(tab, server.address)
    tab.route("**/api/predict/stream", busy)
    drop(tab, {"song.ogg": files["song.ogg"]})
    wait_in(tab, lambda: len(asked) >= 14)  # more often than a server that is away
    assert "2 songs are being analysed." in tab.inner_text(".song")
    tab.click("text=Remove")
    assert tab.locator(".song").count() == 0 and tab.evaluate("document.activeElement.id") == "files"
    tab.wait_for_timeout(300)
    n = len(asked)
    tab.wait_for_timeout(600)
    assert len(asked) == n


@pytest.mark.parametrize(
    ("starts", "end", "expected"),
    [
        ([0, 3, 6, 7], 10, [(0, 3), (3, 6), (6, 9), (9, 10)]),  # the last one overlaps
        ([0, 1], 4, [(0, 3), (3, 4)]),
        ([0, 1, 2, 2.5], 5.5, [(0, 1), (1, 2), (2, 3), (3, 5.5)]),  # all overlap
        ([0, 10, 20], 30, [(0, 3), (10, 13), (20, 23)]),
        ([0], 1.2, [(0, 1.2)]),
    ],
)
def test_timeline_columns_are_as_long_as_slices_and_the_last_begins_after_the_one_before(
    server, tab, starts, end, expected
):
    opened(tab, server.address)
    columns = tab.evaluate(
        "async ([starts, end]) => (await import('shared/timeline.js')).sliceColumns(starts, 3, end)", [starts, end]
    )
    edges = [edge for column in columns for edge in (column["left"], column["right"])]
    assert edges == pytest.approx([edge for pair in expected for edge in pair])


STREAMED = {
    "file": "song.ogg", "task": "single", "genre": "jazz", "genres": ["jazz"], "seconds": 6.5, "slices": 7, "note": "",
}  # fmt: skip


def answer_by_slice(labels, shares: list[dict], mean: dict) -> str:
    """A stream's last line, with these probabilities."""
    slices = [
        {"start": min(i, 5.5), "genre": max(s, key=s.get), "genres": [], "probabilities": dict.fromkeys(labels, 0) | s}
        for i, s in enumerate(shares)
    ]
    return json.dumps({"result": STREAMED | {"by_slice": slices, "probabilities": dict.fromkeys(labels, 0) | mean}})


def test_page_timeline_has_times_a_playhead_and_colours_of_all_genres(server, tab, files):
    opened(tab, server.address)
    with server.client() as client:
        labels = client.get("/api/model").json()["labels"]
    shares = [{"jazz": 1}] * 3 + [{"jazz": 0.6, "metal": 0.4}] + [{"jazz": 1}] * 2 + [{"vocal": 0.99, "blues": 0.01}]
    line = answer_by_slice(labels, shares, {"jazz": 0.99, "metal": 0.005, "vocal": 0.005})
    tab.route("**/api/predict/stream", lambda route: route.fulfill(content_type="application/x-ndjson", body=line))
    drop(tab, {"song.ogg": files["song.ogg"]})
    all_ended(tab, 1)
    assert tab.locator(".genre span:first-child").all_inner_texts() == ["jazz"]
    assert tab.locator(".legend li").all_inner_texts() == ["vocal", "metal"]  # blues is too little to be seen
    marks = tab.locator(".axis span")
    assert marks.all_inner_texts() == ["0:00", "0:02", "0:04", "0:07"]
    canvas, second = tab.locator(".slices canvas").bounding_box(), marks.nth(1).bounding_box()
    middle = second["x"] + second["width"] / 2 - canvas["x"]
    assert middle == pytest.approx(canvas["width"] * 2 / 6.5, abs=1.5)
    assert tab.locator(".playhead").is_hidden() and tab.inner_text(".time") == "0:07"
    tab.evaluate(SLOWLY)
    tab.mouse.click(canvas["x"] + canvas["width"] * 3.5 / 6.5, canvas["y"] + 40)
    until(tab, "audio.currentTime >= 3.2")
    tab.locator(".play").click()
    until(tab, "audio.paused && document.querySelector('.play').textContent === '▶ Play'")
    now, head = tab.evaluate("audio.currentTime"), tab.locator(".playhead").bounding_box()
    assert head["x"] + 1 - canvas["x"] == pytest.approx(canvas["width"] * now / 6.5, abs=2)
    assert tab.inner_text(".time") == f"0:0{int(now)} / 0:07"
    tab.locator(".play").click()  # it goes on where it was
    until(tab, "!audio.paused")
    assert tab.evaluate("audio.currentTime") >= now
    tab.locator(".play").click()
    picture(tab, "timeline")
    assert violations(tab) == []


def test_page_shows_progress_of_upload_and_analysis(server, tab, files):
    opened(tab, server.address)

    def slowly(route):
        time.sleep(0.3)
        lines = [{"progress": 0.25}, {"error": "an invented fault."}]
        route.fulfill(content_type="application/x-ndjson", body="".join(json.dumps(line) + "\n" for line in lines))

    tab.route("**/api/predict/stream", slowly)
    tab.evaluate(WATCH_STAGES)
    drop(tab, {"song.ogg": files["song.ogg"]})
    all_ended(tab, 1)
    seen = tab.evaluate("[...window.seen]")
    assert "waiting 0" in seen and any(stage.startswith("analysing ") for stage in seen), seen
    assert tab.inner_text(".song .bad") == "This song could not be classified: an invented fault."
    tab.unroute("**/api/predict/stream")
    tab.click("text=Try again")
    tab.wait_for_selector(".song[data-stage=done]")


def test_docs_page_works_under_its_policy(server, tab):
    tab.goto(f"{server.address}/docs")
    assert "POST /api/predict" in tab.inner_text("main") and "curl -F file=@song.mp3" in tab.inner_text("main")
    picture(tab, "docs")
    assert violations(tab) == []
