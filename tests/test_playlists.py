"""Playlists, genre tags in files, and the commands similar, path and find."""

import csv
import io
import json
import os
import re
import shutil
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit

import mutagen
import numpy as np
import pandas as pd
import pytest
from audio_files import music, write_av, write_sound
from libraries import LABELS, LevelModel, make_library

from kgenre import find, similar
from kgenre import path as path_between
from kgenre.core.errors import KgenreError
from kgenre.library import head, retag, retraining
from kgenre.library.playlists import csv_text, json_text, m3u8
from kgenre.library.retag import backups, plan, undo, write
from kgenre.library.scan.scan import scan
from kgenre.library.store import Library
from kgenre.library.tag_fields import read_fields

ODD = ["/m/plain.mp3", "/m/#hash.mp3", "/m/two  blanks .mp3", "/m/\U0001f3b8 g\u00fc.mp3", "/m/it's \"q\", 100%41.mp3",
       "/m/two\nlines.mp3", os.fsdecode(b"/m/latin \xe9.mp3"), "/m/ leading.mp3", "/m/Artist: Song.mp3",
       "/m/a\u2028b.mp3", "/m/deep/C:/x.mp3"]  # fmt: skip


def table(paths, **columns) -> pd.DataFrame:
    texts = {"path": paths, "title": "T", "artist": "A", "album": "", "genre": ""}
    return pd.DataFrame({**{name: pd.Series(value, range(len(paths)), dtype=object) for name, value in texts.items()},
                         "year": np.nan, "seconds": 61.4, **columns})  # fmt: skip


def read_m3u8(text: str, folder: str) -> list[bytes]:
    """The files of a playlist, read as players do: lines, no comments, blanks at the ends dropped, file: addresses."""
    paths = []
    for line in text.encode("utf-8").decode("utf-8").splitlines():
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        if re.match(r"[A-Za-z][A-Za-z+.-]+:", line):
            assert line.startswith("file:///")
            paths.append(unquote_to_bytes(urlsplit(line).path))
        else:
            paths.append(os.fsencode(os.path.normpath(os.path.join(folder, line))))
    return paths


@pytest.mark.parametrize("relative_to", [None, "/m", "/other/place"])
def test_m3u8_keeps_every_path(relative_to):
    text = m3u8(table(ODD), relative_to)
    assert text.startswith("#EXTM3U\n#EXTINF:61,A - T\n") and text.endswith("\n")
    assert read_m3u8(text, relative_to or "/") == [os.fsencode(name) for name in ODD]


def read_genres(path) -> list[str]:
    return read_fields(path)["genre"]


def test_m3u8_names_songs_by_tags_or_file():
    songs = table(
        ["/m/x y.mp3"] * 3, title=["One\nTwo", "", "Solo"], artist=["A\0", "B", ""], seconds=[np.nan, 0.4, 59.6]
    )
    infos = [line for line in m3u8(songs).splitlines() if line.startswith("#EXTINF")]
    assert infos == ["#EXTINF:-1,A? - One Two", "#EXTINF:0,x y", "#EXTINF:60,Solo"]
    assert m3u8(table([])) == "#EXTM3U\n"


def test_csv_text_is_read_back():
    songs = table(ODD, distance=0.123456789, title='Comma, "quote"\nline', year=[1999.0, *[np.nan] * (len(ODD) - 1)])
    rows = list(csv.DictReader(io.StringIO(csv_text(songs), newline="")))
    assert [row["path"] for row in rows] == ODD
    assert list(rows[0].values())[1:] == ['Comma, "quote"\nline', "A", "", "1999", "", "61.4", "0.123457"]
    assert list(rows[0])[1:] == ["title", "artist", "album", "year", "genre", "seconds", "distance"]
    assert rows[1]["year"] == ""


