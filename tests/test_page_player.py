"""The player of the page, in a real browser with sound: bar, queue, Drift, what the browser cannot decode."""

import os
from pathlib import Path

import httpx
import numpy as np
import pytest
from audio_files import music, tone, write_sound
from chromium import new_tab, opened, tab_to, until
from libraries import LABELS, InventedModel
from page_server import served

from kgenre.library.map.update import update_map
from kgenre.library.records import Track, TrackAnalysis
from kgenre.library.store import Library
from kgenre.web.explore.explorer import Explorer

SHOTS = os.environ.get("KGENRE_SCREENSHOTS")  # a folder to look at the page's pictures in
SONGS = 14
SECONDS = 20.0  # no song ends by itself while a slow machine looks at it
TONE_SECONDS = 65.0
HZ = 441.0


def add(library, space, path: Path, angle: float, seconds: float, starts, title: str, gain_db: float = -6.0) -> None:
    """A file whose embedding lies at an angle, so that its nearest are known. The second slice decides."""
    digest = path.name.ljust(16).encode()[:16]
    about = {"title": title, "artist": "The Testers", "album": "Tests", "seconds": seconds, "gain_db": gain_db}
    library.save([Track(bytes(path), 1, 1, digest, digest, **about)])
    number = round(angle / 0.1) % len(LABELS)
    shares = np.full((len(starts), len(LABELS)), 0.02)
    shares[:, number] = 0.5
    shares[1, number] = 0.9
    vectors = np.tile([np.cos(angle), np.sin(angle)] + [0.0] * 6, (len(starts), 1))
    library.save_analysis(space, digest, TrackAnalysis(np.array(starts, float), vectors, shares))


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """Songs of 7 s along an arc, each the nearest of the one before; a long tone as aiff and a broken file far away."""
    folder = tmp_path_factory.mktemp("music")
    with Library(folder / "library.sqlite") as library:
        space = library.open_space(InventedModel())
        library.add_root(bytes(folder))
        for number in range(SONGS):
            path = folder / f"song{number:02d}.ogg"
            write_sound(path, music(SECONDS, 22050, 1, seed=number), 22050)
            angle = 0.1 * number + 0.003 * number**1.5  # the steps grow: the nearest is always the one before
            add(library, space, path, -angle, SECONDS, (0, 2, 4), f"Song {number}")
        write_sound(folder / "tone.aiff", tone(HZ, TONE_SECONDS, 44100), 44100)
        add(library, space, folder / "tone.aiff", 2.0, TONE_SECONDS, np.arange(0, 64, 2.0), "Tone")
        (folder / "broken.ogg").write_bytes(b"no music")
        add(library, space, folder / "broken.ogg", 2.6, SECONDS, (0, 2, 4), "Broken")
        update_map(library, space)
    return folder


def row_of(tab, title: str) -> int:
    return tab.evaluate(f"kgenre.tracks.titles.indexOf({title!r})")


def title(tab, what: str = "kgenre.state.playback?.row") -> str | None:
    return tab.evaluate(f"kgenre.tracks.titles[{what}] ?? null")


def sounds(tab, name: str) -> None:
    until(tab, f"kgenre.tracks.titles[kgenre.state.playback?.row] === {name!r} && kgenre.sound.inside.deck?.sounded")
    until(tab, "!kgenre.state.playback.paused")


def place_of(tab, row: int) -> tuple[float, float]:
    x, y = tab.evaluate(f"kgenre.map.view.toPixels(kgenre.tracks.x[{row}], kgenre.tracks.y[{row}])")
    box = tab.locator("#map").bounding_box()
    return box["x"] + x, box["y"] + y


def play(tab, name: str) -> None:
    tab.mouse.click(*place_of(tab, row_of(tab, name)))
    sounds(tab, name)


def select(tab, *names: str) -> None:
    codes = ".".join(
        np.base_repr(tab.evaluate(f"kgenre.tracks.ids[{row_of(tab, name)}]"), 36).lower() for name in names
    )
    tab.evaluate(f"location.hash = '#sel={codes}'")
    until(tab, f"kgenre.state.selection.length === {len(names)}")


