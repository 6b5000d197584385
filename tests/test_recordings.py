"""Recordings: files of the same audio are one dot, one entry in lists, one correction; all their tags are written."""

import csv
import io
import json
import os
import shutil
from pathlib import Path

import mutagen
import numpy as np
import page_server
import pytest
from audio_files import music, write_sound
from chromium import opened, until
from libraries import LevelModel

from kgenre import explore
from kgenre.core.base64_arrays import packed, unpacked
from kgenre.core.errors import KgenreError
from kgenre.core.text import count
from kgenre.library.build import update_library
from kgenre.library.map import update
from kgenre.library.recordings import Recordings, size_text
from kgenre.library.search.songs import Songs
from kgenre.library.store import Library
from kgenre.web.explore import head_plan, tag_writing
from kgenre.web.explore.explorer import Explorer
from kgenre.web.explore.offline import page_html
from kgenre.web.explore.payload import payload
from kgenre.web.explore.tag_writing import Wanted

RATE = 16000
KINDS = (".flac", ".mp3", ".ogg", ".wav")
SINGLES = 8
RECORDINGS, FILES = len(KINDS) + SINGLES, 2 * len(KINDS) + SINGLES


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> Path:
    """Songs of one file, and one sound in four formats, each in two folders: the first copy by path has fewer tags."""
    folder = tmp_path_factory.mktemp("music")
    for name in ("albums", "a mix", "singles"):
        (folder / name).mkdir()
    for number in range(SINGLES):
        write_sound(folder / "singles" / f"{number}.wav", (number + 1) / SINGLES * music(2.0, RATE, 1, number), RATE)
    for kind in KINDS:
        write_sound(folder / "albums" / f"tune{kind}", music(3.0, RATE, 2, 99), RATE)
        shutil.copy(folder / "albums" / f"tune{kind}", folder / "a mix" / f"track{kind}")
        if kind != ".wav":
            write_tags(folder / "albums" / f"tune{kind}", title=f"Evening {kind[1:]}", artist="Ada", album="Dusk")
            write_tags(folder / "a mix" / f"track{kind}", title=f"Untitled {kind[1:]}")
    return folder


@pytest.fixture
def place(original, tmp_path) -> Path:
    """A folder and library of a test's own."""
    folder = Path(shutil.copytree(original, tmp_path / "music"))
    with Library(folder / "library.sqlite") as library:
        update_library(library, folder, LevelModel(), workers=1)
    return folder


def write_tags(path: Path, **tags: str) -> None:
    file = mutagen.File(path, easy=True)
    if file.tags is None:
        file.add_tags()
    file.update(tags)
    file.save()


@pytest.fixture
def library(place):
    with Library(place / "library.sqlite") as library:
        yield library


@pytest.fixture
def explorer(library) -> Explorer:
    return Explorer(library, library.space(), open_model=LevelModel)


def ids_of(library, place, *names: str) -> list[int]:
    return [library.id_of(place / name) for name in names]


def test_recordings_file_with_most_tags_stands_then_the_first_by_path(library, place):
    ids = library.ids(library.space())
    assert size_text(library) == f"{RECORDINGS} recordings, {FILES} files" and len(ids) == FILES
    recordings = Recordings(library, ids)
    rich, poor, wav, other_wav = ids_of(
        library, place, "albums/tune.ogg", "a mix/track.ogg", "a mix/track.wav", "albums/tune.wav"
    )
    assert recordings.files(rich) == recordings.files(poor) == [rich, poor]
    assert recordings.files(other_wav) == [wav, other_wav]
    assert recordings.files(999) == recordings.files(-1) == recordings.files(2**70) == []
    one = ids[recordings.one_of_each()].tolist()
    assert len(one) == RECORDINGS and {rich, wav} <= set(one) and not {poor, other_wav} & set(one)
    without = ids[recordings.one_of_each(~np.isin(ids, [rich, wav, other_wav]))].tolist()
    assert len(without) == RECORDINGS - 1 and poor in without and wav not in without


def test_songs_lists_of_commands_name_the_same_file(library, place):
    songs = Songs(library, library.space())
    found = songs.find("seconds = 3")
    assert [Path(path).relative_to(place).as_posix() for path in found["path"]] == [
        "a mix/track.wav", "albums/tune.flac", "albums/tune.mp3", "albums/tune.ogg",
    ]  # fmt: skip
    assert [Path(path).parent.name for path in songs.find("folder = 'a mix'")["path"]] == ["a mix"] * len(KINDS)