def test_json_text_keeps_every_path_and_unknown_numbers_are_null():
    songs = table(ODD, distance=0.123456789, year=[1999.0, *[np.nan] * (len(ODD) - 1)])
    rows = [json.loads(line) for line in json_text(songs).splitlines()]
    assert [row["path"] for row in rows] == ODD and json_text(songs).isascii()
    assert (rows[0]["year"], rows[0]["distance"], rows[1]["year"]) == (1999, 0.123457, None)
    assert list(rows[0]) == ["path", "title", "artist", "album", "year", "genre", "seconds", "distance"]


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    """A song in each of six formats, all but one tagged, one as players of 2005 read it, one read-only link."""
    folder = tmp_path_factory.mktemp("files")
    for number, name in enumerate(("a.mp3", "b.flac", "c.ogg", "d.wav", "e.m4a", "f.opus", "g.mp3")):
        samples = music(1.2, 48000, 2, seed=number)
        write_av(folder / name, samples, 48000, "aac") if name == "e.m4a" else write_sound(
            folder / name, samples, 48000
        )
        if name not in ("d.wav", "g.mp3"):
            tags = mutagen.File(folder / name, easy=True)
            tags.update(
                title=f"T\u00eftle {number}", genre=["Old", "Older"] if name != "e.m4a" else ["Old"], date="1999-01-02"
            )
            tags.save(**({"v2_version": 3} if name == "a.mp3" else {}))
    (folder / "h.mp3").symlink_to(folder / "a.mp3")
    return folder


@pytest.fixture
def scanned(files, tmp_path):
    folder = shutil.copytree(files, tmp_path / "music", symlinks=True)
    (folder / "h.mp3").unlink()
    (folder / "h.mp3").symlink_to(folder / "a.mp3")
    with Library(tmp_path / "library.sqlite") as library:
        scan(library, folder, LevelModel(), workers=1)
        yield library


def test_tags_are_planned_written_and_restored(scanned, files, tmp_path):
    folder, tracks = tmp_path / "music", scanned.tracks()
    tracks = tracks[~tracks["path"].str.endswith("h.mp3")]
    genres = {int(track_id): ["K\u00f6ln Techno"] for track_id in tracks.index}
    planned = plan(scanned, genres)
    assert len(planned.changes) == 7 and not planned.failures and not backups(scanned)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        path.name: path.read_bytes() for path in files.iterdir()
    }
    written = write(scanned, planned.changes)
    assert len(written.changes) == 7 and not written.failures
    for name in sorted(path.name for path in files.iterdir()):
        tags = mutagen.File(folder / name, easy=name[0] != "d")
        assert read_genres(folder / name) == ["K\u00f6ln Techno"]
        assert name[0] in "dg" or str(tags["title"][0]).startswith("T\u00eftle")
    assert mutagen.File(folder / "a.mp3").tags.version == (2, 3, 0) and (folder / "h.mp3").is_symlink()
    assert set(scanned.tracks().loc[tracks.index, "genre"]) == {"K\u00f6ln Techno"}
    model = LevelModel()
    report = scan(scanned, folder, model, workers=1)  # only the link has a time that the library does not know yet
    assert report.counts["unchanged"] == 7 and not model.analysed and not plan(scanned, genres).changes
    assert len(backups(scanned)) == 1
    undone = undo(scanned)
    assert not backups(scanned) and not list(tmp_path.glob("tags-*"))
    assert len(undone.changes) == 7 and not undone.failures
    for path in files.iterdir():
        assert read_genres(folder / path.name) == read_genres(path)
    held = scanned.tracks().set_index("path")["genre"]
    for path in files.iterdir():
        assert path.name == "h.mp3" or held[str(folder / path.name)] == "".join(read_genres(path)[:1])
    assert not list(folder.glob(".part*"))


def test_write_tags_changed_file_is_left_unchanged(scanned, tmp_path):
    folder = tmp_path / "music"
    changes = plan(scanned, {scanned.id_of(folder / name): ["New"] for name in ("a.mp3", "b.flac", "c.ogg")}).changes
    tags = mutagen.File(folder / "b.flac")
    tags["genre"] = "Someone was here"
    tags.save()
    (folder / "c.ogg").unlink()
    before = (folder / "b.flac").read_bytes()
    written = write(scanned, changes)
    assert [Path(change.path).name for change in written.changes] == ["a.mp3"]
    reasons = {Path(path).name: reason for path, reason in written.failures.items()}
    assert "its genre is now Someone was here" in reasons["b.flac"] and "No such file" in reasons["c.ogg"]
    assert (folder / "b.flac").read_bytes() == before


