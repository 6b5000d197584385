"""The map that explains itself, in a real browser: names, fit, shading, rings, contrast, forced colours, keys."""

import os
import re

import numpy as np
import pytest
from chromium import opened, tab_to, until

from benchmarks.page import invented_data
from kgenre.web.explore.offline import page_html

SHOTS = os.environ.get("KGENRE_SCREENSHOTS")  # a folder to look at the page's pictures in
TRACKS = 2000
FAR = 4
# The names that are seen, with the place of each on the map and its box in the window.
NAMES = """() => [...document.querySelectorAll("#names span")].map((span) => {
    const box = span.getBoundingClientRect(), map = document.querySelector("#map").getBoundingClientRect();
    const [x, y] = kgenre.map.view.toMap(box.x + box.width / 2 - map.x, box.y + box.height / 2 - map.y);
    return { name: span.textContent, x, y, left: box.left, right: box.right, top: box.top, bottom: box.bottom };
})"""
# Share of the shown tracks within a radius, in pixels, that a name is true of.
TRUE_SHARE = """([{ name, x, y }, radius]) => {
    const { tracks, map } = kgenre, rows = [...map.seen(0.5)].filter((row) => (
        Math.hypot(tracks.x[row] - x, tracks.y[row] - y) * map.view.pixels < radius));
    const own = (row) => [tracks.genre(row), tracks.text("artist", row), tracks.text("album", row),
        ...(tracks.tags?.top(row, 20, 0.2, new Set()).map((tag) => tag.name) ?? [])];
    return rows.length ? rows.filter((row) => own(row).includes(name)).length / rows.length : null;
}"""


@pytest.fixture(scope="module")
def address(tmp_path_factory) -> str:
    file = tmp_path_factory.mktemp("page") / "map.html"
    file.write_text(page_html(invented_data(TRACKS, FAR)), encoding="utf-8")
    return file.as_uri()


def shot(tab, name: str) -> None:
    if SHOTS:
        tab.wait_for_timeout(300)
        tab.screenshot(path=f"{SHOTS}/map_{name}.png")


def names(tab, does: str = "") -> list[dict]:
    """The names after something was done and the view has settled."""
    count = "window.settled = 0; kgenre.map.whenSettled(() => { window.settled++; })"
    # In one call, for a view before it may just settle.
    tab.evaluate(f"{count}; {does or 'kgenre.map.points.request()'}; undefined")
    until(tab, "window.settled > 0")
    return tab.evaluate(NAMES)


def at_zoom(factor: float) -> str:
    return f"kgenre.map.fit(), kgenre.map.view.zoom({factor})"


def contrast(one, other) -> float:
    """WCAG 2: (lighter + 0.05) / (darker + 0.05) of relative luminances."""

    def luminance(colour) -> float:
        share = np.asarray(colour[:3], float) / 255
        linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
        return float(linear @ (0.2126, 0.7152, 0.0722))

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def rgb(text: str) -> list[float]:
    return [float(value) for value in re.findall(r"[\d.]+", text)]


# Names.


def test_names_of_the_whole_map_are_genres_that_most_tracks_there_have(address, tab):
    opened(tab, address)
    shown = names(tab)
    shot(tab, "whole")
    genres = set(tab.evaluate("kgenre.tracks.labels"))
    assert len(shown) >= 8 and {one["name"] for one in shown} <= genres
    assert len({one["name"] for one in shown}) >= 6
    shares = [tab.evaluate(TRUE_SHARE, [one, 40]) for one in shown]
    assert np.mean([share for share in shares if share is not None]) > 0.6


@pytest.mark.parametrize("zoom", [1, 3, 8, 14])
def test_names_never_lie_over_each_other(address, tab, zoom):
    opened(tab, address)
    shown = names(tab, at_zoom(zoom))
    shown = names(tab)  # with the tags, which the middle zoom fetches
    assert len(shown) >= 3
    for i, one in enumerate(shown):
        for other in shown[:i]:
            apart = (
                one["left"] >= other["right"]
                or other["left"] >= one["right"]
                or one["top"] >= other["bottom"]
                or other["top"] >= one["bottom"]
            )
            assert apart, (one, other)


def test_names_become_tags_and_then_artists_with_the_zoom(address, tab):
    opened(tab, address)
    names(tab, at_zoom(3))
    until(tab, "kgenre.tracks.tags")
    tags, genres = (set(tab.evaluate(f"kgenre.tracks.{name}")) for name in ("tagNames", "labels"))
    middle = {one["name"] for one in names(tab)}
    shot(tab, "middle")
    assert len(middle & tags) >= 3 and middle <= tags | genres
    near = {one["name"] for one in names(tab, at_zoom(10))}
    shot(tab, "near")
    assert sum(name.startswith(("Artist", "Album")) for name in near) >= 3