def test_update_map_lays_out_one_of_each_and_copies_share_its_position(place, monkeypatch):
    laid, real = [], update.layout
    monkeypatch.setattr(update, "layout", lambda vectors, *rest: laid.append(len(vectors)) or real(vectors, *rest))
    with Library(place / "library.sqlite") as library:
        space = library.space()
        _, before = library.positions(space)
        update.update_map(library, space)
        assert laid == [] and np.array_equal(library.positions(space)[1], before)
        update.update_map(library, space, remap=True)
        ids, after = library.positions(space)
        assert laid == [RECORDINGS] and len(ids) == FILES and len(np.unique(after, axis=0)) == RECORDINGS
        rows = np.searchsorted(ids, ids_of(library, place, "albums/tune.ogg", "a mix/track.ogg"))
        assert np.array_equal(after[rows[0]], after[rows[1]])


def test_payload_of_copies_has_a_row_for_each_recording(library, place, explorer):
    rich, poor = ids_of(library, place, "albums/tune.ogg", "a mix/track.ogg")
    explorer.correct([poor], "loud")
    page = payload(library, library.space(), None, explorer.genres.prediction)
    ids, copies = unpacked(page["ids"], "<i4").tolist(), unpacked(page["copy_ids"], "<i4").tolist()
    copy_of = unpacked(page["copy_of"], "<i4")
    assert len(ids) == RECORDINGS and len(copies) == FILES - RECORDINGS and len(page["titles"]) == FILES
    assert len(unpacked(page["x"], "<f4")) == len(unpacked(page["seconds"], "<f4")) == RECORDINGS
    assert len(unpacked(page["unsure"], "u1")) == RECORDINGS and "files" not in page
    row, other = ids.index(rich), copies.index(poor)
    assert copy_of[other] == row and page["corrections"] == {row: "loud"}
    assert (page["titles"][row], page["titles"][RECORDINGS + other]) == ("Evening ogg", "Untitled ogg")
    folders = [page["folder"]["names"][code] for code in unpacked(page["folder"]["codes"], "<i4")]
    assert (folders[row], folders[RECORDINGS + other]) == ("albums", "a mix")


def test_explorer_any_file_of_a_recording_names_it(library, place, explorer):
    rich, poor = ids_of(library, place, "albums/tune.ogg", "a mix/track.ogg")
    details = explorer.track(poor)
    assert details == explorer.track(rich) and details["path"] == str(place / "albums/tune.ogg")
    assert details["copies"] == [[str(place / "a mix/track.ogg"), "a mix"]]
    assert explorer.neighbours(poor, 50, 2.0) == explorer.neighbours(rich, 50, 2.0)
    near = [track for track, _ in explorer.neighbours(rich, 50, 2.0)]
    assert len(near) == len(set(near)) == RECORDINGS - 1 and not {rich, poor} & set(near)
    with pytest.raises(KgenreError, match="two different songs"):
        explorer.path(rich, poor, 5)
    with pytest.raises(KgenreError, match="Received: 1 that is no longer there"):
        explorer.held([999])


def test_explorer_correction_of_one_file_is_of_all(library, place, explorer):
    rich, poor, mp3 = ids_of(library, place, "albums/tune.ogg", "a mix/track.ogg", "albums/tune.mp3")
    explorer.correct([poor], "quiet")
    assert library.corrections() == {rich: "quiet", poor: "quiet"}
    assert mp3 not in library.corrections()  # the same sound, encoded otherwise, is another recording
    explorer.correct([rich], None)
    assert library.corrections() == {}