def queued(tab) -> list[str]:
    return tab.evaluate("(kgenre.state.queue?.rows ?? []).map((row) => kgenre.tracks.titles[row])")


def shoot(tab, name: str) -> None:
    if SHOTS:
        tab.screenshot(path=f"{SHOTS}/{name}.png")


# What the player did wrong before.


def test_map_of_a_page_that_is_ready_has_the_size_that_the_player_leaves(server, browser):
    with new_tab(browser) as tab:
        tab.add_init_script("window.ResizeObserver = class { observe() {} };")  # which comes when it comes
        opened(tab, server)
        size = "(({ width, height }) => [width, height])"
        drawn, seen = (
            tab.evaluate(f"{size}({of})") for of in ("kgenre.map.view", "kgenre.map.element.getBoundingClientRect()")
        )
        assert drawn == pytest.approx(seen, abs=1)


def test_escape_and_a_click_beside_a_track_leave_the_music_with_a_pause_button(server, tab):
    opened(tab, server)
    play(tab, "Song 3")
    tab.keyboard.press("Escape")
    assert tab.evaluate("kgenre.state.current") == -1
    assert tab.locator("#toggle[aria-label='Pause']").is_visible()
    assert "Song 3" in tab.inner_text("#now") and "The Testers" in tab.inner_text("#now")
    box = tab.locator("#map").bounding_box()
    tab.mouse.click(box["x"] + box["width"] - 3, box["y"] + 3)
    assert tab.evaluate("kgenre.state.current") == -1 and title(tab) == "Song 3"
    tab.click("#toggle")
    until(tab, "kgenre.state.playback.paused")
    tab.click("#now")
    until(tab, "kgenre.state.details !== null")
    assert title(tab, "kgenre.state.current") == "Song 3"


def test_path_stays_drawn_and_queued_while_it_is_listened_through(server, tab):
    opened(tab, server)
    tab.click("#sound")
    tab.mouse.click(*place_of(tab, row_of(tab, "Song 2")))
    until(tab, "kgenre.state.details !== null")
    tab.keyboard.press("w")
    tab.mouse.click(*place_of(tab, row_of(tab, "Song 9")))
    until(tab, "kgenre.state.path.length > 3")
    path = tab.evaluate("kgenre.state.path")
    tab.click("#sound")
    for row in path[:3]:
        tab.keyboard.press("n")
        until(tab, f"kgenre.state.playback?.row === {row} && kgenre.state.current === {row}")
        assert tab.evaluate("kgenre.state.path") == path == tab.evaluate("kgenre.map.overlay.marks.path")
    tab.keyboard.press("p")
    until(tab, f"kgenre.state.playback.row === {path[1]}")
    tab.keyboard.press("Escape")
    tab.keyboard.press("Escape")
    assert tab.evaluate("[kgenre.state.queue.kind, kgenre.state.queue.rows, kgenre.state.queue.at]") == [
        "path",
        path,
        1,
    ]


def test_list_of_the_selection_follows_n_and_p(server, tab):
    tab.set_viewport_size({"width": 1200, "height": 560})
    opened(tab, server)
    tab.click("#sound")
    tab.keyboard.press("a")
    tab.evaluate("document.getElementById('panel').scrollTop = 10000")
    marked = """(() => { const item = document.querySelector('#selection li.current'), list = item.parentElement;
        const box = item.getBoundingClientRect(), around = list.getBoundingClientRect();
        return [item.textContent, box.top >= around.top - 1 && box.bottom <= around.bottom + 1,
            box.bottom <= document.getElementById('panel').getBoundingClientRect().bottom + 1]; })()"""
    for _ in range(12):
        before = tab.evaluate("kgenre.state.current")
        tab.keyboard.press("n")
        until(tab, f"kgenre.state.current !== {before} && kgenre.state.details !== null")
    text, in_list, in_panel = tab.evaluate(marked)
    assert title(tab, "kgenre.state.current") in text and in_list and in_panel
    tab.keyboard.press("p")
    until(tab, "kgenre.state.details !== null")
    text, in_list, _ = tab.evaluate(marked)
    assert title(tab, "kgenre.state.current") in text and in_list