def test_names_follow_the_colouring_by_folder(address, tab):
    opened(tab, address)
    genres = tab.evaluate("kgenre.tracks.labels")
    tab.select_option("#colouring", "folder")
    shown = names(tab, at_zoom(3))
    assert shown and not {one["name"] for one in shown} & set(genres)
    assert all(one["name"].startswith("Artist ") for one in shown)  # of genre/Artist 12 the last part


def test_names_are_of_the_shown_tracks_only(address, tab):
    opened(tab, address)
    most = tab.inner_text("#legend button >> nth=0").split()[0]
    assert most in {one["name"] for one in names(tab)}
    assert most not in {one["name"] for one in names(tab, "document.querySelector('#legend button').click()")}


def test_names_move_with_the_view_by_one_transform(address, tab):
    opened(tab, address)
    before = {one["name"] + str(round(one["x"], 2)): one for one in names(tab)}
    nodes = "[...document.querySelectorAll('#names span')].map((span) => span.getAttribute('style')).join()"
    styles, transform = tab.evaluate(nodes), tab.evaluate("document.querySelector('#floating').style.transform")
    tab.evaluate("kgenre.map.points.hold(true); kgenre.map.view.pan(70, -40)")
    until(tab, f"document.querySelector('#floating').style.transform !== {transform!r}")
    after = tab.evaluate(NAMES)
    assert tab.evaluate(nodes) == styles
    first = after[0]
    same = before[first["name"] + str(round(first["x"], 2))]  # the place on the map is the same
    assert (first["left"] - same["left"], first["top"] - same["top"]) == pytest.approx((70, -40), abs=1.5)
    assert tab.evaluate("getComputedStyle(document.querySelector('#floating')).pointerEvents") == "none"


def test_names_are_switched_off_in_the_menu_or_by_a_key_and_stay_so(address, tab):
    opened(tab, address)
    assert names(tab)
    tab.click("#more-button")
    assert tab.get_attribute("#place-names", "aria-pressed") == "true"
    tab.click("#place-names")
    assert not tab.evaluate(NAMES) and tab.get_attribute("#place-names", "aria-pressed") == "false"
    assert not names(tab, at_zoom(3)) and not tab.evaluate("Boolean(kgenre.tracks.tags)")  # none is fetched for them
    opened(tab, address)
    assert not names(tab) and "Places of the map" in tab.text_content("#map-summary")
    tab.keyboard.press("e")
    assert tab.evaluate(NAMES)
    tab.keyboard.press("?")
    assert "names on the map" in tab.inner_text("#dialog")
    opened(tab, address)
    assert names(tab)


def test_names_are_told_a_screen_reader_once_and_in_words(address, tab):
    opened(tab, address)
    shown = names(tab)
    assert tab.get_attribute("#floating", "aria-hidden") == "true"
    summary = tab.text_content("#map-summary")
    assert shown[0]["name"] in summary and re.search(r"\(\d+\)", summary)
    assert "map-summary" in tab.get_attribute("#glass", "aria-describedby")


def test_places_are_found_in_milliseconds_among_100000_tracks(tab, tmp_path):
    file = tmp_path / "large.html"
    file.write_text(page_html(invented_data(100_000)), encoding="utf-8")
    opened(tab, file.as_uri())
    assert names(tab)
    took = """() => Math.min(...[1, 2, 3].map(() => {
        const begun = performance.now();
        for (const listener of kgenre.map.listeners) listener();
        return performance.now() - begun;
    }))"""
    assert tab.evaluate(took) < 300  # 22 ms on two cores that others use, too


# Fit.


def test_whole_map_of_tracks_with_outliers_shows_the_others_large_and_counts_those(address, tab):
    opened(tab, address)
    names(tab)
    inside = "[...kgenre.map.seen(0)].length"
    span = """() => { const { low, high } = kgenre.map.grid.bounds, { view } = kgenre.map;
        return (high[0] - low[0]) * view.pixels / view.width; }"""
    assert tab.evaluate(span) > 5  # all of them would be a twentieth as large
    assert TRACKS - FAR <= tab.evaluate(inside) < TRACKS
    outside = TRACKS - tab.evaluate(inside)
    button = tab.locator("#outside button")
    assert button.inner_text() == f"{outside} recordings outside"
    shot(tab, "outside")
    button.click()
    until(tab, f"{inside} === {TRACKS}")
    names(tab)
    assert button.count() == 0
    tab.keyboard.press("f")
    assert tab.evaluate(inside) == TRACKS - outside