def test_write_tags_that_change_audio_is_refused(scanned, tmp_path, monkeypatch):
    folder, track_id = tmp_path / "music", scanned.id_of(tmp_path / "music" / "b.flac")
    before, calls = (folder / "b.flac").read_bytes(), iter("ab")
    monkeypatch.setattr("kgenre.library.retag.audio_hash", lambda path: next(calls))
    written = write(scanned, plan(scanned, {track_id: ["New"]}).changes)
    assert list(written.failures.values()) == ["writing its tags would change its audio; the file is unchanged."]
    assert (folder / "b.flac").read_bytes() == before and not backups(scanned)
    assert [path.name for path in tmp_path.glob("tags-*")] == [] and not list(folder.glob(".part*"))


def test_undo_restores_backups_in_turn_and_keeps_failed_ones(scanned, tmp_path):
    folder, names = tmp_path / "music", ("a.mp3", "b.flac", "c.ogg")
    ids = {name: scanned.id_of(folder / name) for name in names}
    before = {name: read_genres(folder / name) for name in names}
    write(scanned, plan(scanned, {ids["a.mp3"]: ["First"]}).changes)
    write(scanned, plan(scanned, dict.fromkeys(ids.values(), ["Second"])).changes)
    assert len(backups(scanned)) == 2
    (folder / "b.flac").rename(tmp_path / "away.flac")
    undone = undo(scanned)
    assert len(undone.changes) == 2 and list(undone.failures) == [str(folder / "b.flac")]
    assert read_genres(folder / "a.mp3") == ["First"] and read_genres(folder / "c.ogg") == before["c.ogg"]
    (tmp_path / "away.flac").rename(folder / "b.flac")
    assert [Path(one.path).name for one in undo(scanned).changes] == ["b.flac"]
    assert [Path(one.path).name for one in undo(scanned).changes] == ["a.mp3"]
    assert {name: read_genres(folder / name) for name in names} == before
    with pytest.raises(KgenreError, match="No backup of tags"):
        undo(scanned)


def test_undo_finds_backup_of_library_that_was_named_from_another_folder(scanned, tmp_path, monkeypatch):
    song = tmp_path / "music" / "b.flac"
    before, track = read_genres(song), scanned.id_of(song)
    monkeypatch.chdir(scanned.path.parent)
    with Library(Path(scanned.path.name)) as named_from_here:
        write(named_from_here, plan(named_from_here, {track: ["First"]}).changes)
    monkeypatch.chdir("/")
    assert read_genres(song) == ["First"] and len(undo(scanned).changes) == 1 and read_genres(song) == before