# What is heard, in blocks of 512 samples: when, how loud, and how much the curve bends. Measured on the thread of the
# sound, so that none is missed.
TAP = """class Tap extends AudioWorkletProcessor {
    #x = [0, 0]; #power = 0; #bend = 0; #n = 0;
    process([[samples]]) {
        for (const one of samples ?? []) {
            this.#bend = Math.max(this.#bend, Math.abs(one - 2 * this.#x[1] + this.#x[0]));
            this.#x = [this.#x[1], one];
            this.#power += one * one;
            if (++this.#n < 512) continue;
            this.port.postMessage([currentTime, Math.sqrt(this.#power / 512), this.#bend]);
            this.#power = this.#bend = this.#n = 0;
        }
        return true;
    }
}
registerProcessor("tap", Tap);"""
LISTEN = """async (code) => { const { context, master } = kgenre.sound.inside;
    await context.audioWorklet.addModule(URL.createObjectURL(new Blob([code], { type: "text/javascript" })));
    const tap = new AudioWorkletNode(context, "tap");
    window.heard = [];
    tap.port.onmessage = ({ data }) => window.heard.push(data);
    master.connect(tap).connect(context.destination); }"""


# In the page: from here it would come too late on a loaded machine.
PRESS_LEFT_AT = """(seconds) => new Promise((done) => { const timer = setInterval(() => {
        if (kgenre.sound.seconds <= seconds) return;
        clearInterval(timer);
        document.querySelector("#seek").dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowLeft" }));
        done(); }, 10); })"""


@pytest.fixture
def listening_tab(browser):
    """A tab that runs scripts of the test, too."""
    with new_tab(browser, bypass_csp=True) as tab:
        yield tab


def test_place_waits_where_a_part_comes_late(server, tab):
    opened(tab, server)
    play(tab, "Tone")
    held, end = [], tab.evaluate("kgenre.state.playback.seconds") + 30
    tab.route(f"**/excerpt/*?start={end:g}&*", lambda route: held.append(route))
    tab.evaluate(f"kgenre.sound.inside.deck.voice.seek({end - 0.5})")
    until(tab, f"kgenre.sound.seconds >= {end}")
    tab.wait_for_timeout(500)
    assert held and tab.evaluate("kgenre.sound.seconds") == end
    held[0].continue_()
    until(tab, f"kgenre.sound.seconds > {end}")


def test_format_that_the_browser_cannot_play_has_no_gap_and_can_be_sought(server, listening_tab):
    tab = opened(listening_tab, server)
    parts = []
    tab.on("request", lambda request: parts.append(request.url) if "/excerpt/" in request.url else None)
    play(tab, "Tone")
    start = tab.evaluate("kgenre.state.playback.seconds")
    tab.keyboard.press(" ")  # what follows takes as long as it takes
    until(tab, "kgenre.state.playback.paused")
    assert len(parts) == 1  # the next part is fetched when it is needed
    tab.evaluate(LISTEN, TAP)
    tab.focus("#seek")
    for key in ("Home", *["ArrowRight"] * 5):  # to a place just before the loaded part ends
        tab.keyboard.press(key)
    with tab.expect_event("requestfinished", lambda request: "/excerpt/" in request.url):
        tab.keyboard.press(" ")
    tab.evaluate(PRESS_LEFT_AT, start + 25.5)  # both parts are at hand, however slow the server is
    until(tab, f"kgenre.sound.seconds > {start + 31}")
    assert len(parts) == 2 and f"start={start + 30:g}" in parts[1]
    late = tab.evaluate("kgenre.sound.inside.context.currentTime - kgenre.sound.seconds")
    heard = np.array([one for one in tab.evaluate("window.heard") if start + 28 < one[0] - late < start + 31])
    assert len(heard) > 100
    level = np.median(heard[:, 1])
    assert level > 0.05 and heard[:, 1].min() > 0.9 * level  # no silence at the join
    assert heard[:, 2].max() < 2 * np.median(heard[:, 2])  # and no step
    tab.keyboard.press("Home")
    until(tab, "kgenre.state.playback.seconds === 0 && kgenre.sound.seconds < 30")
    assert tab.evaluate("kgenre.sound.inside.deck.voice.constructor.name") == "PartVoice"
    box = tab.locator(".strip").bounding_box()
    tab.mouse.click(box["x"] + 0.75 * box["width"], box["y"] + 20)
    until(tab, f"Math.abs(kgenre.state.playback.seconds - {0.75 * TONE_SECONDS}) < 3")
    tab.focus("#seek")
    tab.keyboard.press("End")
    until(tab, "kgenre.state.playback.paused")  # it ended by itself


