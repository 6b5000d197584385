"""The model's tags on the page, in a real browser: colours, filter, order, chips, link, and moods in files."""

import base64
import csv
import io
import os
from pathlib import Path

import mutagen
import numpy as np
import pytest
from audio_files import music, write_sound
from chromium import opened, tab_to, until
from libraries import LABELS, make_library

from kgenre.library.head import load_head, predict
from kgenre.library.map.update import update_map
from kgenre.library.records import Track, TrackAnalysis
from kgenre.library.store import Library
from kgenre.web.explore.explorer import Explorer
from kgenre.web.explore.offline import page_html
from kgenre.web.explore.payload import payload, tag_table

SHOTS = os.environ.get("KGENRE_SCREENSHOTS")  # a folder to look at the page's pictures in
TAGS = ("female vocalists", "jazz", "happy", "mellow", "<b>loud", *(f"tag {number}" for number in range(85)))
N = 120


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder with a library of invented tracks with tags, and two real files that it holds."""
    folder = tmp_path_factory.mktemp("music")
    with make_library(folder / "library.sqlite", N, root=str(folder), tags=TAGS) as library:
        space = library.space()
        for number, name in enumerate(("song.flac", "song.mp3")):
            write_sound(folder / name, music(3.0, 22050, 1, seed=number), 22050)
            digest = name.ljust(16).encode()
            library.save([Track(bytes(folder / name), 1, 1, digest, digest, title=name, seconds=3.0)])
            probabilities = np.array([[0.02, 0.02, 0.3, 0.6, 0.04, 0.02]])
            drawn = np.zeros(len(TAGS))
            drawn[[2, 3, 4]] = 0.3, 0.8, 0.9
            analysis = TrackAnalysis(np.zeros(1), 2.0 * np.eye(1, 16), probabilities, drawn)
            library.save_analysis(space, digest, analysis)
        update_map(library, space)
    return folder


@pytest.fixture(scope="module")
def stored(place) -> dict[int, np.ndarray]:
    """{id: probabilities of TAGS}, as the library has them."""
    with Library(place / "library.sqlite") as library:
        return dict(zip(*(part.tolist() for part in library.tags(library.space()))))


def shot(tab, name: str) -> None:
    if SHOTS:
        tab.wait_for_timeout(300)
        tab.screenshot(path=f"{SHOTS}/tags_{name}.png")


def colour_by(tab, tag: str) -> None:
    tab.keyboard.press("t")
    tab.fill("#tag", tag)
    tab.keyboard.press("Enter")
    until(tab, f"kgenre.state.colouring === 'model_tag' && kgenre.state.tag === {tag!r}")


def colours(tab) -> list:
    return tab.evaluate("Array.from({length: kgenre.tracks.n}, (_, i) => [kgenre.tracks.ids[i], "
                        "...kgenre.map.points.colours.slice(4 * i, 4 * i + 3)])")  # fmt: skip


def ramp(tab, share: float) -> list[int]:
    return tab.evaluate(
        "async (share) => (await import('shared/colours.js')).rampColour(share, kgenre.state.dark).map(Math.floor)",
        share,
    )


def base36(track: int) -> str:
    return np.base_repr(track, 36).lower()


def test_tag_typed_in_the_field_colours_the_map_by_its_probability(server, tab, stored):
    requests = []
    tab.on("request", lambda request: requests.append(request.url))
    opened(tab, server)
    assert not any("tag-table" in url for url in requests) and not tab.is_visible("#tag")  # only when it is needed
    assert tab.locator("#tag-names option").count() == len(TAGS)
    colour_by(tab, "Female Vocalists".lower())
    assert sum("tag-table" in url for url in requests) == 1
    until(tab, "kgenre.map.points.drawn > 2")
    values = {track: round(255 * row[0]) / 255 for track, row in stored.items()}
    most = max(values.values())
    for track, *rgb in colours(tab):
        expected = ramp(tab, values[track] / most)
        assert np.abs(np.subtract(rgb, expected)).max() <= 1, track  # rounded to a byte
    numbers = tab.locator("#legend .ends span").all_inner_texts()
    assert numbers == ["0\u00a0%", f"{round(50 * most)}\u00a0%", f"{round(100 * most)}\u00a0%"]
    assert tab.input_value("#tag") == "female vocalists" and tab.input_value("#least-tag") == "0"
    shot(tab, "light")
    tab.keyboard.press("d")
    until(tab, "kgenre.state.dark")
    shot(tab, "dark")
    tab.keyboard.press("t")
    tab.fill("#tag", "no such tag")
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#message:has-text('The model has no tag no such tag')")
    assert tab.evaluate("kgenre.state.tag") == "female vocalists"


def test_tag_is_among_the_colours_that_the_list_and_its_key_go_through(server, tab):
    opened(tab, server)
    tab.select_option("#colouring", "model_tag")
    until(tab, "kgenre.state.colouring === 'model_tag' && kgenre.tracks.tags !== null")
    assert tab.evaluate("kgenre.state.tag") == TAGS[0] and tab.is_visible("#tag")
    tab.keyboard.press("c")
    until(tab, "kgenre.state.colouring === 'disagreement'")
    assert not tab.is_visible("#tag")


@pytest.mark.parametrize("way", ["list", "link"])
def test_tags_that_arrive_late_change_nothing_that_was_chosen_meanwhile(server, tab, way):
    held, link = [], "#colour=model_tag&tag=mellow&with=mellow&least=0.6&sort=tag"
    tab.route("**/tag-table*", lambda route: held.append(route))
    with tab.expect_request("**/tag-table*"):
        opened(tab, f"{server}/{link if way == 'link' else ''}")
        if way == "list":
            tab.select_option("#colouring", "model_tag")
    tab.select_option("#colouring", "tag")
    tab.select_option("#colouring", "prediction")
    assert len(held) == 1
    held[0].continue_()
    until(tab, "kgenre.tracks.tags !== null")
    tab.wait_for_timeout(50)
    assert tab.evaluate("kgenre.state.colouring") == "prediction" and not tab.is_visible("#tag")
    assert tab.evaluate("kgenre.state.tagFilter !== null") == (way == "link")  # nothing else was chosen for that
    assert tab.evaluate("[kgenre.state.sortByTag, kgenre.state.tag]") == (
        [True, "mellow"] if way == "link" else [False, ""]
    )


def test_tag_filter_greys_the_tracks_below_it_until_it_is_removed(server, tab, stored):
    opened(tab, server)
    colour_by(tab, "mellow")
    tab.evaluate("() => { const range = document.getElementById('least-tag'); range.value = 0.6; "
                 "range.dispatchEvent(new Event('change')); }")  # fmt: skip
    tab.wait_for_selector("#tag-filter:has-text('mellow ≥ 60')")
    expected = {track for track, row in stored.items() if round(255 * row[3]) / 255 >= 0.6}
    tab.keyboard.press("a")
    assert {tab.evaluate(f"kgenre.tracks.ids[{row}]") for row in tab.evaluate("kgenre.state.selection")} == expected
    assert 0 < len(expected) < N
    tab.keyboard.press("Escape")
    tab.select_option("#colouring", "prediction")  # it stays under other colours
    grey = {tuple(rgb) for track, *rgb in colours(tab) if track not in expected}
    assert len(grey) == 1 and tab.is_visible("#tag-filter")
    shot(tab, "filter")
    tab.click("#tag-filter")
    until(tab, "kgenre.state.tagFilter === null")
    tab.keyboard.press("a")
    assert tab.evaluate("kgenre.state.selection.length") == N + 2


def test_lists_are_sorted_by_the_tag_and_saved_in_that_order(server, tab, stored):
    opened(tab, f"{server}/#sel={'.'.join(base36(track) for track in range(1, 9))}&track=1")
    tab.wait_for_selector("#neighbours li")
    assert tab.locator(".sort-by-tag").count() == 0  # no tag was chosen
    colour_by(tab, "tag 7")
    tab.click("#selection .sort-by-tag")
    until(tab, "kgenre.state.sortByTag")
    column = TAGS.index("tag 7")
    ordered = sorted(range(1, 9), key=lambda track: -round(255 * stored[track][column]))
    shown = tab.locator("#selection li .aside").all_inner_texts()
    assert shown == [
        f"{np.floor(100 * round(255 * stored[track][column]) / 255 + 0.5):.0f}\u00a0%" for track in ordered
    ]
    near = [float(text.split("\u00a0")[0]) for text in tab.locator("#neighbours li .aside").all_inner_texts()]
    assert len(near) > 5 and near == sorted(near, reverse=True)
    with tab.expect_download() as download:
        tab.click("#csv")
    rows = list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text(encoding="utf-8"))))
    with_tags = {track: row for track, row in zip(ordered, rows)}
    for track, row in with_tags.items():
        best = sorted(range(len(TAGS)), key=lambda i: -stored[track][i])
        assert row["tags"].split("|") == [TAGS[i] for i in best if stored[track][i] >= 0.2]
    shot(tab, "lists")


def test_chips_name_the_likely_tags_and_colour_the_map(server, tab, place, stored):
    with Library(place / "library.sqlite") as library:
        track = library.id_of(place / "song.flac")
    opened(tab, f"{server}/#track={base36(track)}")
    tab.wait_for_selector("#track .chip")
    chips = tab.locator("#track .chip").all_inner_texts()
    assert [chip.replace("\u00a0", " ") for chip in chips] == ["<b>loud 90 %", "mellow 80 %", "happy 30 %"]
    assert tab.locator("#track .chip b").count() == 0
    tab.click("#track .chip:has-text('mellow')")
    until(tab, "kgenre.state.colouring === 'model_tag' && kgenre.state.tag === 'mellow'")
    assert tab.get_attribute("#track .chip:has-text('mellow')", "aria-pressed") == "true"
    row = tab.evaluate(f"kgenre.tracks.rowOf.get({track})")
    x, y = tab.evaluate(f"kgenre.map.view.toPixels(kgenre.tracks.x[{row}], kgenre.tracks.y[{row}])")
    box = tab.locator("#map").bounding_box()
    tab.mouse.move(box["x"] + x, box["y"] + y)
    tab.wait_for_selector("#card .chip")
    assert tab.locator("#card .chip").count() == 3
    other = next(one for one in stored if stored[one][1] > 0.9)  # a tag with the name of a genre has a bar already
    tab.evaluate(f"location.hash = '#track={base36(other)}'")
    until(tab, f"kgenre.tracks.ids[kgenre.state.current] === {other}")
    tab.wait_for_selector("#track .chip")
    assert not any(chip.startswith("jazz") for chip in tab.locator("#track .chip").all_inner_texts())
    shot(tab, "chips")


def test_tags_of_tracks_that_are_analysed_again_are_taken_over(server, tab, place):
    opened(tab, f"{server}/#colour=model_tag&tag=happy&with=happy&least=0.25")
    until(tab, "kgenre.state.tagFilter !== null")
    with Library(place / "library.sqlite") as library:
        track = library.id_of(place / "song.mp3")
        data = tag_table(library, library.space(), [track])
    row = tab.evaluate(f"kgenre.tracks.rowOf.get({track})")
    assert tab.evaluate(f"kgenre.state.tagHits[{row}]") == 1
    data["values"] = base64.b64encode(bytes([10] * len(TAGS))).decode()
    tab.evaluate("async (data) => (await import('page/actions/model_tags.js')).updateTags(kgenre, data)", data)
    assert tab.evaluate(f"[kgenre.state.tagHits[{row}], kgenre.tracks.tags.probability({row}, 'happy')]") == [
        0,
        10 / 255,
    ]
    values = tab.evaluate("[...kgenre.tracks.tags.column('happy')]")
    assert np.isclose(values, 10 / 255).sum() < 5 and len(values) == N + 2  # the others stay


def test_link_carries_tag_filter_and_order(server, tab):
    opened(tab, f"{server}/#sel=1.2.3")
    colour_by(tab, "<b>loud")
    tab.click("#selection .sort-by-tag")
    until(tab, "kgenre.state.sortByTag")
    tab.evaluate("() => { const range = document.getElementById('least-tag'); range.value = 0.25; "
                 "range.dispatchEvent(new Event('change')); }")  # fmt: skip
    until(tab, "kgenre.state.tagFilter !== null && location.hash.includes('least')")
    link = tab.evaluate("location.href")
    tab.goto("about:blank")
    opened(tab, link)
    until(tab, "kgenre.state.tagFilter !== null")
    state = tab.evaluate("({ colouring: kgenre.state.colouring, tag: kgenre.state.tag, filter: kgenre.state.tagFilter, "
                         "sorted: kgenre.state.sortByTag, n: kgenre.state.selection.length })")  # fmt: skip
    assert state == {"colouring": "model_tag", "tag": "<b>loud", "filter": {"tag": "<b>loud", "least": 0.25},
                     "sorted": True, "n": 3}  # fmt: skip
    tab.evaluate("location.hash = '#colour=model_tag&tag=unknown&with=unknown&least=2'")
    until(tab, "kgenre.state.tagFilter === null && kgenre.state.colouring === 'prediction'")
    tab.evaluate("location.hash = ''")
    assert tab.evaluate("location.hash") == ""


def test_offline_page_has_the_tags(place, tab, tmp_path, stored):
    with Library(place / "library.sqlite") as library:
        space = library.space()
        prediction = predict(library, space, load_head(library, space))
        page = page_html(payload(library, space, None, prediction, offline=True))
    (tmp_path / "map.html").write_text(page, encoding="utf-8")
    opened(tab, (tmp_path / "map.html").as_uri())
    colour_by(tab, "happy")
    tab.keyboard.press("a")
    with tab.expect_download() as download:
        tab.click("#csv")
    rows = list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text(encoding="utf-8"))))
    assert rows[-1]["title"] == "song.mp3" and rows[-1]["tags"] == "<b>loud|mellow|happy"
    found = tab.evaluate("[...kgenre.tracks.tags.column('happy')]")
    np.testing.assert_allclose(found, [row[2] for row in stored.values()], atol=0.5 / 255)


def test_model_without_tags_shows_nothing_of_them(tab, tmp_path):
    with make_library(tmp_path / "library.sqlite", 30) as library:
        space = library.space()
        update_map(library, space)
        prediction = predict(library, space, None)
        page = page_html(payload(library, space, None, prediction, offline=True))
    (tmp_path / "map.html").write_text(page, encoding="utf-8")
    opened(tab, (tmp_path / "map.html").as_uri() + "#track=1")
    tab.wait_for_selector("#neighbours li")
    assert tab.locator("#colouring option[value=model_tag], .chip, .sort-by-tag").count() == 0
    for _ in range(6):
        tab.keyboard.press("c")
    assert tab.evaluate("kgenre.state.colouring") == "prediction"


def test_tags_dialog_writes_several_genres_and_moods_and_takes_them_back(server, tab, place):
    with Library(place / "library.sqlite") as library:
        ids = [library.id_of(place / name) for name in ("song.flac", "song.mp3")]
    opened(tab, f"{server}/#sel={'.'.join(map(base36, ids))}")
    tab.wait_for_selector("#selection")
    tab.click("#tags")
    tab.wait_for_selector("#write-tags:has-text('Write 2 tags')")
    assert not tab.is_checked("#several-genres") and not tab.is_checked("#write-moods")  # as before: one genre
    assert [row.split("\t")[1:] for row in tab.locator("#dialog tr").all_inner_texts()] == [["no tag", "jazz"]] * 2
    tab.check("#several-genres")
    tab.wait_for_selector("#dialog td:has-text('jazz; hip-hop')")
    tab.check("#write-moods")
    tab.wait_for_selector("#write-tags:has-text('Write 4 tags')")
    shown = [row.split("\t")[1:] for row in tab.locator("#dialog tr").all_inner_texts()]
    assert shown == [["genre", "no tag", "jazz; hip-hop"], ["mood", "no mood", "Mellow; Happy"]] * 2
    shot(tab, "dialog")
    assert "mood" not in mutagen.File(place / "song.flac")
    tab.click("#write-tags")
    tab.wait_for_selector("text=Changed: 2 files of 2 recordings.")
    written = mutagen.File(place / "song.flac")
    assert (written["genre"], written["mood"]) == (["jazz", "hip-hop"], ["Mellow", "Happy"])
    assert mutagen.File(place / "song.mp3")["TMOO"].text == ["Mellow", "Happy"]
    tab.click("#undo-tags")
    tab.wait_for_selector("text=old tags again: 2 files of 2 recordings.")
    assert not {"genre", "mood"} & {*mutagen.File(place / "song.flac").keys()}


def test_tags_are_written_and_taken_back_by_keyboard_alone(server, tab, place):
    opened(tab, server)
    tab_to(tab, "#search")
    tab.keyboard.type("song.flac")
    until(tab, "kgenre.state.query === 'song.flac'")
    tab.keyboard.press("Enter")
    tab_to(tab, "#tags")
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#write-tags:has-text('Write 1 tag')")
    tab_to(tab, "#write-tags")
    tab.keyboard.press("Enter")
    tab.wait_for_selector("text=Changed: 1 file of 1 recording.")
    assert mutagen.File(place / "song.flac")["genre"] == ["jazz"]
    tab_to(tab, "#undo-tags")
    tab.keyboard.press("Enter")
    tab.wait_for_selector("text=old tags again: 1 file of 1 recording.")
    assert "genre" not in mutagen.File(place / "song.flac")
    tab.keyboard.press("Escape")
    until(tab, "document.activeElement.id === 'tags'")


@pytest.mark.skipif(not SHOTS, reason="pictures of a phone are made only if KGENRE_SCREENSHOTS names a folder")
def test_pictures_of_a_phone(server, browser):
    for scheme in ("light", "dark"):
        context = browser.new_context(viewport={"width": 390, "height": 800}, has_touch=True, color_scheme=scheme)
        tab = context.new_page()
        opened(tab, f"{server}/#track=1&colour=model_tag&tag=mellow&with=mellow&least=0.3&sel=1.2.3.4&sort=tag")
        until(tab, "kgenre.state.tagFilter !== null")
        shot(tab, f"phone_{scheme}")
        context.close()


def test_tag_table_of_100000_tracks_is_compact(tmp_path):
    class Full:
        def tags(self, space, only):
            return np.arange(100_000), np.full((100_000, 90), 0.5, "float32")

    table = tag_table(Full(), None, None)
    assert sum(map(len, table.values())) < 12.7e6  # 9.4 MB in base64


def test_explorer_moods_of_files_that_have_one_are_overwritten_only_if_wanted(place):
    from kgenre.library.tag_fields import read_fields, set_fields
    from kgenre.web.explore.tag_writing import Wanted, preview

    with Library(place / "library.sqlite") as library:
        explorer, track = Explorer(library, library.space()), library.id_of(place / "song.mp3")
        set_fields(place / "song.mp3", {"mood": ["Mine"]})
        changes = preview(explorer, Wanted(ids=[track], moods=True))["changes"]
        assert [field for _, field, *_ in changes] == ["genre"]
        changes = preview(explorer, Wanted(ids=[track], moods=True, overwrite=True))["changes"]
        assert [change for change in changes if change[1] == "mood"] == [
            [str(place / "song.mp3"), "mood", "Mine", "Mellow; Happy"]
        ]
        set_fields(place / "song.mp3", {"mood": []})
        assert read_fields(place / "song.mp3", ("mood",)) == {"mood": []} and LABELS[3] == "jazz"
