"""The page on a phone and a tablet, in a browser with a touch screen: the sheet, and all that one does by touch."""

import os
from pathlib import Path

import numpy as np
import pytest
from audio_files import music, write_sound
from chromium import drag, fingers, opened, until
from libraries import LABELS, make_library
from test_page_finding import violations

from kgenre.library.head import load_head, predict
from kgenre.library.map.update import update_map
from kgenre.library.records import Track, TrackAnalysis
from kgenre.library.store import Library
from kgenre.web.explore.offline import page_html
from kgenre.web.explore.payload import payload

SHOTS = os.environ.get("KGENRE_SCREENSHOTS")  # a folder to look at the page's pictures in
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
TARGET = 40  # pixels, of what a finger is to hit
SONGS = {"song.ogg": "Morning alive", "other.ogg": "Blue hour"}


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder with a library of invented recordings, and two real files that it holds."""
    folder = tmp_path_factory.mktemp("music")
    with make_library(folder / "library.sqlite", 120, root=str(folder), tags=("mellow", "happy")) as library:
        space = library.space()
        for number, (name, title) in enumerate(SONGS.items()):
            write_sound(folder / name, music(10.0, 22050, 1, seed=number), 22050)
            digest = name.ljust(16).encode()
            about = {"title": title, "artist": "The Testers", "album": "Late", "seconds": 10.0}
            library.save([Track(bytes(folder / name), 1, 1, digest, digest, **about)])
            probabilities = np.eye(len(LABELS))[[3, 3, 3, 4, 3]] * 0.5 + 0.05
            analysis = TrackAnalysis(2.0 * np.arange(5), 2.0 * np.eye(5, 16), probabilities, np.array([0.4, 0.6]))
            library.save_analysis(space, digest, analysis)
        update_map(library, space)
    return folder


@pytest.fixture(scope="module")
def loaded(server, browser):
    """The page on a phone, loaded once for this file, and what it was like at first."""
    context, errors = browser.new_context(**PHONE), []
    tab = context.new_page()
    tab.on("pageerror", lambda error: errors.append(str(error)))
    opened(tab, server)
    tab.evaluate("() => { window.first = kgenre.state; }")
    yield tab
    context.close()
    assert not errors


@pytest.fixture
def phone(loaded):
    """The page on a phone as it was at first."""
    back_to_start(loaded)
    return loaded


def back_to_start(tab) -> None:
    tab.emulate_media(color_scheme="light", reduced_motion="reduce")
    tab.set_viewport_size(PHONE["viewport"])
    tab.evaluate(
        "() => { document.querySelector('#dialog').close(); document.activeElement.blur(); kgenre.store.set(first); }"
    )
    tab.evaluate("() => { document.querySelector('#panel').scrollTop = 0; kgenre.map.fit(); }")
    settled(tab, "half")


def shoot(tab, name: str) -> None:
    if SHOTS:
        tab.wait_for_timeout(400)
        tab.screenshot(path=f"{SHOTS}/phone_{name}.png")


def box(tab, selector: str) -> dict[str, float]:
    return tab.locator(selector).bounding_box()


def settled(tab, size: str) -> None:
    """Waits until the sheet has a size, and the map what it leaves."""
    until(tab, f"kgenre.state.sheet === '{size}' && document.querySelector('#sheet').getAnimations().length === 0")
    below = "half" if size == "full" else size
    until(tab, f"(document.body.dataset.below ?? 'half') === '{below}' || '{size}' === 'full'")
    until(tab, "kgenre.map.view.height === kgenre.map.element.clientHeight")


def drag_sheet(tab, touch, by: float) -> None:
    """Drags the head by a number of pixels, downwards, and so slowly that it is no flick."""
    head = box(tab, "#sheet-head")
    x, y = head["x"] + head["width"] / 2, head["y"] + 8
    drag(touch, *[(x, y + by * step / 10) for step in range(11)])


def pixel_of(tab, row: int) -> tuple[float, float]:
    x, y = tab.evaluate(f"kgenre.map.view.toPixels(kgenre.tracks.x[{row}], kgenre.tracks.y[{row}])")
    map_box = box(tab, "#map")
    return map_box["x"] + x, map_box["y"] + y


def row_of(tab, title: str) -> int:
    return tab.evaluate(f"kgenre.tracks.titles.indexOf({title!r})")


SMALL_TARGETS = """(least) => [...document.querySelectorAll(
        "button, input, select, textarea, a[href], [role=option], [role=slider], [tabindex='0']")]
    .filter((one) => one.checkVisibility())
    .filter((one) => !document.querySelector("dialog[open]") || one.closest("dialog"))
    .map((one) => [one, (one.matches("[type=checkbox]") ? one.closest("label") ?? one : one).getBoundingClientRect()])
    .filter(([, { width, height }]) => Math.min(width, height) < least - 0.5)
    .map(([one, { width, height }]) => `${one.outerHTML.slice(0, 120)}: ${width.toFixed(1)} x ${height.toFixed(1)}`)"""


def small_targets(tab, least: float = TARGET) -> list[str]:
    return tab.evaluate(SMALL_TARGETS, least)


# The sheet.


def test_sheet_is_dragged_by_its_head_between_three_sizes_and_leaves_the_map_the_rest(phone):
    touch = fingers(phone)
    whole = phone.viewport_size["height"]
    header = box(phone, "#bar")["height"]

    def heights():
        return box(phone, "#sheet")["height"], box(phone, "#map")["height"]

    assert heights() == (pytest.approx(whole / 2, abs=1), pytest.approx(whole / 2 - header, abs=1))
    drag_sheet(phone, touch, whole / 2 - 100)
    settled(phone, "peek")
    sheet, room = heights()
    assert sheet < 80 and room == pytest.approx(whole - header - sheet, abs=1)
    assert box(phone, "#panel")["y"] >= whole - 6  # nothing of it is seen, and the head is one line
    drag_sheet(phone, touch, -whole / 2 + 120)
    settled(phone, "half")
    drag_sheet(phone, touch, -60)  # not far enough: it goes back
    settled(phone, "half")
    assert heights()[0] == pytest.approx(whole / 2, abs=1)
    drag_sheet(phone, touch, -300)
    settled(phone, "full")
    assert header <= box(phone, "#sheet")["y"] < header + 20
    head = box(phone, "#sheet-head")
    # A flick: one size on, though it is nearer to where it began. With a rest at its end it is none.
    drag(touch, (195, head["y"] + 8), (195, head["y"] + 158))
    settled(phone, "full")
    drag(touch, (195, head["y"] + 8), (195, head["y"] + 158), rest=0.01)
    settled(phone, "half")


def test_sheet_second_finger_changes_nothing_of_a_drag(phone):
    touch, head = fingers(phone), box(phone, "#sheet-head")
    x, y = head["x"] + head["width"] / 2, head["y"] + 8
    touch("touchStart", (x, y))
    touch("touchMove", (x, y + 60))
    touch("touchStart", (x, y + 60), (x + 80, y + 60))
    touch("touchMove", (x, y + 100), (x + 80, y - 200))
    touch("touchMove", (x, y + 200))  # the second is lifted
    half = phone.viewport_size["height"] / 2
    until(phone, f"Math.abs(document.querySelector('#sheet').offsetHeight - {half - 200}) < 3")
    touch("touchMove", (x, y + phone.viewport_size["height"] / 2 - 60))
    touch("touchEnd")
    settled(phone, "peek")


def test_sheet_drag_that_begins_on_a_button_presses_none(phone):
    touch, next_button = fingers(phone), box(phone, "#toggle")
    x, y = next_button["x"] + 20, next_button["y"] + 20
    drag(touch, *[(x, y + 30 * step) for step in range(11)])
    settled(phone, "peek")
    assert phone.evaluate("kgenre.state.playback") is None and phone.evaluate("kgenre.state.wanted") == -1


def test_sheet_has_its_sizes_from_buttons_by_touch_and_keyboard(phone):
    phone.tap("#sheet-lower")
    settled(phone, "peek")
    assert (
        not phone.is_visible("#sheet-lower") and phone.get_attribute("#sheet-raise", "aria-label") == "Open the panel"
    )
    phone.focus("#sheet-raise")
    for size in ("half", "full"):
        phone.keyboard.press("Enter")
        settled(phone, size)
    assert phone.evaluate("document.activeElement.id") == "sheet-lower"  # the other one is gone
    phone.keyboard.press("Enter")
    phone.keyboard.press("Enter")
    settled(phone, "peek")
    assert phone.evaluate("document.activeElement.id") == "sheet-raise"
    phone.keyboard.press("Tab")  # what has the focus is seen
    settled(phone, "half")
    assert phone.evaluate("document.activeElement.closest('#panel') !== null")
    head = box(phone, "#now")
    phone.tap("#sheet-lower")
    settled(phone, "peek")
    phone.touchscreen.tap(head["x"] + 30, phone.viewport_size["height"] - 30)  # a tap on its title
    settled(phone, "half")


def test_sheet_moves_by_itself_only_where_motion_is_not_reduced(phone):
    seconds = "getComputedStyle(document.querySelector('#sheet')).transitionDuration"
    assert phone.evaluate(seconds) == "0s"
    phone.emulate_media(reduced_motion="no-preference")
    assert phone.evaluate(seconds) != "0s"
    phone.tap("#sheet-lower")
    settled(phone, "peek")


def test_sheet_that_covers_the_map_makes_room_where_the_map_is_needed(phone):
    for use in ("#search", "#more-button"):
        phone.evaluate("kgenre.store.set({ sheet: 'full' })")
        settled(phone, "full")
        phone.tap(use)
        settled(phone, "half")
        phone.tap("#map", position={"x": 5, "y": 200})
    phone.evaluate("kgenre.store.set({ sheet: 'peek', selection: [1, 2], selected: null })")
    settled(phone, "half")
    assert phone.is_visible("#save")


def test_sheet_shows_what_is_chosen_while_it_is_low(phone):
    def low():
        phone.evaluate("kgenre.store.set({ sheet: 'peek' })")
        settled(phone, "peek")

    phone.evaluate("kgenre.store.set({ selection: [1, 2] })")
    settled(phone, "half")
    low()
    phone.evaluate("kgenre.store.set({ selection: [3, 4] })")  # as many, and others
    settled(phone, "half")
    phone.evaluate("kgenre.store.set({ selection: [] })")
    phone.tap("#surprise")
    until(phone, "kgenre.state.playback !== null")
    phone.tap("#toggle")
    low()
    phone.evaluate("kgenre.store.set({ queueShown: true, clickPlays: false })")
    settled(phone, "half")
    low()
    nearest = (
        "kgenre.map.grid.nearest([kgenre.map.view.x, kgenre.map.view.y], 1e9, (row) => row !== kgenre.state.current)"
    )
    row = phone.evaluate(nearest)
    phone.touchscreen.tap(*pixel_of(phone, row))
    until(phone, f"kgenre.state.current === {row}")
    settled(phone, "half")  # the head names what is played


def test_selection_is_added_to_by_touch(phone):
    phone.evaluate("kgenre.store.set({ selection: [1, 2], clickPlays: false })")
    phone.tap("#add-more")
    assert phone.get_attribute("#add-more", "aria-pressed") == "true"
    row = phone.evaluate("kgenre.map.grid.nearest([kgenre.map.view.x, kgenre.map.view.y], 1e9, (one) => one > 2)")
    phone.touchscreen.tap(*pixel_of(phone, row))
    until(phone, "kgenre.state.selection.length > 2")
    assert phone.evaluate("kgenre.state.selection") == [1, 2, row] and phone.evaluate("kgenre.state.current") == -1
    phone.evaluate("kgenre.store.set({ sheet: 'peek' })")
    settled(phone, "peek")
    chosen = (
        "kgenre.map.grid.nearest([kgenre.map.view.x, kgenre.map.view.y], 1e9, (one) => !kgenre.state.selected[one])"
    )
    phone.touchscreen.tap(*pixel_of(phone, phone.evaluate(chosen)))
    until(phone, "kgenre.state.selection.length === 4")
    settled(phone, "peek")  # the map stays free for the next one
    phone.evaluate("kgenre.store.set({ sheet: 'half' })")
    settled(phone, "half")
    phone.tap("#selection h2 button:last-child")
    until(phone, "kgenre.state.selection.length === 0")
    assert phone.evaluate("kgenre.state.addsToSelection") is False


def test_player_is_one_line_at_peek_and_has_all_controls_at_full(phone):
    one_line = ("#now", "#toggle", "#next")
    others = ("#previous", "#mute", "#volume", "#queue-button", "#drift")
    phone.tap("#surprise")
    until(phone, "kgenre.state.playback !== null")
    assert all(map(phone.is_visible, (*one_line, "#seek"))) and not any(map(phone.is_visible, others))
    shoot(phone, "playing_half")
    phone.tap("#sheet-lower")
    settled(phone, "peek")
    middles = {round(box(phone, name)["y"] + box(phone, name)["height"] / 2) for name in one_line}
    assert max(middles) - min(middles) < 4 and not phone.is_visible("#seek")
    shoot(phone, "playing_peek")
    phone.evaluate("kgenre.store.set({ sheet: 'full' })")
    settled(phone, "full")
    assert all(map(phone.is_visible, (*one_line, "#seek", *others)))
    phone.tap("#queue-button")
    phone.wait_for_selector("#queue:has-text('Queue')")
    shoot(phone, "playing_full")
    assert small_targets(phone) == []
    phone.tap("#toggle")


# The legend.


def test_legend_is_a_chip_that_opens_it_and_tells_what_is_hidden(phone):
    assert not phone.is_visible("#scale") and phone.inner_text("#legend-button") == "Predicted genre"
    phone.tap("#legend-button")
    assert phone.get_attribute("#legend-button", "aria-expanded") == "true"
    phone.tap("#scale button >> nth=1")
    phone.wait_for_selector("#legend-button:has-text('1 hidden')")
    assert small_targets(phone) == []
    shoot(phone, "legend")
    phone.tap("#legend-button")
    assert not phone.is_visible("#scale")


# All that one does, by touch.


def test_page_is_used_by_touch_alone(phone):
    """Find a recording, play and pause it, select with a lasso and by taps, save, correct a genre, take that back."""
    touch, title = fingers(phone), SONGS["song.ogg"]
    row = row_of(phone, title)
    phone.tap("#search")
    phone.keyboard.type("alive")
    phone.wait_for_selector("#results:not([hidden])")
    shoot(phone, "search")
    assert small_targets(phone) == []
    phone.tap(f"#hit-{row}")
    until(phone, f"kgenre.state.current === {row} && kgenre.state.playback?.row === {row}")
    assert phone.inner_text("#now .name") == title
    phone.tap("#toggle")
    until(phone, "kgenre.state.playback.paused")
    phone.wait_for_selector("#neighbours li")
    shoot(phone, "track")
    assert small_targets(phone) == []
    phone.fill("#search", "")
    # Another track, by a tap on the map while the sheet is low.
    phone.tap("#sheet-lower")
    settled(phone, "peek")
    phone.evaluate("kgenre.map.fit()")
    other = phone.evaluate("kgenre.map.grid.nearest([kgenre.map.view.x, kgenre.map.view.y], 1e9, () => true)")
    phone.touchscreen.tap(*pixel_of(phone, other))
    until(phone, f"kgenre.state.current === {other}")
    assert phone.evaluate("kgenre.state.sheet") == "peek"  # its name is in the head, and the map stays free
    # A lasso: what it selects is seen.
    phone.tap("#tool-lasso")
    area = box(phone, "#map")
    left, top, right, bottom = (
        area["x"] + 4,
        area["y"] + 60,
        area["x"] + area["width"] - 4,
        area["y"] + area["height"] - 60,
    )
    drag(touch, (left, top), (right, top), (right, bottom), (left, bottom), (left, top))
    until(phone, "kgenre.state.selection.length > 10")
    settled(phone, "half")
    panel, save = box(phone, "#panel"), box(phone, "#save")
    assert panel["y"] <= save["y"] and save["y"] + save["height"] <= panel["y"] + panel["height"]
    shoot(phone, "selection")
    assert small_targets(phone) == []
    with phone.expect_download() as download:
        phone.tap("#save")
    lines = Path(download.value.path()).read_text(encoding="utf-8").splitlines()
    assert len(lines) == 1 + 2 * phone.evaluate("kgenre.state.selection.length")
    # A genre is corrected, the head retrained; both are undone.
    phone.tap("#tool-pan")
    phone.tap("#genre")
    phone.keyboard.type(LABELS[0])
    phone.tap("#correct")
    phone.wait_for_selector(f"#track:has-text('Corrected to: {LABELS[0]}')")
    phone.tap("#retrain")
    phone.wait_for_selector("#would-change")
    assert small_targets(phone) == []
    phone.tap("#apply-retraining-in-dialog")
    phone.wait_for_selector("#undo-retraining")
    assert small_targets(phone) == []
    phone.tap("#undo-retraining")
    phone.wait_for_selector("#undo-retraining", state="detached")
    phone.tap("#remove-correction")
    phone.wait_for_selector("#message.shown:has-text('Correction removed')")
    assert phone.evaluate("kgenre.state.corrections.size") == 0
    seen = box(phone, "#message")
    assert seen["y"] + seen["height"] < box(phone, "#sheet")["y"]
    phone.tap("#sheet-raise")
    settled(phone, "full")
    shoot(phone, "full")
    phone.evaluate("kgenre.store.set({ message: { text: 'Over a sheet as high as the screen' } })")
    box_of_message = phone.wait_for_selector("#message.shown:has-text('as high as')").bounding_box()
    middle = box_of_message["x"] + box_of_message["width"] / 2, box_of_message["y"] + box_of_message["height"] / 2
    assert (
        0 <= box_of_message["x"]
        and middle[0] == pytest.approx(195, abs=2)
        and middle[1] < phone.viewport_size["height"]
    )


def test_menu_and_dialogs_have_targets_for_a_finger(phone):
    phone.tap("#more-button")
    assert small_targets(phone) == []
    shoot(phone, "menu")
    for opener in ("#help", "#failures"):
        if not phone.is_visible(opener):
            phone.tap("#more-button")
        phone.tap(opener)
        phone.wait_for_selector("#dialog[open]")
        assert small_targets(phone) == []
        phone.tap("#close-dialog")
    phone.tap("#sheet-lower")  # the line at the foot of the map has no room above a larger sheet
    phone.tap("#reliability")
    phone.wait_for_selector("#dialog[open]")
    assert small_targets(phone) == []
    phone.tap("#close-dialog")
    phone.evaluate("kgenre.store.set({ tagDialog: { rows: [0, 1] } })")
    phone.wait_for_selector("#write-moods")
    assert small_targets(phone) == []
    phone.tap("#close-dialog")


@pytest.mark.parametrize(
    ("scheme", "size"), [("light", "half"), ("dark", "full"), *[pytest.param(scheme, size, marks=pytest.mark.soak)
     for scheme, size in (("light", "peek"), ("light", "full"), ("dark", "peek"), ("dark", "half"))]],
)  # fmt: skip
def test_phone_has_no_accessibility_fault(phone, scheme, size):
    phone.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    phone.tap("#surprise")
    until(phone, "kgenre.state.playback !== null")
    phone.tap("#toggle")
    phone.wait_for_selector("#neighbours li")
    phone.evaluate(f"kgenre.store.set({{ sheet: '{size}' }})")
    settled(phone, size)
    if size != "full":
        phone.tap("#legend-button")
    shoot(phone, f"{scheme}_{size}")
    faults = violations(phone)
    if size != "full":
        phone.tap("#legend-button")
    assert faults == []


@pytest.mark.soak
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("opener", ["search", "more-button", "help", "reliability", "tags", "queue-button"])
def test_phone_view_has_no_accessibility_fault(phone, opener, scheme):
    phone.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    if opener == "search":
        phone.tap("#search")
        phone.keyboard.type("song")
        phone.wait_for_selector("#results:not([hidden])")
    elif opener == "tags":
        phone.evaluate("kgenre.store.set({ tagDialog: { rows: [0, 1] } })")
        phone.wait_for_selector("#write-moods")
    elif opener != "more-button":
        phone.evaluate(f"document.querySelector('#{opener}').click()")
    else:
        phone.tap("#more-button")
    shoot(phone, f"{scheme}_{opener}")
    faults = violations(phone)
    phone.evaluate("document.querySelector('#more-items').hidden = true")
    assert faults == []


# Other screens, and no server.


def test_sheet_is_of_narrow_screens_and_of_tablets_held_upright(phone):
    is_sheet = "getComputedStyle(document.querySelector('#sheet')).position === 'absolute'"
    for width, height, sheet in (
        (768, 1024, True),
        (844, 390, True),
        (915, 412, True),
        (1024, 768, False),
        (1180, 820, False),
    ):
        phone.set_viewport_size({"width": width, "height": height})
        until(phone, f"innerWidth === {width} && ({is_sheet}) === {str(sheet).lower()}")
        phone.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        assert phone.evaluate("document.documentElement.scrollWidth") <= width
        assert box(phone, "#bar")["height"] < 60 and small_targets(phone) == []
        sized = phone.is_visible("#sheet-lower") or phone.is_visible("#sheet-raise")
        assert phone.is_visible("#legend-button") == sheet == sized


def test_sheet_of_a_low_screen_has_two_sizes_and_shows_the_panel(phone):
    phone.set_viewport_size({"width": 844, "height": 390})
    settled(phone, "peek")
    assert box(phone, "#map")["height"] > 150
    phone.tap("#sheet-raise")
    settled(phone, "full")
    assert box(phone, "#panel")["height"] > 200 and small_targets(phone) == []
    phone.tap("#surprise")
    until(phone, "kgenre.state.details !== null")
    title = box(phone, "#track .title")
    panel = box(phone, "#panel")
    assert panel["y"] <= title["y"] and title["y"] + title["height"] <= panel["y"] + panel["height"]
    phone.tap("#sheet-lower")
    settled(phone, "peek")


def test_sheet_of_a_narrow_window_is_dragged_by_mouse(server, tab):
    tab.set_viewport_size({"width": 500, "height": 800})
    tab.emulate_media(reduced_motion="reduce")
    opened(tab, server)
    head = box(tab, "#sheet-head")
    tab.mouse.move(200, head["y"] + 6)
    tab.mouse.down()
    tab.mouse.move(200, 760, steps=8)
    tab.mouse.up()
    settled(tab, "peek")
    tab.mouse.wheel(0, -300)  # and nothing is dragged any more
    tab.mouse.move(200, 300)
    settled(tab, "peek")


def test_offline_page_on_a_phone_has_the_sheet_without_a_player(place, browser, tmp_path):
    with Library(place / "library.sqlite") as library:
        space = library.space()
        data = payload(library, space, None, predict(library, space, load_head(library, space)), offline=True)
    (tmp_path / "map.html").write_text(page_html(data), encoding="utf-8")
    context = browser.new_context(**PHONE, reduced_motion="reduce", color_scheme="dark")
    tab = opened(context.new_page(), (tmp_path / "map.html").as_uri())
    touch = fingers(tab)
    assert tab.inner_text("#sheet-text .name") == "122 recordings" and not tab.is_visible("#toggle")
    shoot(tab, "offline_start")
    drag_sheet(tab, touch, 300)
    settled(tab, "peek")
    row = row_of(tab, SONGS["other.ogg"])
    tab.touchscreen.tap(*pixel_of(tab, row))
    until(tab, f"kgenre.state.current === {row}")
    assert tab.inner_text("#sheet-text .name") == SONGS["other.ogg"] and small_targets(tab) == []
    shoot(tab, "offline_peek")
    head = box(tab, "#sheet-text")
    tab.touchscreen.tap(head["x"] + 20, head["y"] + 20)
    settled(tab, "half")
    tab.wait_for_selector("#track")
    tab.tap("#tool-box")
    area = box(tab, "#map")
    drag(
        touch,
        (area["x"] + 4, area["y"] + 60),
        (200, 200),
        (area["x"] + area["width"] - 4, area["y"] + area["height"] - 4),
    )
    until(tab, "kgenre.state.selection.length > 10")
    shoot(tab, "offline_selection")
    assert small_targets(tab) == []
    with tab.expect_download() as download:
        tab.tap("#csv")
    assert len(Path(download.value.path()).read_text(encoding="utf-8").splitlines()) == 1 + tab.evaluate(
        "kgenre.state.selection.length"
    )
    context.close()