# The bar.


def test_bar_by_mouse_pauses_seeks_and_keeps_the_volume(server, tab):
    opened(tab, server)
    assert "Drift from a random recording" in tab.inner_text("#now") and tab.is_disabled("#seek")
    play(tab, "Song 5")
    assert tab.inner_text("#total") == f"0:{SECONDS:02.0f}"
    tab.click("#toggle")
    until(tab, "kgenre.state.playback.paused")
    box = tab.locator(".strip").bounding_box()
    tab.mouse.click(box["x"] + box["width"] / 2, box["y"] + 10)
    assert tab.evaluate("kgenre.sound.seconds") == pytest.approx(SECONDS / 2, abs=0.3)
    assert tab.evaluate("kgenre.state.playback.paused")
    at = tab.evaluate("parseFloat(document.querySelector('.playhead').style.left)")
    assert at == pytest.approx(50, abs=3)
    tab.fill("#volume", "0.5")
    until(tab, "Math.abs(kgenre.sound.inside.master.gain.value - 0.25) < 0.01")
    tab.click("#mute")
    until(tab, "kgenre.sound.inside.master.gain.value < 0.01")
    opened(tab, server)
    assert tab.evaluate("[kgenre.state.volume, kgenre.state.muted]") == [0.5, True]
    assert tab.get_attribute("#mute", "aria-pressed") == "true"
    tab.click("#mute")
    assert tab.input_value("#volume") == "0.5"


def test_bar_by_keyboard_alone_plays_seeks_and_names_the_place(server, tab):
    opened(tab, f"{server}/#q=Tone")
    assert "Hits of Tone: 1 recording" in tab.inner_text("#now")
    tab.keyboard.press(" ")
    sounds(tab, "Tone")
    tab.keyboard.press(" ")
    until(tab, "kgenre.state.playback.paused")
    tab_to(tab, "#seek:focus-visible")
    seek = tab.locator("#seek")
    tab.keyboard.press("Home")
    tab.keyboard.press("ArrowRight")
    tab.keyboard.press("ArrowRight")
    tab.keyboard.press("ArrowLeft")
    assert tab.evaluate("kgenre.sound.seconds") == pytest.approx(5, abs=0.1)
    until(tab, "document.getElementById('seek').getAttribute('aria-valuetext').startsWith('0:05 of 1:05, ')")
    assert seek.get_attribute("aria-valuetext").split(", ")[1] in LABELS
    tab.keyboard.press("End")
    assert tab.evaluate("kgenre.sound.seconds") > TONE_SECONDS - 1
    tab.keyboard.press("Home")
    tab.keyboard.press(" ")  # of the page, on a slider too
    until(tab, "!kgenre.state.playback.paused && kgenre.state.playback.seconds === 0 && kgenre.sound.seconds > 0.2")


def test_bar_shows_what_play_would_play(server, tab):
    opened(tab, server)
    select(tab, "Song 1", "Song 2", "Song 3")
    until(tab, "document.getElementById('now').textContent.includes('Selection: 3 recordings')")
    tab.click("#sound")
    tab.mouse.click(*place_of(tab, row_of(tab, "Song 8")))
    until(tab, "document.getElementById('now').textContent.includes('Song 8')")
    assert tab.evaluate("kgenre.state.playback") is None
    tab.keyboard.press("Escape")
    tab.keyboard.press("Escape")
    tab.click("#toggle")
    until(tab, "kgenre.state.drift !== null && kgenre.state.playback !== null")


# The queue.