@pytest.mark.parametrize("by", ["key", "double click"])
def test_view_that_was_moved_by_hand_stays_when_the_window_has_another_size(address, tab, by):
    opened(tab, address)
    scale = "(([a], [b]) => b - a)(kgenre.map.view.toPixels(0, 0), kgenre.map.view.toPixels(1, 0))"
    whole, width = tab.evaluate(scale), tab.evaluate("kgenre.map.view.width")
    if by == "key":
        tab.keyboard.press("+")
    else:
        tab.mouse.dblclick(*[0.5 * tab.viewport_size[side] for side in ("width", "height")])
    near = tab.evaluate(scale)
    assert near > 1.2 * whole
    tab.set_viewport_size({"width": 1000, "height": 800})
    until(tab, f"kgenre.map.view.width < {width}")
    assert tab.evaluate(scale) == pytest.approx(near)
    tab.keyboard.press("f")
    fitted = tab.evaluate(scale)
    tab.set_viewport_size({"width": 1200, "height": 800})
    until(tab, f"kgenre.map.view.width === {width}")
    assert fitted < tab.evaluate(scale) == pytest.approx(whole)


@pytest.mark.parametrize("size", [(390, 844), (1200, 400)])
def test_whole_map_is_clear_of_what_lies_on_its_edges(address, tab, size):
    tab.set_viewport_size(dict(zip(("width", "height"), size)))
    opened(tab, address)
    ends = """() => { const { low, high } = kgenre.map.grid.core, { view } = kgenre.map;
        return [view.toPixels(...high)[1], view.height - view.toPixels(...low)[1]]; }"""
    chip = """() => { const box = (id) => document.querySelector(id).getBoundingClientRect();
        return box("#legend-button").bottom - box("#map").top; }"""
    foot = """() => { const box = (id) => document.querySelector(id).getBoundingClientRect();
        return box("#map").bottom - box("#foot").top; }"""
    names(tab)
    shot(tab, f"edges_{size[0]}")
    top, bottom = tab.evaluate(ends)
    narrow = tab.is_visible("#legend-button")
    assert narrow == (size[0] < 760)
    assert top >= (tab.evaluate(chip) if narrow else 0) and bottom >= (30 if narrow else tab.evaluate(foot))


def test_shading_is_strongest_where_most_tracks_lie_and_not_seen_near(address, tab):
    opened(tab, address)
    pixel = """([x, y]) => {
        const { points, view } = kgenre.map, { gl } = points, value = new Uint8Array(4);
        points.paint(new Uint8Array(4 * points.n), new Uint8Array(points.n).fill(1)); // all count, none is seen
        return new Promise((done) => requestAnimationFrame(() => {
            gl.readPixels((0.3 * view.width + x) * points.ratio, (1.3 * view.height - y) * points.ratio, 1, 1,
                gl.RGBA, gl.UNSIGNED_BYTE, value);
            done([...value].slice(0, 3));
        }));
    }"""
    densest = """() => { const { shading } = kgenre.map.points, { view } = kgenre.map;
        const at = shading.values.indexOf(255), n = Math.sqrt(shading.values.length), { low, side } = shading;
        return view.toPixels(low[0] + (at % n + 0.5) * side, low[1] + (Math.floor(at / n) + 0.5) * side); }"""
    back = rgb(tab.evaluate("getComputedStyle(document.querySelector('#points')).backgroundColor"))
    dense, corner = tab.evaluate(pixel, tab.evaluate(densest)), tab.evaluate(pixel, [1100 - 350, 5])
    assert contrast(dense, back) == pytest.approx(1.12, abs=0.03)
    assert contrast(corner, back) < 1.02
    tab.evaluate("kgenre.map.view.zoom(20)")
    assert tab.evaluate(pixel, [400, 300]) == back


# Rings.


def test_row_of_a_list_that_is_pointed_at_has_a_ring_on_the_map(address, tab):
    opened(tab, address)
    tab.evaluate("kgenre.store.set({ selection: [3, 5] })")
    pointed = "kgenre.map.overlay.marks.pointed"
    tab.hover("#selection .list li >> nth=1")
    until(tab, f"{pointed} === 5")
    assert tab.evaluate("!document.querySelector('#overlay').hidden")
    tab.hover("#selection .list li >> nth=0")
    until(tab, f"{pointed} === 3")
    tab.mouse.move(300, 500)
    until(tab, f"{pointed} === -1")
    until(tab, "document.querySelector('#overlay').hidden || kgenre.map.overlay.marks.hover >= 0")