def test_explorer_file_that_is_gone_leaves_its_recording_to_the_next(library, place, explorer):
    rich, poor = ids_of(library, place, "albums/tune.ogg", "a mix/track.ogg")
    (place / "albums/tune.ogg").unlink()
    library.mark_removed([rich])
    explorer.refresh([os.fsencode(place / "albums/tune.ogg")])
    assert unpacked(explorer.changes(0)["gone"], "<i4").tolist() == [rich]
    for track in (rich, poor):  # a page that is open may still ask for the first
        details = explorer.track(track)
        assert (details["path"], details["copies"]) == (str(place / "a mix/track.ogg"), [])
        assert explorer.held([track]) == {track: [poor]}
    listed = [track for track, _ in explorer.neighbours(ids_of(library, place, "singles/0.wav")[0], 50, 2.0)]
    assert poor in listed and rich not in listed
    library.mark_removed([poor])
    explorer.refresh([os.fsencode(place / "a mix/track.ogg")])
    with pytest.raises(KgenreError, match="No recording of level has the id"):
        explorer.track(rich)


def test_explorer_retraining_learns_from_a_recording_once(explorer):
    ids = explorer.ids.tolist()
    explorer.correct(ids[: FILES // 2], "loud")
    explorer.correct(ids[FILES // 2 :], "quiet")
    found = head_plan.preview(explorer, False)
    assert found["labelled_tracks"] == RECORDINGS
    assert len({change[0] for change in found["changes"]}) == len(found["changes"]) <= RECORDINGS


def test_tags_of_all_files_of_a_recording_are_written_and_taken_back(library, place, explorer):
    rich, poor = ids_of(library, place, "albums/tune.ogg", "a mix/track.ogg")
    explorer.correct([rich], "loud")
    plan = tag_writing.preview(explorer, Wanted(ids=[rich]))
    assert {Path(path).parent.name for path, *_ in plan["changes"]} == {"albums", "a mix"}
    assert (plan["files"], plan["recordings"], plan["skipped"]) == (2, 1, 0)
    written = tag_writing.write(explorer, Wanted(ids=[rich, poor], plan=plan["plan"]))
    assert (written["files"], written["recordings"]) == (2, 1)
    for name in ("albums/tune.ogg", "a mix/track.ogg"):
        assert mutagen.File(place / name)["genre"] == ["loud"]
    undone = tag_writing.undo(explorer)
    assert (undone["files"], undone["recordings"]) == (2, 1)
    assert "genre" not in mutagen.File(place / "a mix/track.ogg")


def test_tags_of_a_file_that_has_a_genre_stay_while_its_copy_gets_one(place):
    write_tags(place / "albums/tune.ogg", genre="Mine")
    with Library(place / "library.sqlite") as library:
        update_library(library, place, LevelModel(), workers=1)
        explorer = Explorer(library, library.space())
        rich = library.id_of(place / "albums/tune.ogg")
        changes = tag_writing.preview(explorer, Wanted(ids=[rich]))["changes"]
        assert [(Path(path).parent.name, before) for path, _, before, _ in changes] == [("a mix", "")]
        changes = tag_writing.preview(explorer, Wanted(ids=[rich], overwrite=True))["changes"]
        assert sorted(before for _, _, before, _ in changes) == ["", "Mine"]


@pytest.mark.parametrize("n, text", [(0, "0 tracks"), (1, "1 track"), (2, "2 tracks")])
def test_count_is_plural_but_for_one(n, text):
    assert count(n, "track") == text


def test_explore_tells_recordings_and_files(original, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("kgenre.serving.catalogue.open_model", lambda name, runtime: LevelModel())
    (tmp_path / "Music").mkdir()
    shutil.copy(original / "singles/0.wav", tmp_path / "Music")
    assert explore.main([str(tmp_path / "Music"), "--scan-only", "--workers", "1"]) == 0
    assert "\n1 recording on the map; " in capsys.readouterr().err
    shutil.copy(original / "singles/0.wav", tmp_path / "Music/copy.wav")
    assert explore.main([str(tmp_path / "Music"), "--scan-only", "--workers", "1"]) == 0
    assert "\n1 recording, 2 files on the map; " in capsys.readouterr().err


# In a browser.


@pytest.fixture
def served(place):
    """The folder, and the address of its server, a process."""
    with page_server.served(place, "LevelModel") as address:
        yield place, address


def base36(track: int) -> str:
    return np.base_repr(track, 36).lower()


def shown(tab) -> int:
    return tab.evaluate("Array.from(kgenre.tracks.ids.keys()).filter(kgenre.map.on.isShown).length")


def saved(tab, button: str) -> str:
    with tab.expect_download() as download:
        tab.click(button)
    return Path(download.value.path()).read_text(encoding="utf-8")


def lasso_all(tab) -> None:
    box = tab.locator("#map").bounding_box()
    left, top, right, bottom = box["x"] + 3, box["y"] + 3, box["x"] + box["width"] - 3, box["y"] + box["height"] - 3
    tab.click("#tool-lasso")
    tab.mouse.move(left + 300, top)
    tab.mouse.down()
    for x, y in ((right, top), (right, bottom), (left, bottom), (left, top), (left + 300, top)):
        tab.mouse.move(x, y, steps=3)
    tab.mouse.up()


def shot(tab, name: str) -> None:
    if folder := os.environ.get("KGENRE_SCREENSHOTS"):
        tab.screenshot(path=f"{folder}/{name}.png")


def test_page_lasso_around_copies_saves_one_file_of_each_recording(served, tab):
    place, address = served
    opened(tab, address)
    assert tab.inner_text("#foot").startswith(f"{RECORDINGS} recordings, {FILES} files · ")
    assert f"{RECORDINGS} recordings, {FILES} files" in tab.inner_text("#start")
    lasso_all(tab)
    tab.wait_for_selector(f"#selection:has-text('{RECORDINGS} selected')")
    lines = saved(tab, "#save").splitlines()
    paths = [Path(line).relative_to(place).as_posix() for line in lines if not line.startswith("#")]
    assert len(paths) == len(set(paths)) == RECORDINGS
    assert {"albums/tune.ogg", "albums/tune.mp3", "albums/tune.flac", "a mix/track.wav"} <= set(paths)
    assert f"Saved {RECORDINGS} recordings as m3u8." in tab.inner_text("#message")
    rows = list(csv.DictReader(io.StringIO(saved(tab, "#csv"))))
    assert sorted(row["path"] for row in rows) == sorted(str(place / path) for path in paths)


def test_page_panel_lists_the_files_and_a_link_to_any_selects_the_recording(served, tab):
    place, address = served
    with Library(place / "library.sqlite") as library:
        rich, poor = ids_of(library, place, "albums/tune.ogg", "a mix/track.ogg")
    opened(tab, f"{address}/#sel={base36(poor)}.{base36(rich)}&track={base36(poor)}")
    tab.wait_for_selector("#files:has-text('tune.ogg')")
    assert tab.locator("#files div").all_inner_texts() == [
        "2 files · 0:03", str(place / "albums/tune.ogg"), str(place / "a mix/track.ogg"),
    ]  # fmt: skip
    assert tab.inner_text("#track .title") == "Evening ogg" and "1 selected" in tab.inner_text("#selection")
    shot(tab, "files")
    tab.fill("#genre", "third")
    tab.click("#correct")
    tab.wait_for_selector("#track :text('Corrected to: third')")
    with Library(place / "library.sqlite") as library:
        assert library.corrections() == {rich: "third", poor: "third"}
    tab.click("#tags")
    tab.wait_for_selector("#dialog:has-text('would be written into 2 files of 1 recording:')")
    tab.click("#write-tags")
    tab.wait_for_selector("#dialog:has-text('Changed: 2 files of 1 recording.')")
    assert mutagen.File(place / "a mix/track.ogg")["genre"] == ["third"]


def test_page_folder_and_search_find_a_recording_by_any_of_its_files(served, tab):
    place, address = served
    opened(tab, address)
    for folder, recordings in (("albums", len(KINDS)), ("a mix", len(KINDS)), ("singles", SINGLES), ("", RECORDINGS)):
        tab.select_option("#folder", folder)
        assert shown(tab) == recordings, folder
    tab.select_option("#colouring", "folder")
    legend = tab.locator("#scale button")
    names, counts = (legend.locator(part).all_inner_texts() for part in (".name", ".count"))
    assert dict(zip(names, map(int, counts))) == {
        "singles": SINGLES, "albums": len(KINDS), "a mix": len(KINDS),
    }  # fmt: skip
    row = tab.evaluate("kgenre.tracks.titles.indexOf('Evening ogg')")
    colours = [tab.evaluate(f"kgenre.map.points.colours.slice({4 * row}, {4 * row + 3}).join()")]
    for hidden, left in (("albums", RECORDINGS), ("a mix", SINGLES)):
        legend.filter(has_text=hidden).click()
        assert shown(tab) == left, hidden
        colours.append(tab.evaluate(f"kgenre.map.points.colours.slice({4 * row}, {4 * row + 3}).join()"))
    assert len(set(colours)) == 3  # of its first folder, of its other one, grey
    tab.keyboard.press("c")
    for query, hits in (
        ("untitled", 3),
        ("evening", 3),
        ("evening untitled ogg", 1),
        ("mix", 4),
        ("evening singles", 0),
    ):
        tab.fill("#search", query)
        until(tab, f"kgenre.state.query === '{query}'")
        assert tab.evaluate("kgenre.state.hits.reduce((sum, hit) => sum + hit, 0)") == hits, query


def test_page_first_file_gone_leaves_the_dot_to_the_next(served, tab):
    place, address = served
    with Library(place / "library.sqlite") as library:
        rich, poor = ids_of(library, place, "albums/tune.ogg", "a mix/track.ogg")
    lost, status = [], {"done": 0, "total": 9, "seconds_left": None, "paused": False, "running": True, "error": ""}

    def changes(route):
        answer = {"changes": 0, "refinement": status, "failures": [], "gone": packed(np.array(lost), "<i4")}
        route.fulfill(json=answer | {"genres": None, "tags": None})

    tab.route("**/data", lambda route: route.fulfill(json=route.fetch().json() | {"refines": True}))
    tab.route("**/changes?*", changes)
    opened(tab, f"{address}/#track={base36(rich)}&sel={base36(rich)}")
    tab.wait_for_selector("#files:has-text('tune.ogg')")
    row = tab.evaluate("kgenre.state.current")
    tab.select_option("#folder", "albums")
    assert shown(tab) == len(KINDS)
    with Library(place / "library.sqlite") as library:
        library.mark_removed([rich])
    lost.append(rich)
    until(tab, f"kgenre.tracks.ids[{row}] === {poor} && kgenre.state.details.copies.length === 0")
    assert tab.inner_text("#track .title") == "Untitled ogg"
    assert str(place / "a mix/track.ogg") in tab.inner_text("#track") and tab.locator("#files").count() == 0
    assert tab.inner_text("#foot").startswith(f"{RECORDINGS} recordings, {FILES - 1} files")
    assert shown(tab) == len(KINDS) - 1  # of the folder in which no file of it is left
    assert tab.evaluate("kgenre.state.selection.length") == 1 and "left the map" not in tab.inner_text("#message")
    assert saved(tab, "#save").splitlines()[2] == str(place / "a mix/track.ogg")
    lost.append(poor)
    until(tab, f"kgenre.tracks.gone[{row}] === 1")
    tab.wait_for_selector("#message:has-text('1 recording left the map: its file is gone')")
    assert tab.inner_text("#foot").startswith(f"{RECORDINGS - 1} recordings, {FILES - 2} files")
    assert tab.evaluate("kgenre.state.current") == -1


def test_offline_page_has_a_dot_for_each_recording_and_paths_below_the_folder(place, tab, tmp_path):
    with Library(place / "library.sqlite") as library:
        data = payload(library, library.space(), None, Explorer(library, library.space()).genres.prediction, True)
        poor = library.id_of(place / "a mix/track.ogg")
    file = tmp_path / "map.html"
    file.write_text(page_html(data), encoding="utf-8")
    assert str(place) not in file.read_text(encoding="utf-8") and str(place) not in json.dumps(data)
    opened(tab, f"{file.as_uri()}#track={base36(poor)}")
    assert tab.inner_text("#foot").startswith(f"{RECORDINGS} recordings, {FILES} files · ")
    tab.wait_for_selector("#files")
    assert tab.locator("#files div").all_inner_texts() == ["2 files · 0:03", "albums/tune.ogg", "a mix/track.ogg"]
    lasso_all(tab)
    tab.wait_for_selector(f"#selection:has-text('{RECORDINGS} selected')")
    rows = list(csv.DictReader(io.StringIO(saved(tab, "#csv"))))
    paths = {row["path"] for row in rows}
    assert len(rows) == len(paths) == RECORDINGS and {"albums/tune.ogg", "a mix/track.wav"} <= paths
    assert all((place / path).is_file() for path in paths)