def test_queue_outlives_looking_at_other_tracks_and_goes_on_by_itself(server, tab):
    opened(tab, server)
    select(tab, "Song 1", "Song 4", "Song 7")
    tab.click("#play-all")
    sounds(tab, "Song 1")
    assert title(tab, "kgenre.state.current") == "Song 1"
    tab.click("#sound")
    tab.mouse.click(*place_of(tab, row_of(tab, "Song 9")))
    assert title(tab) == "Song 1" and queued(tab) == ["Song 1", "Song 4", "Song 7"]
    tab.focus("#seek")
    tab.keyboard.press("End")
    sounds(tab, "Song 4")  # by itself
    assert title(tab, "kgenre.state.current") == "Song 9"  # what is looked at stays
    tab.click("#next")
    sounds(tab, "Song 7")
    tab.click("#now")
    until(tab, "kgenre.state.current === kgenre.state.playback.row")
    tab.click("#previous")
    sounds(tab, "Song 4")
    assert title(tab, "kgenre.state.current") == "Song 4"  # now it is what is shown that plays


def test_queue_in_the_panel_by_keyboard_alone(server, tab):
    opened(tab, server)
    select(tab, "Song 1", "Song 2", "Song 3", "Song 4")
    tab.focus("#play-all")
    tab.keyboard.press("Enter")
    sounds(tab, "Song 1")
    tab.keyboard.press("q")
    until(tab, "!document.getElementById('queue').hidden")
    assert tab.get_attribute("#queue-button", "aria-expanded") == "true"
    current = tab.locator("#queue [aria-current=true]")
    assert "Song 1" in current.inner_text()
    tab.focus("#queued-2")
    tab.keyboard.press("Enter")
    sounds(tab, "Song 3")
    assert "Song 3" in current.inner_text() and tab.evaluate("document.activeElement.id") == "queued-2"
    tab.keyboard.press("p")
    sounds(tab, "Song 2")
    tab.focus("#unqueue-2")
    tab.keyboard.press("Enter")
    assert queued(tab) == ["Song 1", "Song 2", "Song 4"]
    tab.focus("#save-queue")
    with tab.expect_download() as download:
        tab.keyboard.press("Enter")
    lines = Path(download.value.path()).read_text(encoding="utf-8").splitlines()
    names = [Path(line).name for line in lines if not line.startswith("#")]
    assert names == ["song01.ogg", "song02.ogg", "song04.ogg"] and download.value.suggested_filename.endswith(".m3u8")
    tab.focus("#clear-queue")
    tab.keyboard.press("Enter")
    assert tab.evaluate("kgenre.state.queue") is None and title(tab) == "Song 2"  # it plays on
    assert not tab.evaluate("kgenre.state.playback.paused")


def test_queue_of_hits_and_nearest_is_played_instead(server, tab):
    opened(tab, server)
    play(tab, "Song 6")
    until(tab, "kgenre.state.neighbours.length > 3")
    tab.click("#queue-button")
    tab.click("#play-nearest")
    until(tab, "kgenre.state.queue?.kind === 'nearest'")
    assert queued(tab)[:2] == ["Song 6", "Song 5"]
    tab.fill("#search", "song 1")
    tab.click("#play-hits")
    until(tab, "kgenre.state.queue.kind === 'hits'")
    hits = queued(tab)
    assert hits and all(name.startswith("Song 1") for name in hits)
    tab.fill("#search", "song 2")
    assert queued(tab) == hits  # a queue that was asked for stays
    tab.keyboard.press("Escape")
    tab.keyboard.press("n")
    sounds(tab, hits[1])


def test_queue_of_whole_tracks_begins_with_their_beginning(server, tab):
    opened(tab, server)
    select(tab, "Song 1", "Song 2")
    tab.click("#play-all")
    sounds(tab, "Song 1")
    assert tab.evaluate("kgenre.state.playback.seconds") == 2
    tab.click("#queue-button")
    tab.select_option("#whole-tracks", "1")
    tab.click("#next")
    sounds(tab, "Song 2")
    assert tab.evaluate("kgenre.state.playback.seconds") == 0


