"""How one finds music on the page, in a real browser: search, legend, link, nearest, start, menu, keyboard."""

import os
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from audio_files import music, write_sound
from chromium import opened, tab_to, until
from libraries import LABELS, invented_track, make_library

from kgenre.library.head import load_head, predict
from kgenre.library.map.update import update_map
from kgenre.library.records import Track, TrackAnalysis
from kgenre.library.store import Library
from kgenre.web.explore.offline import page_html
from kgenre.web.explore.payload import payload

SHOTS = os.environ.get("KGENRE_SCREENSHOTS")  # a folder to look at the page's pictures in
INVENTED = 240
SONGS = {"song.ogg": ("Artist 3 alive", "The Jazz Hands"), "other.ogg": ("Blue hour", "Nobody")}


SERVED_MODEL = "LoudModel"


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder with a library of invented recordings, and two real files that it holds, of five slices each."""
    folder = tmp_path_factory.mktemp("music")
    with make_library(folder / "library.sqlite", INVENTED, root=str(folder), tags=("mellow", "happy")) as library:
        space = library.space()
        for number, (name, (title, artist)) in enumerate(SONGS.items()):
            write_sound(folder / name, music(10.0, 22050, 1, seed=number), 22050)
            digest = name.ljust(16).encode()
            about = {"title": title, "artist": artist, "album": "Late", "seconds": 10.0}
            library.save([Track(bytes(folder / name), 1, 1, digest, digest, **about)])
            probabilities = np.eye(len(LABELS))[[3, 3, 3, 4, 3]] * 0.5 + 0.05
            probabilities[2] *= 1.5  # this slice decides
            starts = 2.0 * np.arange(5)
            library.save_analysis(
                space, digest, TrackAnalysis(starts, 2.0 * np.eye(5, 16), probabilities, np.array([0.4, 0.6]))
            )
        update_map(library, space)
    return folder


@pytest.fixture
def songs(place) -> dict[str, int]:
    """{name: id} of the real files."""
    with Library(place / "library.sqlite") as library:
        return {name: library.id_of(place / name) for name in SONGS}


def base36(track: int) -> str:
    return np.base_repr(track, 36).lower()


def focused(tab) -> str:
    return tab.evaluate("document.activeElement.id || document.activeElement.textContent")


def press(tab, *keys: str) -> None:
    for key in keys:
        tab.keyboard.press(key)


def options(tab) -> list[str]:
    return tab.locator("#search-hits [role=option] .text > span:first-child").all_inner_texts()


def type_search(tab, text: str) -> None:
    tab.click("#search")
    tab.keyboard.type(text)
    until(tab, f"kgenre.state.query === {text!r}")


def offline_page(library, tmp_path) -> str:
    space = library.space()
    update_map(library, space)
    page = page_html(payload(library, space, None, predict(library, space, load_head(library, space)), offline=True))
    (tmp_path / "map.html").write_text(page, encoding="utf-8")
    return (tmp_path / "map.html").as_uri()


# The search.


def test_search_hits_are_listed_by_what_holds_the_words(server, tab):
    opened(tab, server)
    assert tab.get_attribute("#search", "aria-expanded") == "false" and not tab.is_visible("#results")
    type_search(tab, "artist 3")
    tab.wait_for_selector("#results:not([hidden])")
    assert tab.get_attribute("#search", "aria-expanded") == "true"
    places = tab.locator("#search-hits .place").all_inner_texts()
    assert places == ["Title", "Artist", "Folder, genre, tag or year"]  # the last: Artist 1 with a 3 in its title
    assert options(tab)[0] == "Artist 3 alive"
    credits = tab.locator("#hits-of-1 ~ [role=option] .small").all_inner_texts()
    assert credits and all(one.startswith("Artist 3 ·") for one in credits)
    hits = tab.evaluate("kgenre.state.hits.reduce((sum, hit) => sum + hit, 0)")
    assert tab.inner_text("#hits").split() == [str(hits), "hits"] and tab.get_attribute("#hits", "role") == "status"


def test_search_title_that_begins_with_the_words_is_first(server, tab):
    opened(tab, server)
    type_search(tab, "söng 1")
    tab.wait_for_selector("#results:not([hidden])")
    begins = [title.startswith("Söng 1") for title in options(tab)]
    assert begins[0] and begins == sorted(begins, reverse=True)


def test_search_many_hits_are_listed_up_to_a_bound(server, tab):
    opened(tab, server)
    type_search(tab, "s")
    tab.wait_for_selector("#results:not([hidden])")
    hits = tab.evaluate("kgenre.state.hits.reduce((sum, hit) => sum + hit, 0)")
    assert len(options(tab)) == 50 < hits
    assert f"and {hits - 50} more" in tab.inner_text("#more-hits") and f"all {hits}" in tab.inner_text("#more-hits")


def test_search_enter_on_a_row_shows_and_plays_that_recording(server, tab, songs):
    opened(tab, server)
    type_search(tab, "blue")
    tab.wait_for_selector("#results:not([hidden])")
    assert options(tab)[0] == "Blue hour"
    press(tab, "ArrowDown", "ArrowDown", "ArrowUp")
    chosen = tab.get_attribute("#search", "aria-activedescendant")
    assert tab.get_attribute(f"#{chosen}", "aria-selected") == "true" and focused(tab) == "search"
    tab.keyboard.press("Enter")
    until(tab, f"kgenre.tracks.ids[kgenre.state.current] === {songs['other.ogg']}")
    tab.wait_for_selector("#play:has-text('Pause')")
    assert not tab.is_visible("#results") and tab.input_value("#search") == "blue"


def test_search_row_that_is_chosen_at_once_stays_chosen(server, tab):
    opened(tab, server)
    tab.click("#search")
    tab.keyboard.type("album 1")
    press(tab, "ArrowDown", "ArrowDown")  # before the last letters were searched for
    tab.evaluate("kgenre.store.set({ genres: kgenre.state.genres + 1 })")
    tab.wait_for_timeout(200)
    assert tab.evaluate("kgenre.state.query") == "album 1"
    assert tab.locator("#search-hits [role=option]").nth(1).get_attribute("aria-selected") == "true"


def test_search_click_on_a_row_shows_that_recording(server, tab, songs):
    opened(tab, server)
    type_search(tab, "hands")
    tab.click("#search-hits [role=option]")
    until(tab, f"kgenre.tracks.ids[kgenre.state.current] === {songs['song.ogg']}")
    assert not tab.is_visible("#results")


def test_search_enter_in_the_field_selects_all_hits_and_brings_them_into_view(server, tab):
    opened(tab, server)
    tab.evaluate("() => { kgenre.map.view.zoom(300, 5, 5); }")
    type_search(tab, "metal/album")
    tab.keyboard.press("Enter")
    hits = tab.evaluate("[...kgenre.state.hits.keys()].filter((row) => kgenre.state.hits[row])")
    assert tab.evaluate("kgenre.state.selection") == hits and len(hits) == 40
    tab.wait_for_selector("#message:has-text('40 recordings selected')")
    until(tab, "kgenre.state.reveal === null || kgenre.state.selection.every((row) => kgenre.map.view.contains("
               "...kgenre.map.view.toPixels(kgenre.tracks.x[row], kgenre.tracks.y[row]), 0))")  # fmt: skip
    assert not tab.is_visible("#results")


def test_search_escape_closes_the_list_and_keeps_the_text(server, tab):
    opened(tab, server)
    type_search(tab, "metal")
    tab.wait_for_selector("#results:not([hidden])")
    tab.keyboard.press("Escape")
    assert not tab.is_visible("#results") and tab.input_value("#search") == "metal"
    assert tab.get_attribute("#search", "aria-expanded") == "false" and tab.evaluate("kgenre.state.selection") == []


def test_search_without_hits_says_so(server, tab):
    opened(tab, server)
    type_search(tab, "zzz")
    tab.wait_for_selector("#more-hits:has-text('Nothing found')")
    assert tab.inner_text("#hits").split() == ["0", "hits"]
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#message:has-text('No hits')")


def test_search_letters_typed_at_once_are_searched_once_more_after_the_first(server, tab):
    opened(tab, server)
    searched = tab.evaluate("""async () => {
        const field = document.getElementById("search"), real = kgenre.tracks.search, searched = [];
        kgenre.tracks.search = (query) => { searched.push(query); return real.call(kgenre.tracks, query); };
        const at = performance.now();
        performance.now = () => at; // the letters come at once, however slow the machine is
        for (const letter of "album 1") { field.value += letter; field.dispatchEvent(new Event("input")); }
        delete performance.now;
        await new Promise((done) => setTimeout(done, 400));
        return searched;
    }""")
    assert searched == ["a", "album 1"]


# Legend, selection, colours.


def test_legend_counts_follow_search_and_folder(server, tab):
    opened(tab, server)
    assert re.fullmatch(r"\d+", tab.locator("#legend .count").first.inner_text())
    tab.select_option("#folder", "metal/Album 4")
    tab.fill("#search", "söng 4")
    until(tab, "document.querySelector('#legend .count').textContent.includes('/')")
    shown = tab.evaluate("""() => kgenre.state.legend.entries.map(({ name }, entry) => {
        const rows = [...kgenre.tracks.ids.keys()].filter((row) => kgenre.state.legend.entryOf[row] === entry);
        const found = rows.filter((row) => kgenre.state.hits[row] &&
            kgenre.tracks.text("folder", row) === "metal/Album 4");
        return `${found.length} / ${rows.length}`;
    })""")
    assert tab.locator("#legend .count").all_inner_texts() == shown
    assert any(text.startswith("0 ") for text in shown) and any(not text.startswith("0 ") for text in shown)


def test_selection_outside_of_a_search_is_counted_and_shown_again(server, tab):
    opened(tab, f"{server}/#sel=1.2.3.4.5.6.7.8.9.a.b.c")
    assert tab.locator("#selection-outside").count() == 0
    tab.fill("#search", "album 1")
    hits = tab.evaluate("kgenre.state.selection.filter((row) => kgenre.state.hits[row]).length")
    assert 0 < hits < 12
    tab.wait_for_selector(f"#selection-outside:has-text('{12 - hits} outside of the search')")
    tab.select_option("#folder", "jazz")
    tab.wait_for_selector("#selection-outside:has-text('12 outside of the filters')")
    tab.click("#show-all")
    until(tab, "document.getElementById('selection-outside') === null")
    assert tab.input_value("#search") == "" and tab.input_value("#folder") == ""
    assert tab.evaluate("kgenre.state.selection.length") == 12


def test_legend_shift_and_enter_shows_one_entry_alone(server, tab):
    opened(tab, server)
    tab.focus("#legend button >> nth=2")
    tab.keyboard.press("Shift+Enter")
    until(tab, "kgenre.state.hidden.size === kgenre.state.legend.entries.length - 1 && !kgenre.state.hidden.has(2)")
    assert "/" not in tab.inner_text("#legend")  # the legend alone changes no counts
    tab.keyboard.press("Shift+Enter")
    until(tab, "kgenre.state.hidden.size === 0")


def test_colourings_that_tell_nothing_apart_are_not_offered(tab, tmp_path):
    with make_library(tmp_path / "library.sqlite", 30) as library:
        genres = [(number // 10) % len(LABELS) for number in range(30)]
        library.save(replace(invented_track(number, genre), genre="", year=1999) for number, genre in enumerate(genres))
        address = offline_page(library, tmp_path)
    opened(tab, f"{address}#colour=year")
    offered = tab.locator("#colouring option").evaluate_all("(all) => all.map(({ value }) => value)")
    assert offered == ["prediction", "folder", "confidence"]
    assert tab.evaluate("kgenre.state.colouring") == "prediction"
    met = []
    for _ in range(3):
        tab.keyboard.press("c")
        met.append(tab.evaluate("kgenre.state.colouring"))
    assert met == ["folder", "confidence", "prediction"]


# The link.


def test_link_restores_search_folder_hidden_colours_selection_and_track(server, tab):
    opened(tab, f"{server}/#track=5&sel=1.2.3")
    tab.select_option("#colouring", "tag")
    tab.select_option("#folder", "jazz")
    tab.fill("#search", "söng")
    tab.keyboard.press("Escape")  # the list may cover the legend
    tab.click("#legend button >> nth=1")
    tab.click("#legend button >> nth=3")
    state = """({ query: kgenre.state.query, folder: kgenre.state.folder, colouring: kgenre.state.colouring,
        hidden: [...kgenre.state.hidden], selection: kgenre.state.selection, current: kgenre.state.current,
        colours: [...kgenre.map.points.colours] })"""
    until(tab, "kgenre.state.hidden.size === 2 && location.hash.includes('hide=')")
    before, link = tab.evaluate(state), tab.evaluate("location.href")
    tab.goto("about:blank")
    opened(tab, link)
    assert tab.evaluate(state) == before
    assert (before["folder"], before["query"], before["hidden"]) == ("jazz", "söng", [1, 3])
    assert (tab.input_value("#folder"), tab.input_value("#search")) == ("jazz", "söng")
    tab.evaluate("location.hash = '#hide=no such entry&folder=gone'")
    until(tab, "kgenre.state.colouring === 'prediction' && kgenre.state.hidden.size === 0")


def test_menu_copies_the_link_of_what_is_shown(server, browser):
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    tab = opened(context.new_page(), server)
    tab.fill("#search", "metal")
    tab.click("#more-button")
    tab.click("#copy-view")
    tab.wait_for_selector("#message:has-text('Link copied')")
    assert tab.evaluate("navigator.clipboard.readText()") == f"{server}/#q=metal"
    context.close()


# The nearest, and how far the map can be trusted.


def test_nearest_distance_lists_more_than_twenty_up_to_its_end(server, tab):
    opened(tab, f"{server}/#track=3")
    tab.wait_for_selector("#near-count:has-text('20 recordings')")
    assert tab.locator("#neighbours li").count() == 20
    tab.focus("#max-distance")
    press(tab, *["ArrowRight"] * 3)
    until(tab, "kgenre.state.neighbours.length > 20")
    distance = float(tab.input_value("#max-distance"))
    near = tab.evaluate("kgenre.state.near.map(([, distance]) => distance)")
    within = sum(one <= distance for one in near)
    tab.wait_for_selector(f"#near-count:has-text('{within} recordings')")
    assert tab.locator("#neighbours li").count() == within and focused(tab) == "max-distance"
    assert tab.get_attribute("#max-distance", "aria-valuetext") == f"{distance:.2f}: {within} recordings"
    tab.keyboard.press("End")
    tab.wait_for_selector("#near-count:has-text('200 recordings, all that are listed')")
    assert tab.locator("#neighbours li").count() == len(near) == 200
    tab.keyboard.press("Home")
    tab.wait_for_selector("#near-count:has-text('No recording is within this distance')")


def test_nearest_distance_is_dragged_with_the_mouse(server, tab):
    opened(tab, f"{server}/#track=3")
    tab.wait_for_selector("#near-count:has-text('20 recordings')")
    until(tab, "kgenre.state.details !== null && kgenre.tracks.tags !== null")  # which move what is below them
    tab.locator("#max-distance").scroll_into_view_if_needed()
    area = tab.locator("#max-distance").bounding_box()
    y, seen = area["y"] + area["height"] / 2, []
    tab.mouse.move(area["x"] + 8, y)
    tab.mouse.down()
    for share in (0.3, 0.5, 0.7, 0.9):
        tab.mouse.move(area["x"] + share * area["width"], y)
        tab.wait_for_timeout(50)
        seen.append(float(tab.input_value("#max-distance")))
    tab.mouse.up()
    assert seen == sorted(set(seen))  # each step of the drag moved it on
    until(tab, f"kgenre.state.neighbours.length === kgenre.state.near.filter((one) => one[1] <= {seen[-1]}).length")


@pytest.mark.parametrize("way", ["mouse", "keyboard", "touch"])
def test_reliability_is_explained_by(server, browser, way):
    context = browser.new_context(viewport={"width": 1200, "height": 800}, has_touch=way == "touch")
    tab = opened(context.new_page(), server)
    assert re.search(r"trustworthiness 0\.\d{3} · neighbours kept \d+", tab.inner_text("#reliability"))
    if way == "keyboard":
        tab_to(tab, "#reliability")
        tab.keyboard.press("Enter")
    else:
        (tab.tap if way == "touch" else tab.click)("#reliability")
    tab.wait_for_selector("#dialog[open]:has-text('share of the 10 nearest recordings')")
    tab.keyboard.press("Escape")
    assert focused(tab) == "reliability"
    context.close()


# The header and its menu.

CONTROLS = ("search", "tools", "fit", "colouring", "folder", "sound", "theme", "help", "copy-view", "failures")


@pytest.mark.parametrize("size", [(1400, 900), (1024, 700), (390, 844)])
def test_header_is_one_line_and_all_of_it_can_be_reached(server, browser, size):
    context = browser.new_context(viewport=dict(zip(("width", "height"), size)))
    tab = opened(context.new_page(), server)
    lines = tab.evaluate("""() => { const bar = document.getElementById("bar");
        return [bar.scrollWidth <= bar.clientWidth, bar.offsetHeight,
                document.documentElement.scrollWidth <= innerWidth]; }""")
    assert lines[0] and lines[1] < 60 and lines[2]
    tab_to(tab, "#more-button")
    tab.keyboard.press("Enter")
    assert tab.get_attribute("#more-button", "aria-expanded") == "true"
    for control in CONTROLS:
        box = tab.locator(f"#{control}").bounding_box()
        assert box and 0 <= box["x"] and box["x"] + box["width"] <= size[0], control
    tab_to(tab, "#failures")
    tab.keyboard.press("Escape")
    assert focused(tab) == "more-button" and not tab.is_visible("#failures")
    tab.keyboard.press("Enter")
    press(tab, *["Tab"] * 12)  # the focus leaves the menu
    assert not tab.is_visible("#failures")
    context.close()


def test_header_control_that_moves_into_the_menu_and_back_works(server, tab):
    tab.set_viewport_size({"width": 390, "height": 844})
    opened(tab, server)
    assert not tab.is_visible("#colouring")
    tab.click("#more-button")
    tab.select_option("#colouring", "year")
    until(tab, "kgenre.state.colouring === 'year'")
    tab.set_viewport_size({"width": 1400, "height": 900})
    until(tab, "document.getElementById('colouring').closest('#more') === null")
    assert tab.input_value("#colouring") == "year"


def test_header_names_the_library_as_its_heading(server, tab, place):
    opened(tab, server)
    assert tab.locator("h1").all_inner_texts() == [place.name]
    assert "could not be used" not in tab.inner_text("#bar")


# The start.


def test_start_tells_how_much_music_of_which_genres(server, tab):
    opened(tab, server)
    assert tab.inner_text("#start h2") == f"{INVENTED + 2} recordings"
    seconds = tab.evaluate("kgenre.tracks.seconds.reduce((sum, one) => sum + one)")
    assert tab.inner_text("#music-length") == f"{round(seconds / 3600)} hours of music"
    rows = tab.locator("#genre-bar button")
    counts = [int(text) for text in tab.locator("#genre-bar button > span:last-child").all_inner_texts()]
    assert sum(counts) == INVENTED + 2 and counts == sorted(counts, reverse=True)
    name = tab.locator("#genre-bar button > span:first-child").nth(1).inner_text()
    tab_to(tab, "#genre-bar button")
    tab.keyboard.press("Tab")
    tab.keyboard.press("Enter")
    assert rows.count() == 0 and not tab.is_visible("#start")
    genres = tab.evaluate("kgenre.state.selection.map((row) => kgenre.tracks.genre(row))")
    assert genres == [name] * counts[1]


def test_start_surprise_plays_a_recording_from_its_deciding_slice(server, tab):
    opened(tab, server)
    tab.click("#sound")  # even where a click plays nothing
    tab.click("#surprise")
    until(tab, "kgenre.state.playback !== null && kgenre.state.details !== null")
    state = tab.evaluate("""() => { const { playback, current, details } = kgenre.state;
        const deciding = details.slice_starts[details.deciding_slice];
        return { row: playback.row, current, from: playback.seconds, deciding }; }""")
    assert state["row"] == state["current"] and state["from"] == state["deciding"]


def test_start_path_leads_between_two_far_recordings(server, tab):
    opened(tab, server)
    tab.click("#try-path")
    until(tab, "kgenre.state.path.length > 2")
    path, distance = tab.evaluate("""() => {
        const { path } = kgenre.state, { x, y } = kgenre.tracks;
        const from = (a) => (b) => Math.hypot(x[a] - x[b], y[a] - y[b]), all = [...x.keys()].map(from(path[0]));
        return [path, from(path[0])(path.at(-1)) / Math.max(...all)];
    }""")
    assert distance == 1 and tab.evaluate("kgenre.state.selection") == path


def test_start_and_menu_show_files_that_could_not_be_used(server, tab):
    opened(tab, server)
    failed = tab.evaluate("kgenre.state.failures.length")
    assert failed > 1
    for opener in ("#start-failures", "#failures"):
        if opener == "#failures":
            tab.click("#more-button")
        assert f"{failed} files could not be used" in tab.inner_text(opener)
        tab.click(opener)
        tab.wait_for_selector("#dialog[open]:has-text('empty file')")
        tab.keyboard.press("Escape")
        back = "start-failures" if opener == "#start-failures" else "more-button"
        until(tab, f"document.activeElement.id === {back!r}")


# The keyboard.


def test_focus_of_a_control_that_is_gone_stays_where_tab_goes_on(server, tab, songs):
    in_panel = "document.activeElement.closest('#panel') !== null"
    opened(tab, server)
    tab_to(tab, "#surprise")
    tab.keyboard.press("Enter")
    until(tab, "kgenre.state.neighboursOf >= 0 && kgenre.state.details !== null && kgenre.tracks.tags !== null")
    assert focused(tab) == "panel"
    tab.keyboard.press("Tab")
    assert focused(tab) != "panel" and tab.evaluate(in_panel)
    tab.keyboard.press("q")
    tab_to(tab, "#close-queue")
    tab.keyboard.press("Enter")
    until(tab, "!kgenre.state.queueShown")
    assert focused(tab) == "panel"
    tab_to(tab, "#neighbours .pick")
    before = tab.evaluate("kgenre.state.current")
    tab.keyboard.press("Enter")
    until(tab, f"kgenre.state.current !== {before} && kgenre.state.neighboursOf === kgenre.state.current")
    assert tab.evaluate(in_panel)
    opened(tab, f"{server}/#track={base36(songs['song.ogg'])}&sel=1.2.3")
    tab.wait_for_selector("#genre")
    tab_to(tab, "#genre")
    tab.keyboard.type("Fado")
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#remove-correction")
    tab_to(tab, "#remove-correction")
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#remove-correction", state="detached")
    assert focused(tab) == "panel"
    tab_to(tab, "#selection h2 button:last-child")
    tab.keyboard.press("Enter")
    until(tab, "kgenre.state.selection.length === 0")
    assert focused(tab) == "panel"


def test_focus_of_a_control_that_is_gone_for_a_while_comes_back(server, tab, songs):
    opened(
        tab, f"{server}/#track={base36(songs['song.ogg'])}&sel={base36(songs['song.ogg'])}.{base36(songs['other.ogg'])}"
    )
    tab.wait_for_selector("#timeline")
    tab_to(tab, "#timeline")
    before = tab.evaluate("kgenre.state.current")
    tab.keyboard.press("n")
    until(tab, f"kgenre.state.current !== {before} && kgenre.state.details !== null")
    until(tab, "document.activeElement.id === 'timeline'")
    tab_to(tab, "#why")
    tab.keyboard.press("Enter")  # which disables it until the answer is there
    tab.wait_for_selector("canvas.heat")
    until(tab, "document.activeElement.id === 'why' || document.activeElement.id === 'panel'")


def test_focus_of_the_mouse_is_not_moved(server, tab, songs):
    opened(tab, server)
    tab.click("#surprise")
    until(tab, "kgenre.state.neighboursOf >= 0")
    assert tab.evaluate("document.activeElement === document.body")
    tab.click("#track .title")
    assert tab.evaluate("document.activeElement === document.body")
    opened(tab, f"{server}/#track={base36(songs['song.ogg'])}")
    tab.click("#play")
    tab.wait_for_selector("#neighbours li")
    tab.keyboard.press("n")
    until(tab, f"kgenre.tracks.ids[kgenre.state.current] !== {songs['song.ogg']} && kgenre.state.details !== null")
    assert focused(tab) not in ("genre", "correct")


def test_tools_are_one_stop_and_arrows_choose(server, tab):
    opened(tab, server)
    before = tab.evaluate("[kgenre.map.view.x, kgenre.map.view.y]")
    tab_to(tab, "#tool-pan")
    for key, tool in (("ArrowRight", "lasso"), ("ArrowDown", "box"), ("ArrowRight", "pan"), ("ArrowLeft", "box")):
        tab.keyboard.press(key)
        until(tab, f"kgenre.state.tool === {tool!r} && document.activeElement.id === 'tool-{tool}'")
        assert tab.locator("#tools [tabindex='0']").count() == 1
    tab.keyboard.press("Tab")
    assert "tool" not in focused(tab)
    assert tab.evaluate("[kgenre.map.view.x, kgenre.map.view.y]") == before  # the map has not moved


def test_list_is_one_stop_and_arrows_move_in_it(server, tab):
    opened(tab, f"{server}/#sel=1.2.3.4.5")
    tab_to(tab, "#selection .pick")
    names = tab.locator("#selection .pick").all_inner_texts()
    press(tab, "ArrowDown", "ArrowDown")
    assert tab.evaluate("document.activeElement.innerText") == names[2]
    tab.keyboard.press("Enter")
    until(
        tab, "kgenre.state.current === kgenre.state.selection[2] && kgenre.state.neighboursOf === kgenre.state.current"
    )
    assert tab.evaluate("[document.activeElement.innerText, document.activeElement.getAttribute('aria-current')]") == [
        names[2], "true",
    ]  # fmt: skip
    assert tab.locator("#selection .list [tabindex='0']").count() == 1
    press(tab, "End")
    assert tab.evaluate("document.activeElement.innerText") == names[4]
    press(tab, "Tab")
    assert not tab.evaluate("document.activeElement.matches('#selection .pick')")
    tab_to(tab, "#neighbours input[type=checkbox]")
    press(tab, "ArrowDown", " ")
    assert tab.evaluate("[...kgenre.state.excluded]") == [tab.evaluate("kgenre.state.neighbours[1][0]")]
    assert tab.evaluate("document.activeElement.getAttribute('aria-label')").startswith("Include ")


def test_timeline_arrows_choose_a_slice_and_enter_plays_it(server, tab, songs):
    opened(tab, f"{server}/#track={base36(songs['song.ogg'])}")
    tab.wait_for_selector("#timeline")
    assert tab.get_attribute("#timeline", "role") == "slider"
    assert tab.get_attribute("#timeline", "aria-valuetext").endswith("the slice that decided")
    tab.focus("#timeline")
    press(tab, "ArrowRight", "ArrowRight")
    until(tab, "kgenre.state.slice === 4")
    assert tab.evaluate("kgenre.state.playback") is None and focused(tab) == "timeline"
    assert re.fullmatch(r"0:08: jazz \d+\s%", tab.get_attribute("#timeline", "aria-valuetext"))
    assert tab.get_attribute("#timeline", "aria-valuenow") == "5"
    press(tab, "ArrowRight", "ArrowLeft", "Enter")
    until(tab, "kgenre.state.playback?.seconds === 6")
    press(tab, "Home")
    until(tab, "kgenre.state.slice === 0")


def test_heat_map_is_named_by_what_it_shows(server, tab, songs):
    opened(tab, f"{server}/#track={base36(songs['song.ogg'])}")
    tab.click("#why")
    tab.wait_for_selector("canvas.heat[role=img][aria-label^='Spectrogram of the slice']")


def test_character_keys_are_switched_off_and_stay_so(server, tab):
    opened(tab, server)
    tab.keyboard.press("?")
    tab.uncheck("#character-keys")
    tab.keyboard.press("Escape")
    press(tab, "c", "l", "?")
    assert tab.evaluate("[kgenre.state.colouring, kgenre.state.tool]") == ["prediction", "pan"]
    assert not tab.evaluate("document.getElementById('dialog').open")
    opened(tab, server)
    press(tab, "c")
    assert tab.evaluate("kgenre.state.colouring") == "prediction"
    before = tab.evaluate("kgenre.map.view.x")
    press(tab, "ArrowRight")  # no character: it stays a key of the page
    assert tab.evaluate("kgenre.map.view.x") != before
    tab.click("#help")
    assert not tab.is_checked("#character-keys")
    tab.check("#character-keys")
    tab.keyboard.press("Escape")
    press(tab, "c")
    assert tab.evaluate("kgenre.state.colouring") == "tag"


def test_dialog_is_named_by_its_heading_and_gives_the_focus_back(server, tab):
    opened(tab, f"{server}/#sel=1.2")
    tab.focus("#tags")
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#dialog[open]")
    heading = tab.get_attribute("#dialog", "aria-labelledby")
    assert focused(tab) == heading and tab.inner_text(f"#{heading}").startswith("Tags of files")
    tab.check("#write-moods")
    tab.wait_for_selector("#dialog:has-text(', and the moods')")
    assert focused(tab) == "write-moods"  # though the dialog was drawn again
    tab.evaluate("kgenre.store.set({ genres: kgenre.state.genres + 1 })")  # and so was the panel below it
    tab.keyboard.press("Escape")
    until(tab, "document.activeElement.id === 'tags'")


def test_page_is_used_by_keyboard_alone(server, tab, songs):
    """Find a recording, play it, select hits, save them, correct a genre, take that back: by Tab, Enter and arrows."""
    opened(tab, server)
    tab_to(tab, "#help")
    tab.keyboard.press("Enter")
    tab_to(tab, "#character-keys")
    press(tab, " ", "Escape")
    tab_to(tab, "#search")
    tab.keyboard.type("alive")
    tab.wait_for_selector("#results:not([hidden])")
    press(tab, "ArrowDown", "Enter")
    until(tab, f"kgenre.tracks.ids[kgenre.state.current] === {songs['song.ogg']}")
    tab.wait_for_selector("#play:has-text('Pause')")
    tab_to(tab, "#play")
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#play:has-text('Play')")
    assert focused(tab) == "play"
    tab_to(tab, "#genre")
    tab.keyboard.type("Fado")
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#track:has-text('Corrected to: Fado')")
    tab_to(tab, "#remove-correction")
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#message:has-text('Correction removed')")
    assert tab.evaluate("kgenre.state.corrections.size") == 0
    tab_to(tab, "#search")
    press(tab, "Control+a")
    tab.keyboard.type("metal/album 4")
    until(tab, "kgenre.state.query === 'metal/album 4'")
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#save")
    tab_to(tab, "#save")
    with tab.expect_download() as download:
        tab.keyboard.press("Enter")
    lines = Path(download.value.path()).read_text(encoding="utf-8").splitlines()
    assert len(lines) == 1 + 2 * tab.evaluate("kgenre.state.selection.length") > 1


# Accessibility rules of WCAG 2.2 A and AA, as far as axe can check them.

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


def violations(tab) -> list[str]:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    found = axe.Axe().run(tab, options=RULES).response["violations"]
    return [f"{fault['id']}: {node['html'][:200]}" for fault in found for node in fault["nodes"]]


def help_dialog(tab):
    tab.click("#help")


def failure_dialog(tab):
    tab.click("#start-failures")


def reliability_dialog(tab):
    tab.click("#reliability")


def tag_dialog(tab):
    tab.click("#tags")
    tab.wait_for_selector("#write-moods")


def menu(tab):
    tab.click("#more-button")


def search_list(tab):
    type_search(tab, "artist 3")
    tab.keyboard.press("ArrowDown")
    tab.wait_for_selector("#search-hits [aria-selected=true]")


def track(tab):
    tab.wait_for_selector("#neighbours li")
    tab.wait_for_selector("#track .chip")
    tab.click("#why")
    tab.wait_for_selector("canvas.heat")
    tab.click("#legend button >> nth=1")


def player(tab):
    tab.click("#play-all")
    until(tab, "kgenre.state.playback !== null && kgenre.state.details !== null")
    tab.click("#queue-button")
    tab.wait_for_selector("#queue li.current")
    tab.click("#toggle")


def drift(tab):
    tab.click("#drift")
    until(tab, "kgenre.state.playback !== null")
    tab.click("#toggle")
    tab.click("#queue-button")
    tab.wait_for_selector("#less-like-this")


def nothing(tab):
    pass


VIEWS = {
    "start": ("", nothing),
    "track": ("track={song}", track),
    "selection": ("sel=1.2.3.4&q=album 1", nothing),
    "search": ("", search_list),
    "menu": ("", menu),
    "help": ("", help_dialog),
    "failures": ("", failure_dialog),
    "reliability": ("", reliability_dialog),
    "tags": ("sel=1.2.3", tag_dialog),
    "player": ("sel={song}.{other}", player),
    "drift": ("track={song}", drift),
}


# In the short form each scheme has some views: colours and parts are the same in all.
SEEN = {"light": ("start", "menu", "tags", "drift"), "dark": ("search", "player")}


@pytest.mark.parametrize(
    ("view", "scheme"),
    [
        pytest.param(view, scheme, marks=() if view in SEEN[scheme] else pytest.mark.soak)
        for view in VIEWS
        for scheme in ("light", "dark")
    ],
)
def test_view_has_no_accessibility_fault(server, browser, songs, view, scheme):
    ids = {name.removesuffix(".ogg"): base36(track) for name, track in songs.items()}
    context = browser.new_context(viewport={"width": 1400, "height": 900}, color_scheme=scheme)
    tab, (address, prepare) = context.new_page(), VIEWS[view]
    opened(tab, f"{server}/#{address.format(**ids)}")
    prepare(tab)
    tab.wait_for_timeout(100)
    if SHOTS:
        tab.screenshot(path=f"{SHOTS}/finding_{view}_{scheme}.png")
    assert violations(tab) == []
    context.close()