@pytest.mark.parametrize(("tracks", "rays"), [(24, 5), (88, 11), (2000, 20)])
def test_lines_to_the_nearest_are_few_where_there_are_few_tracks(tab, tmp_path, tracks, rays):
    (tmp_path / "map.html").write_text(page_html(invented_data(tracks)), encoding="utf-8")
    opened(tab, (tmp_path / "map.html").as_uri())
    lines = """(marks) => {
        const { overlay } = kgenre.map, { context } = overlay, draw = context.lineTo;
        let lines = 0;
        context.lineTo = (...place) => { lines++; draw.apply(context, place); };
        kgenre.map.mark(marks);
        context.lineTo = draw;
        return lines;
    }"""
    nearest = {"current": 0, "neighbours": list(range(1, 21))}
    assert tab.evaluate(lines, nearest) == rays
    assert tab.evaluate(lines, {**nearest, "trail": [3, 4, 5]}) == 2  # the trail alone, which has their colour


# Contrast.


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_have_three_to_one_against_the_page(address, browser, scheme):
    context = browser.new_context(color_scheme=scheme)
    tab = opened(context.new_page(), address)
    back = rgb(tab.evaluate("getComputedStyle(document.querySelector('#points')).backgroundColor"))
    text = rgb(tab.evaluate("getComputedStyle(document.querySelector('#points')).color"))
    shaded = [0.94 * b + 0.06 * t for b, t in zip(back, text)]  # where most points lie
    colours = tab.evaluate(
        """async (dark) => {
        const { NEUTRAL, labelColour, rampColour } = await import("shared/colours.js");
        const { COLOURINGS } = await import("page/core/colourings.js");
        const shade = (colour) => colour[dark ? "dark" : "light"];
        const legends = Object.entries(COLOURINGS).map(([name, { legend }]) => [name, legend(kgenre.tracks, "")]);
        return {
            label: Array.from({ length: 36 }, (_, i) => shade(labelColour(i))), neutral: [shade(NEUTRAL)],
            ramp: Array.from({ length: 21 }, (_, i) => rampColour(i / 20, dark)),
            ...Object.fromEntries(legends.filter(([, { kind }]) => kind === "categories")
                .map(([name, { entries }]) => [name, entries.map(({ colour }) => shade(colour))])),
        };
    }""",
        scheme == "dark",
    )
    assert len(colours) == 7 and len({tuple(colour) for colour in colours["label"]}) == 36
    low = {
        (name, i): min(contrast(colour, back), contrast(colour, shaded))
        for name, some in colours.items()
        for i, colour in enumerate(some)
    }
    assert min(low.values()) >= 3, sorted(low.items(), key=lambda item: item[1])[:5]
    assert (
        tab.evaluate("Math.min(...kgenre.map.points.colours.filter((_, i) => i % 4 === 3))") == 255
    )  # as they are drawn
    for control in ("#fit", "#search", "#colouring", "#tool-lasso"):
        style = "(name) => getComputedStyle(document.querySelector(name))"
        border = rgb(tab.evaluate(f"({style})({control!r}).borderTopColor"))
        for behind in (f"({style})({control!r}).backgroundColor", f"({style})('#bar').backgroundColor"):
            assert contrast(border, rgb(tab.evaluate(behind))) >= 3, control
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_swatches_are_in_the_shade_of_the_theme(address, browser, scheme):
    context = browser.new_context(color_scheme=scheme)
    tab = opened(context.new_page(), address)
    dot = "getComputedStyle(document.querySelector('#legend .dot')).backgroundColor"
    shade = "kgenre.state.legend.entries[0].colour[dark ? 'dark' : 'light']"
    first = f"async (dark) => (await import('shared/colours.js')).css({shade})"
    assert rgb(tab.evaluate(dot)) == rgb(tab.evaluate(first, scheme == "dark"))
    tab.keyboard.press("d")
    assert rgb(tab.evaluate(dot)) == rgb(tab.evaluate(first, scheme != "dark"))
    context.close()