def test_queue_of_parts_goes_on_after_thirty_seconds(server, tab):
    opened(tab, server)
    select(tab, "Tone", "Song 2")
    tab.click("#play-all")
    sounds(tab, "Tone")
    tab.evaluate("kgenre.store.set({ playback: { ...kgenre.state.playback, seconds: kgenre.sound.seconds - 25 } })")
    sounds(tab, "Song 2")


def test_queue_track_that_cannot_be_played_is_skipped_with_its_reason(server, tab):
    opened(tab, server)
    select(tab, "Song 1", "Broken", "Song 3")
    tab.click("#play-all")
    sounds(tab, "Song 1")
    tab.keyboard.press("n")
    sounds(tab, "Song 3")
    assert "broken.ogg" in tab.inner_text("#message")


def test_following_track_is_loaded_before_and_faded_into(server, tab):
    opened(tab, server)
    asked = []
    tab.on("request", lambda request: asked.append(request.url))
    select(tab, "Tone", "Song 2")
    two = tab.evaluate(f"kgenre.tracks.ids[{row_of(tab, 'Song 2')}]")
    tab.click("#play-all")
    sounds(tab, "Tone")
    assert not [url for url in asked if url.endswith((f"/audio/{two}", f"/track/{two}"))]
    tab.focus("#seek")
    tab.keyboard.press("End")
    until(tab, "kgenre.state.upcoming !== null || kgenre.state.playback.row !== kgenre.tracks.titles.indexOf('Tone')")
    assert [url for url in asked if url.endswith(f"/track/{two}")]
    sounds(tab, "Song 2")
    tab.keyboard.press("p")
    sounds(tab, "Tone")
    tab.evaluate("""() => { window.curves = []; const real = AudioParam.prototype.setValueCurveAtTime;
        AudioParam.prototype.setValueCurveAtTime = function (curve, at, seconds) {
            window.curves.push([curve[0], curve.at(-1), seconds]); return real.call(this, curve, at, seconds); }; }""")
    tab.keyboard.press("n")
    sounds(tab, "Song 2")
    assert tab.evaluate("window.curves") == [[0, 1, 0.4], [1, 0, 0.4]]  # the new one rises, the old one falls
    until(tab, "kgenre.sound.inside.deck.rise.gain.value > 0.99")
    assert tab.evaluate("kgenre.sound.inside.old") is None


def test_track_is_as_loud_as_its_gain_says(server, tab):
    opened(tab, server)
    play(tab, "Song 4")
    assert tab.evaluate("kgenre.sound.inside.deck.level.gain.value") == pytest.approx(10 ** (-6 / 20), rel=1e-3)


# Drift.


def test_drift_by_keyboard_goes_to_the_nearest_that_was_not_played(server, tab):
    opened(tab, server)
    play(tab, "Song 8")
    tab.keyboard.press("j")
    assert tab.get_attribute("#drift", "aria-pressed") == "true"
    for name in ("Song 7", "Song 6", "Song 5"):
        tab.keyboard.press("n")
        sounds(tab, name)
    assert tab.evaluate("kgenre.map.overlay.marks.trail.map((row) => kgenre.tracks.titles[row])") == [
        "Song 8", "Song 7", "Song 6", "Song 5",
    ]  # fmt: skip
    tab.focus("#seek")
    tab.keyboard.press("End")
    sounds(tab, "Song 4")  # by itself
    assert title(tab, "kgenre.state.current") == "Song 4"  # the map and the panel follow
    x, y = tab.evaluate(
        "kgenre.map.view.toPixels(kgenre.tracks.x[kgenre.state.current], kgenre.tracks.y[kgenre.state.current])"
    )
    assert tab.evaluate("document.getElementById('pulse').style.transform").startswith(f"translate({x:g}"[:14])
    assert tab.evaluate("getComputedStyle(document.getElementById('pulse'), '::after').animationName") == "pulse"
    tab.keyboard.press("j")
    assert tab.evaluate("kgenre.state.drift") is None and len(queued(tab)) >= 5  # what was played stays