def test_undo_after_interrupted_writing_restores_tags(scanned, tmp_path, monkeypatch):
    folder, names = tmp_path / "music", ("a.mp3", "b.flac", "c.ogg")
    before = {name: read_genres(folder / name) for name in names}
    changes = plan(scanned, {scanned.id_of(folder / name): ["New"] for name in names}).changes
    real, calls = retag.write_beside, iter("12")

    def killed(path, write_part):
        if next(calls) == "2":
            raise KeyboardInterrupt
        real(path, write_part)

    monkeypatch.setattr(retag, "write_beside", killed)
    with pytest.raises(KeyboardInterrupt):
        write(scanned, changes)
    monkeypatch.undo()
    assert read_genres(folder / "a.mp3") == ["New"] and read_genres(folder / "b.flac") == before["b.flac"]
    undone = undo(scanned)
    assert [Path(one.path).name for one in undone.changes] == ["a.mp3"] and not undone.failures
    assert {name: read_genres(folder / name) for name in names} == before
    monkeypatch.setattr(retag, "write_text", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(KgenreError, match="backup cannot be written .No space left on device.; no tags were"):
        write(scanned, changes)
    assert {name: read_genres(folder / name) for name in names} == before


@pytest.fixture(scope="module")
def invented(tmp_path_factory) -> Path:
    file = tmp_path_factory.mktemp("invented") / "library.sqlite"
    make_library(file, 120).close()
    return file


def listed(command, arguments, capsys) -> list[str]:
    assert command.main([str(argument) for argument in arguments]) == 0
    return [os.fsdecode(path) for path in read_m3u8(capsys.readouterr().out, os.getcwd())]


def complains(command, arguments, capsys) -> str:
    assert command.main([str(argument) for argument in arguments]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    return said.err


def test_similar_lists_nearest_songs(invented, capsys):
    with Library(invented) as library:
        tracks, (_, vectors) = library.tracks(), library.vectors(library.space())
    song = tracks["path"].iloc[3]
    vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    away = 1 - vectors @ vectors[3]
    order = [i for i in np.argsort(away) if i != 3]
    flags = ["--library", invented]
    assert listed(similar, [song, "-n", 10, *flags], capsys) == tracks["path"].iloc[order[:10]].tolist()
    assert listed(similar, ["s\u00f6ng 3.mp3", "-n", 10, *flags], capsys) == tracks["path"].iloc[order[:10]].tolist()
    within = listed(similar, [song, "--within", 0.2, "-n", 1000, *flags], capsys)
    assert within == [tracks["path"].iloc[i] for i in order if away[i] <= 0.2] and 5 < len(within) < 60
    only = listed(similar, [song, "--where", "folder ~ metal", *flags], capsys)
    assert only == [path for path in tracks["path"].iloc[order] if "/metal/" in path]
    assert listed(similar, ["blues 3.mp3 0/", "-n", 1, *flags], capsys) == tracks["path"].iloc[order[:1]].tolist()
    assert "10 songs match: " in complains(similar, ["Album 1/", *flags], capsys)
    assert "no song matches" in complains(similar, ["nothing like that", *flags], capsys)
    assert "not in" in complains(similar, [__file__, *flags], capsys)
    assert "unknown name 'jaz'" in complains(similar, [song, "--where", "jaz", *flags], capsys)


def test_path_leads_from_first_to_last(invented, capsys):
    with Library(invented) as library:
        paths = library.tracks()["path"].tolist()
    way = listed(path_between, [paths[0], paths[119], "-n", 8, "--library", invented], capsys)
    assert (way[0], way[-1], len(way), len(set(way))) == (paths[0], paths[119], 8, 8)
    way = listed(path_between, [paths[0], paths[119], "--where", "metal", "--library", invented], capsys)
    assert way[0] == paths[0] and all("/metal/" in name for name in way[1:-1]) and 8 < len(way) <= 12
    assert "the same song twice" in complains(path_between, [paths[0], paths[0], "--library", invented], capsys)


def test_find_lists_matching_songs(invented, tmp_path, capsys):
    with Library(invented) as library:
        tracks, (_, probabilities) = library.tracks(), library.probabilities(library.space())
    jazz = probabilities[:, LABELS.index("jazz")]
    flags = ["--library", invented]
    expected = tracks["path"][(jazz > 0.6) & (probabilities[:, LABELS.index("vocal")] < 0.5)]
    assert listed(find, ["jazz > 0.6 and not vocal", *flags], capsys) == sorted(expected) and len(expected) > 5
    best = tracks["path"].iloc[np.argsort(-jazz, kind="stable")[:5]].tolist()
    assert listed(find, ["jazz or not jazz", "--sort", "jazz", "-n", 5, *flags], capsys) == best
    assert listed(find, ["year > 3000", *flags], capsys) == []
    assert find.main(["year > 3000", *map(str, flags)]) == 0 and "no song matches" in capsys.readouterr().err
    assert find.main(["metal", "--out", str(tmp_path / "m.csv"), *map(str, flags)]) == 0
    held = pd.read_csv(tmp_path / "m.csv")
    assert set(held["predicted"]) == {"metal"} and list(held["path"]) == sorted(held["path"])
    assert find.main(["metal", "--relative", "--out", str(tmp_path / "m.m3u8"), *map(str, flags)]) == 0
    text = (tmp_path / "m.m3u8").read_text(encoding="utf-8")
    assert [os.fsdecode(path) for path in read_m3u8(text, str(tmp_path))] == list(held["path"]) and "\n.." in text
    assert "no such library" in complains(find, ["jazz", "--library", tmp_path / "none"], capsys)
    assert "name to sort by" in complains(find, ["jazz", "--sort", "jaz", *flags], capsys)
    assert "no analysis by the model 'x'" in complains(find, ["jazz", "--model", "x", *flags], capsys)
    assert "in no folder with a library" in complains(find, ["jazz"], capsys)
    assert "Leave out --relative" in complains(find, ["jazz", "--format", "csv", "--relative", *flags], capsys)


def test_find_and_similar_use_the_retrained_head(tmp_path, capsys):
    with make_library(tmp_path / "library.sqlite", 120) as library:
        space, paths = library.space(), library.tracks()["path"]
        known = {int(track): "bebop" for track in paths.index[paths.str.contains("/jazz/")]}
        taught, _ = retraining.retrain(library.all_slices(space), space.task, known, {})
        head.save_heads(library, space, [taught])
    flags, jazz = ["--library", tmp_path / "library.sqlite"], sorted(paths[list(known)])
    assert listed(find, ["predicted = bebop", *flags], capsys) == jazz and len(jazz) == 20
    assert sorted(listed(find, ["bebop", "--sort", "bebop", *flags], capsys)) == jazz
    assert sorted(listed(similar, [paths.iloc[0], "--where", "bebop", *flags], capsys)) == jazz


def test_find_filters_and_sorts_by_the_tags_that_the_scan_stored(tmp_path, capsys):
    with make_library(tmp_path / "library.sqlite", 60, tags=("jazz", "dreamy", "no words")) as library:
        space, paths = library.space(), library.tracks()["path"]
        ids, tags = library.tags(space)
    assert ids.tolist() == paths.index.tolist() and tags.shape == (60, 3)
    flags, (_, dreamy, wordless) = ["--library", tmp_path / "library.sqlite"], tags.T
    assert listed(find, ["dreamy > 0.5", *flags], capsys) == sorted(paths[dreamy > 0.5])
    assert listed(find, ["not 'no words'", *flags], capsys) == sorted(paths[wordless < 0.2])
    best = paths.iloc[np.argsort(-dreamy, kind="stable")].tolist()
    assert listed(find, ["path", "--sort", "dreamy", *flags], capsys) == best
    with Library(tmp_path / "library.sqlite") as library:  # a genre of the same name is meant, not the tag
        jazz = library.probabilities(library.space())[1][:, LABELS.index("jazz")]
    assert listed(find, ["jazz > 0.6", *flags], capsys) == sorted(paths[jazz > 0.6])
    assert "Did you mean dreamy?" in complains(find, ["dreemy", *flags], capsys)


def test_similar_find_and_path_list_copies_once(tmp_path, capsys):
    folder = tmp_path / "music"
    (folder / "copies").mkdir(parents=True)
    for number in range(6):
        write_sound(folder / f"{number}.wav", music(1.0, 8000, 1, seed=number), 8000)
        shutil.copy(folder / f"{number}.wav", folder / "copies" / f"{number}.wav")
    with Library(folder / ".kgenre" / "library.sqlite") as library:
        scan(library, folder, LevelModel(), workers=1)
    names = listed(similar, [folder / "copies" / "2.wav"], capsys)
    assert sorted(Path(name).stem for name in names) == ["0", "1", "3", "4", "5"]
    names = listed(find, ["folder = copies", "--library", folder / ".kgenre" / "library.sqlite"], capsys)
    assert [Path(name).relative_to(folder) for name in names] == [Path(f"copies/{i}.wav") for i in range(6)]
    names = listed(path_between, [folder / "0.wav", folder / "copies" / "5.wav", "-n", "99"], capsys)
    assert sorted(Path(name).stem for name in names) == ["0", "1", "2", "3", "4", "5"]