def test_forced_colours_keep_swatches_and_show_what_is_pressed(address, browser):
    context = browser.new_context(forced_colors="active")
    tab = opened(context.new_page(), address)
    entries = tab.locator("#legend button")
    entries.nth(1).click()
    names(tab)
    shot(tab, "forced")
    swatches = tab.evaluate(
        "[...document.querySelectorAll('#legend .dot')].map((dot) => getComputedStyle(dot).backgroundColor)"
    )
    assert len(set(swatches)) >= 12
    style = "([name, what]) => getComputedStyle(document.querySelector(name))[what]"
    pressed, other = (tab.evaluate(style, [name, "backgroundColor"]) for name in ("#tool-pan", "#tool-lasso"))
    assert pressed != other and tab.evaluate(style, ["#tool-pan", "outlineStyle"]) == "solid"
    shown, hidden = (
        [tab.evaluate(style, [f"#legend button:nth-child({i})", what]) for what in ("color", "outlineStyle")]
        for i in (1, 2)
    )
    assert shown[0] != hidden[0] and (shown[1], hidden[1]) == ("solid", "none")
    assert tab.evaluate(style, ["#points", "backgroundColor"]) == "rgb(251, 251, 250)"  # the map's own, as its points
    context.close()


# Keys.


def test_keys_go_from_track_to_track_read_it_out_and_choose_it(address, tab):
    opened(tab, address)
    names(tab)
    tab.focus("#glass")
    before = tab.evaluate("kgenre.map.view.x")
    tab.keyboard.press("ArrowRight")  # without a track it moves the map
    assert tab.evaluate("kgenre.map.view.x") > before
    tab.keyboard.press("Enter")
    cursor = "kgenre.map.overlay.marks.cursor"
    first = tab.evaluate(cursor)
    assert first == tab.evaluate("kgenre.map.middle()") >= 0 and tab.evaluate("kgenre.state.current") == -1
    said = tab.inner_text("#map-track")
    assert said.startswith(f"Title of song {first}, Artist {first // 30}, ")
    assert tab.evaluate(f"kgenre.tracks.genre({first})") in said or "unsure" in said
    x, y = tab.evaluate(f"[kgenre.tracks.x[{first}], kgenre.tracks.y[{first}]]")
    tab.keyboard.press("ArrowRight")
    second = tab.evaluate(cursor)
    x2, y2 = tab.evaluate(f"[kgenre.tracks.x[{second}], kgenre.tracks.y[{second}]]")
    assert second != first and x2 > x and abs(y2 - y) <= x2 - x
    nearer = """([x, y, reach]) => kgenre.tracks.ids.filter((_, row) => {
        const dx = kgenre.tracks.x[row] - x, dy = Math.abs(kgenre.tracks.y[row] - y);
        return dx > 0 && dy <= dx && dx + dy < reach - 1e-6; }).length"""
    assert tab.evaluate(nearer, [x, y, x2 - x + abs(y2 - y)]) == 0
    before = tab.evaluate("kgenre.map.view.x")
    tab.keyboard.press("Shift+ArrowLeft")
    assert tab.evaluate("kgenre.map.view.x") < before and tab.evaluate(cursor) == second
    tab.keyboard.press("Shift+Enter")
    assert tab.evaluate("kgenre.state.selection") == [second] and tab.inner_text("#map-track").endswith("selected")
    tab.keyboard.press("Shift+Enter")
    assert tab.evaluate("kgenre.state.selection") == []
    tab.keyboard.press("Enter")
    until(tab, f"kgenre.state.current === {second}")
    tab.keyboard.press("ArrowLeft")  # goes on from the current track
    third = tab.evaluate(cursor)
    assert tab.evaluate(f"kgenre.tracks.x[{third}]") < x2
    tab.keyboard.press("Space")
    until(tab, f"kgenre.state.current === {third}")


def test_keys_go_to_shown_tracks_only(address, tab):
    opened(tab, address)
    tab.fill("#search", "jazz")
    tab.focus("#glass")
    tab.keyboard.press("Enter")
    for key in ("ArrowRight", "ArrowUp", "ArrowLeft", "ArrowDown") * 3:
        tab.keyboard.press(key)
        assert tab.evaluate("kgenre.state.hits[kgenre.map.overlay.marks.cursor]") == 1


def test_map_that_has_the_focus_shows_it(address, tab):
    opened(tab, address)
    tab_to(tab, "#glass")
    style = tab.evaluate("""() => { const style = getComputedStyle(document.querySelector("#glass"));
        return [style.outlineStyle, style.outlineWidth, style.outlineOffset]; }""")
    assert style == ["solid", "2px", "-3px"]
    assert tab.get_attribute("#glass", "role") == "application" and tab.get_attribute("#map-track", "role") == "status"
    assert "Arrows" in tab.text_content("#map-help")