def test_drift_by_mouse_jumps_farther_and_leaves_out_what_is_like_a_track(server, tab):
    opened(tab, server)
    play(tab, "Song 8")
    # A track of seven seconds would soon end.
    tab.evaluate("() => { for (const id of ['drift', 'toggle']) document.getElementById(id).click(); }")
    tab.click("#queue-button")
    tab.select_option("#jump", "4")
    tab.click("#next")
    until(tab, "kgenre.state.queue.at === 1")
    assert queued(tab)[:2] == ["Song 8", "Song 10"]  # 7, 6, 9 are nearer; the one after it may be chosen already
    sounds(tab, "Song 10")
    tab.click("#toggle")
    tab.select_option("#jump", "1")
    tab.click("#less-like-this")
    until(tab, "kgenre.state.queue.at === 2")
    assert queued(tab)[2] == "Song 7"  # from Song 8 on; 9 is nearer to it than to 10
    sounds(tab, "Song 7")
    with tab.expect_download() as download:
        tab.click("#save-queue")
    lines = Path(download.value.path()).read_text(encoding="utf-8").splitlines()
    assert [Path(line).name for line in lines[2:7:2]] == ["song08.ogg", "song10.ogg", "song07.ogg"]


def test_drift_after_the_end_of_a_track_begins_with_what_decided(server, tab):
    opened(tab, server)
    play(tab, "Song 8")
    begun = tab.evaluate("kgenre.state.playback.seconds")
    assert begun > 0
    tab.focus("#seek")
    tab.keyboard.press("End")
    until(tab, "kgenre.state.playback.paused")
    tab.click("#drift")
    until(tab, "kgenre.state.drift !== null && !kgenre.state.playback.paused && kgenre.state.wanted < 0")
    assert tab.evaluate("kgenre.state.playback.seconds") == begun


def test_drift_without_a_track_left_is_told_once_and_ends_with_the_music(server, tab):
    opened(tab, server)
    tab.evaluate("""() => { window.told = []; kgenre.store.subscribe(["message"], ({ message }) => {
        if (message) window.told.push(message.text); }); window.told.length = 0;
        Math.random = () => 0; }""")  # the first song, not the broken file
    tab.click("#start-drift")
    until(tab, "kgenre.state.drift !== null && kgenre.state.playback !== null")
    tab.evaluate("""() => { const { store, tracks } = kgenre, { queue, drift } = store.state;
        store.set({ upcoming: null, queue: { ...queue, rows: queue.rows.slice(0, queue.at + 1) },
            drift: { ...drift, chosen: [...tracks.ids.keys()] } }); }""")
    tab.focus("#seek")
    tab.keyboard.press("End")
    until(tab, "kgenre.state.playback.paused")
    tab.wait_for_timeout(300)
    assert tab.evaluate("window.told") == ["Drift ends here: all other recordings were played, or are to be avoided."]


def test_drift_trail_has_the_last_twelve_tracks(server, tab):
    opened(tab, server)
    tab.evaluate("""kgenre.store.set({ drift: { chosen: [], avoided: [] }, queue:
        { kind: 'drift', title: 'Drift', rows: [...Array(14).keys()], at: 12, provisional: false } })""")
    until(tab, "kgenre.map.overlay.marks.trail.length === 12")
    assert tab.evaluate("kgenre.map.overlay.marks.trail") == list(range(1, 13))


def test_reduced_motion_the_dot_does_not_pulse(server, browser):
    with new_tab(browser) as tab:
        tab.emulate_media(reduced_motion="reduce")
        opened(tab, server)
        play(tab, "Song 2")
        assert tab.locator("#pulse.sounds").count() == 1
        assert tab.evaluate("getComputedStyle(document.getElementById('pulse'), '::after').animationName") == "none"


def test_neighbours_excluded_and_those_nearer_to_an_avoided_one_are_left_out(place, server):
    with Library(place / "library.sqlite") as library:
        explorer = Explorer(library, library.space())
        ids = {name: library.id_of(place / f"song{name:02d}.ogg") for name in range(SONGS)}
    near = [one for one, _ in explorer.neighbours(ids[8], 4, 2.0)]
    assert near == [ids[7], ids[9], ids[6], ids[10]]
    left = [one for one, _ in explorer.neighbours(ids[8], 3, 2.0, exclude=[ids[7], 10**6])]
    assert left == [ids[9], ids[6], ids[10]]
    with httpx.Client(base_url=server) as client:
        answer = client.get(f"/neighbours/{ids[8]}", params={"n": 3, "avoid": [ids[10]], "exclude": [ids[7]]}).json()
        assert [one for one, _ in answer] == [ids[9], ids[6], ids[5]]  # 11 is nearer to 10
        assert client.get(f"/neighbours/{ids[8]}", params={"exclude": list(range(501))}).status_code == 422


def test_place_is_the_asked_one_from_the_first_moment(server, browser):
    with new_tab(browser) as tab:
        # The browser may know how long a file is some time before it tells the page.
        tab.add_init_script("""const listen = HTMLMediaElement.prototype.addEventListener;
            HTMLMediaElement.prototype.addEventListener = function (name, run, options) {
                const late = (event) => { window.tell = () => run(event); };
                listen.call(this, name, name === "loadedmetadata" ? late : run, options); };""")
        opened(tab, server)
        tab.mouse.click(*place_of(tab, row_of(tab, "Song 3")))
        until(tab, "window.tell")
        assert tab.evaluate("[kgenre.sound.seconds, kgenre.sound.inside.deck.sounded]") == [2, False]
        assert tab.evaluate("kgenre.state.clock.seconds") == 2
        tab.evaluate("window.tell()")
        sounds(tab, "Song 3")
        assert 2 <= tab.evaluate("kgenre.sound.seconds") < SECONDS


# The system, and a server that is gone.


def test_media_session_knows_the_track_and_its_keys_work(server, browser):
    with new_tab(browser) as tab:
        tab.add_init_script("""window.handlers = {};
            const set = navigator.mediaSession.setActionHandler.bind(navigator.mediaSession);
            navigator.mediaSession.setActionHandler = (name, handler) => {
                window.handlers[name] = handler; set(name, handler); };
            navigator.mediaSession.setPositionState = (state) => { window.position = state; };""")
        opened(tab, server)
        select(tab, "Song 1", "Song 2")
        tab.click("#play-all")
        sounds(tab, "Song 1")
        about = "(({ metadata: m, playbackState }) => [m.title, m.artist, playbackState])(navigator.mediaSession)"
        assert tab.evaluate(about) == ["Song 1", "The Testers", "playing"]
        assert "/cover/" in tab.evaluate("navigator.mediaSession.metadata.artwork[0].src")
        assert tab.evaluate("window.position.duration") == SECONDS and tab.evaluate("window.position.position") == 2
        tab.evaluate("window.handlers.pause()")
        until(tab, "navigator.mediaSession.playbackState === 'paused'")
        tab.evaluate("window.handlers.seekto({ seekTime: 5 })")
        until(tab, "window.position.position === 5")
        tab.evaluate("window.handlers.play()")
        until(tab, "navigator.mediaSession.playbackState === 'playing'")
        tab.evaluate("window.handlers.nexttrack()")
        sounds(tab, "Song 2")
        assert tab.evaluate(about)[0] == "Song 2"
        tab.evaluate("window.handlers.previoustrack()")
        sounds(tab, "Song 1")


def test_server_that_is_gone_is_told_once_and_music_goes_on_when_it_is_back(place, tab):
    with served(place) as address:
        opened(tab, address)
        select(tab, "Song 1", "Song 2", "Song 3", "Song 4")
        tab.click("#play-all")
        sounds(tab, "Song 1")
        tab.evaluate("""() => { window.told = []; kgenre.store.subscribe(["message"], ({ message }) => {
            if (message) window.told.push(message.text); }); window.told.length = 0; }""")
    tab.focus("#seek")
    tab.keyboard.press("End")
    until(tab, "kgenre.state.playback.paused")
    tab.wait_for_timeout(500)
    told = tab.evaluate("window.told")
    assert told == ["kgenre does not respond. Is it still running in the terminal?"]
    with served(place, port=int(address.rsplit(":", 1)[1])):
        tab.keyboard.press("n")
        sounds(tab, "Song 2")
