"""Collections: folders, manifests, tags, and splits that keep an artist on one side."""

import dataclasses
import importlib.util
import os
from functools import partial
from pathlib import Path

import fma_miniature
import mutagen
import numpy as np
import pandas as pd
import pytest
from audio_files import tone, write_av, write_sound
from mutagen import id3
from user_collections import make_gtzan, make_playlists, make_tags

from kgenre.audio.decode import decode
from kgenre.audio.inputs import is_spectrogram
from kgenre.audio.spectrograms import read_spectrogram
from kgenre.audio.tags import Tags, read_tags
from kgenre.audio.walk import find_audio_files
from kgenre.collections import find_dataset, load_collection
from kgenre.collections.datasets import DATASETS
from kgenre.collections.datasets.dataset import Tracks
from kgenre.collections.demo.files import make_demo
from kgenre.collections.grouping import group_ids, grouped_folds, numbered_neighbours
from kgenre.collections.settings import DATA
from kgenre.collections.splits import SPLITS, artist_overlap, with_split
from kgenre.collections.tables import COLUMNS, read_folder, read_manifest
from kgenre.core.errors import KgenreError
from kgenre.core.genres import split_genres
from kgenre.core.progress import Progress


def touch(folder: Path, *names: str) -> None:
    """Empty files with these names: what only lists files does not open them."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def write_csv(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "manifest.csv"
    path.write_bytes(text.encode(encoding))
    return path


def table_of(counts: dict[str, list[int]], unit: str = "artist") -> pd.DataFrame:
    """Tracks by genre: {genre: [tracks of its first artist, of its second, ...]}."""
    rows = []
    for genre, tracks in counts.items():
        for number, n_tracks in enumerate(tracks):
            rows += [
                {"path": f"/{genre}/{number}/{track}.mp3", "genre": genre, unit: f"{genre} {number}"}
                for track in range(n_tracks)
            ]
    table = pd.DataFrame(rows).reindex(columns=COLUMNS).astype("string").fillna("")
    return table.assign(genres=table["genre"])


# --- named datasets -------------------------------------------------------------------------------


def fma_data(name: str, folder: Path) -> str:
    fma_miniature.make_fma(folder, name, tracks=fma_miniature.tracks_table(4))
    return f"{name}:{folder}"


def make_spectrograms(folder: Path) -> str:
    """Nine arrays of three genres in an .npz, by an artist each."""
    folder.mkdir()
    numbers = np.arange(9)
    genre = np.array(["rock", "jazz", "folk"])[numbers % 3]
    mel = np.random.default_rng(0).integers(0, 200, (9, 16, 40), "uint8")
    np.savez(folder / "a.npz", mel=mel, genre=genre, artist=numbers.astype(str))
    return str(folder / "a.npz")


# A small edition of each row of DATASETS: folder -> what `--data` takes.
MINIATURES = {
    **{name: partial(fma_data, name) for name in fma_miniature.EDITIONS},
    "demo": lambda folder: make_demo(folder, 3, songs_per_genre=3, workers=1, seconds=(2.0, 3.0)) / "manifest.csv",
    "gtzan": make_gtzan,
    "playlists": make_playlists,
    "spectrograms": make_spectrograms,
    "tags": make_tags,
}


@pytest.mark.parametrize("name", DATASETS)
def test_dataset_miniature_is_whole_split_by_artist_and_readable(tmp_path, name):
    collection = load_collection(str(MINIATURES[name](tmp_path / name)))
    table = collection.table
    assert list(table.columns) == COLUMNS
    if DATASETS[name].labels:  # else the user's files say them
        assert collection.labels == list(DATASETS[name].labels)
    assert table["track_id"].is_unique
    for genre in collection.labels:
        tracks = table[[genre in split_genres(genres) for genres in table["genres"]]]
        assert set(tracks["split"]) == set(SPLITS), genre
    assert (table.groupby("artist")["split"].nunique() == 1).all()
    assert artist_overlap(collection.rows("test"), collection.rows("train")).startswith("0.0% of the tracks")
    for path in table["path"][::5]:
        if is_spectrogram(path):
            assert read_spectrogram(path).shape == (40, 16)
            continue
        decoded = decode(path, 22050)
        assert decoded.seconds >= 1.9 and decoded.flags == ()


class Lines(Progress):
    """Keeps the lines that it is told."""

    def __init__(self):
        self.lines = []

    def line(self, text):
        self.lines.append(text)


@pytest.mark.parametrize("name", DATASETS)
def test_dataset_declaration_is_complete(name):
    row = DATASETS[name]
    assert all((row.description, row.citation, row.licence, row.size))
    assert len(row.labels) >= 2 or row.needs_folder  # the genres of a user's folder are not known before


def test_find_dataset_expands_the_home_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert find_dataset("gtzan:~/clips") == ("gtzan", tmp_path / "clips")
    assert find_dataset("gtzan", tmp_path) == ("gtzan", tmp_path / "gtzan")
    assert find_dataset(str(tmp_path)) is None


def test_load_collection_with_known_faults_leaves_them_out(tmp_path, monkeypatch):
    told = Lines()
    manifest = write_csv(tmp_path, "path,genre,artist\na.mp3,rock,A\nb.mp3,jazz,B\nc.mp3,jazz,C\n")
    row = dataclasses.replace(
        DATASETS["demo"],
        load=lambda folder, progress: Tracks(read_manifest(manifest)),
        known_faults={"b": "silent", "elsewhere": "short"},
    )
    monkeypatch.setitem(DATASETS, "demo", row)
    assert load_collection("demo", progress=told).table["track_id"].tolist() == ["a", "c"]
    assert told.lines == ["demo: left out: 1 silent: b"]


# --- folders --------------------------------------------------------------------------------------


def test_read_folder_of_genre_folders_lists_audio_by_genre_and_album(tmp_path):
    touch(
        tmp_path,
        "rock/a song.mp3",
        "rock/.stfolder/hidden.mp3",
        "rock/._a song.mp3",
        "rock/cover.jpg",
        "rock/notes.txt",
        "rock/...And More/01 'quoted' \"song\".FLAC",
        "hip hop/The Album/CD 1/Ünïcode \N{MUSICAL NOTE}.m4a",
        "hip hop/The Album/folder.png",
        "loose.mp3",
        ".hidden genre/song.mp3",
        "empty/readme.md",
    )
    (tmp_path / "rock" / "folder.mp3").mkdir()
    table, left_out = read_folder(tmp_path)
    assert left_out == {str(tmp_path / "loose.mp3"): "in no genre folder"}
    rows = table[["path", "genre", "album"]].to_numpy().tolist()
    found = {Path(path).relative_to(tmp_path).as_posix(): row for path, *row in rows}
    assert found == {
        "rock/a song.mp3": ["rock", ""],
        "rock/...And More/01 'quoted' \"song\".FLAC": ["rock", "rock/...And More"],
        "hip hop/The Album/CD 1/Ünïcode \N{MUSICAL NOTE}.m4a": ["hip hop", "hip hop/The Album/CD 1"],
    }
    assert sorted(table["track_id"]) == ["01 'quoted' \"song\"", "a song", "Ünïcode \N{MUSICAL NOTE}"]
    assert table["path"].tolist() == sorted(table["path"])


def test_find_audio_files_with_cyclic_links_follows_each_once(tmp_path):
    touch(tmp_path, "library/rock/a.mp3", "library/jazz/b.mp3", "elsewhere/c.mp3")
    os.symlink(tmp_path / "library", tmp_path / "library" / "rock" / "loop")
    os.symlink(tmp_path / "elsewhere", tmp_path / "library" / "blues")
    os.symlink(tmp_path / "nowhere", tmp_path / "library" / "jazz" / "dead link")
    found = [path.relative_to(tmp_path / "library").as_posix() for path in find_audio_files(tmp_path / "library")]
    assert found == ["blues/c.mp3", "jazz/b.mp3", "rock/a.mp3"]


def test_read_folder_without_audio_is_refused_with_the_layout(tmp_path):
    touch(tmp_path, "song.mp3", "rock/cover.jpg")
    with pytest.raises(KgenreError) as caught:
        load_collection(str(tmp_path))
    assert str(caught.value) == (
        f"{tmp_path}: no audio in folders below it. A collection is a folder of genre folders: GENRE/SONG.mp3, or "
        "GENRE/ALBUM/SONG.mp3; or give a CSV manifest with path and genre."
    )


def test_read_folder_of_one_genre_is_refused(tmp_path):
    touch(tmp_path, "rock/a.mp3", "rock/b.mp3")
    with pytest.raises(KgenreError, match=r": at least two genres are needed\. Received: rock\.$"):
        read_folder(tmp_path)


# --- manifests ------------------------------------------------------------------------------------


def test_read_manifest_with_odd_header_and_cells_is_normalised(tmp_path):
    """BOM, quotes, spaces, empty cells, aliases of splits, columns in any case and order, and one more."""
    path = write_csv(
        tmp_path,
        "Genre , artist,PATH,Split,mood,track_id\r\n"
        'rock,"Earth, Wind & ""Fire""",sub/a song.mp3,Training,calm,007\r\n'
        "rock ,NA,../up.flac,DEV,,\r\n"
        '"drum, bass",,"/abs/c,d.ogg", test ,,x\r\n',
        "utf-8-sig",
    )
    table = read_manifest(path)
    assert table.to_dict("records") == [
        {"path": str(tmp_path / "sub" / "a song.mp3"), "genre": "rock", "genres": "rock", "split": "train",
         "artist": 'Earth, Wind & "Fire"', "album": "", "track_id": "007"},
        {"path": str(tmp_path.parent / "up.flac"), "genre": "rock", "genres": "rock", "split": "valid",
         "artist": "NA", "album": "", "track_id": "up"},
        {"path": "/abs/c,d.ogg", "genre": "drum, bass", "genres": "drum, bass", "split": "test",
         "artist": "", "album": "", "track_id": "x"},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("alias", "split"),
    [("train", "train"), ("training", "train"), ("TRAIN", "train"), ("valid", "valid"), ("validation", "valid"),
     ("val", "valid"), ("dev", "valid"), ("test", "test"), ("testing", "test"), ("eval", "test"), ("", "")],
)  # fmt: skip
def test_read_manifest_with_split_alias_gives_its_split(tmp_path, alias, split):
    table = read_manifest(write_csv(tmp_path, f"path,genre,split\na.mp3,rock,{alias}\nb.mp3,jazz,test\n"))
    assert table["split"].tolist() == [split, "test"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a readable manifest (No columns to parse from file)."),
        ("file,genre\na.mp3,rock\n",
         "a manifest needs the columns path and genre. Missing: path. Received: file, genre."),
        ("path;genre\na.mp3;rock\n",
         "a manifest needs the columns path and genre. Missing: path, genre. Received: path;genre."),
        ("path,Genre,genre\na.mp3,rock,jazz\n", "the column genre is there 2 times. Name each column once."),
        ("path,genre\na.mp3,rock\n,jazz\n", "line 3: `path` is empty."),
        ("path,genre\na.mp3,rock\nb.mp3,  \nc.mp3,\n", "line 3: `genre` is empty."),
        ("path,genre\na.mp3\nb.mp3,jazz\n", "line 2: `genre` is empty."),
        ("path,genre,split\na.mp3,rock,train\nb.mp3,jazz,Holdout\n",
         "line 3: `split` must be train, valid or test. Received: 'Holdout'."),
        ("path,genre\na.mp3,rock\nx/../a.mp3,jazz\n", "lists {folder}/a.mp3 twice. List each track once."),
        ("path,genre\na.mp3,rock\nb\0.mp3,jazz\n", "line 3: `path` holds a NUL, which no file name does."),
        ("path,genre\na.mp3,rock\nb.mp3,rock\n", "at least two genres are needed. Received: rock."),
        ("path,genre\n", "at least two genres are needed. Received: ."),
    ],
)  # fmt: skip
def test_read_manifest_with_a_fault_is_refused_with_its_line(tmp_path, text, message):
    path = write_csv(tmp_path, text)
    with pytest.raises(KgenreError) as caught:
        read_manifest(path)
    assert str(caught.value) == f"{path}: {message.format(folder=tmp_path)}"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [("path,genre\né.mp3,rock\n", "latin-1"), ("path,genre\na.mp3,rock\nb.mp3,jazz,extra\n", "utf-8")],
)
def test_read_manifest_not_readable_is_one_line_with_its_cause(tmp_path, text, encoding):
    path = write_csv(tmp_path, text, encoding)
    with pytest.raises(KgenreError) as caught:
        read_manifest(path)
    assert str(caught.value).startswith(f"{path}: not a readable manifest (")
    assert len(str(caught.value).splitlines()) == 1
    assert isinstance(caught.value.__cause__, ValueError)


def test_read_manifest_of_parquet_equals_csv(tmp_path):
    """The same as CSV where pyarrow is installed, and one line that says what to install where it is not."""
    path = tmp_path / "manifest.parquet"
    if importlib.util.find_spec("pyarrow") is None:
        path.write_bytes(b"PAR1")
        with pytest.raises(KgenreError) as caught:
            read_manifest(path)
        assert str(caught.value).startswith(f"{path}: not a readable manifest (") and "pyarrow" in str(caught.value)
        assert len(str(caught.value).splitlines()) == 1
        return
    columns = {"path": ["a.mp3", "b.mp3"], "genre": ["rock", "jazz"], "track_id": [7, 8], "artist": ["x", None]}
    pd.DataFrame(columns).to_parquet(path)
    table = read_manifest(path)
    assert table["path"].tolist() == [str(tmp_path / "a.mp3"), str(tmp_path / "b.mp3")]
    assert table["track_id"].tolist() == ["7", "8"] and table["artist"].tolist() == ["x", ""]


def test_load_collection_of_unknown_data_lists_the_known_and_the_closest(tmp_path):
    with pytest.raises(KgenreError) as caught:
        load_collection("dmeo")
    assert str(caught.value) == (f"unknown data 'dmeo'. Did you mean demo? `--data` takes {DATA}.")
    missing = tmp_path / "missing.csv"
    with pytest.raises(KgenreError, match=r"missing\.csv: no such folder or file\. "):
        load_collection(str(missing))


# --- tags -----------------------------------------------------------------------------------------

WRITERS = {
    "song.mp3": write_sound,
    "song.ogg": write_sound,
    "song.flac": write_sound,
    "song.wav": write_sound,
    "song.aiff": write_sound,
    "song.m4a": partial(write_av, codec="aac"),
}


def write_tagged(folder: Path, name: str, artist: str, album: str) -> Path:
    WRITERS[name](folder / name, tone(440, 0.5, 44100), 44100)
    if name.endswith((".wav", ".aiff")):
        file = mutagen.File(folder / name)
        file.add_tags()
        file.tags.add(id3.TPE1(encoding=3, text=artist))
        file.tags.add(id3.TALB(encoding=3, text=album))
    else:
        file = mutagen.File(folder / name, easy=True)
        file["artist"], file["album"] = artist, album
    file.save()
    return folder / name


@pytest.mark.parametrize("name", WRITERS)
def test_read_tags_of_each_format_gives_artist_and_album(tmp_path, name):
    path = write_tagged(tmp_path, name, " Björk ", "Début \N{MUSICAL NOTE}")
    tags = read_tags(path)
    assert (tags.artist, tags.album) == ("Björk", "Début \N{MUSICAL NOTE}")


def test_read_tags_without_tags_is_empty(songs, faulty):
    bad = [faulty / name for name in ("text.mp3", "zero_bytes.mp3", "missing.mp3", "half_song.m4a")]
    for path in (*songs.values(), *bad):
        assert read_tags(path) == Tags(), path


def test_read_folder_with_tags_gives_artists_and_albums(tmp_path):
    """And the album from the tags where the folders name none."""
    for genre, name, artist in (("rock", "song.mp3", "A"), ("rock", "song.flac", "B"), ("jazz", "song.ogg", "C")):
        (tmp_path / genre).mkdir(exist_ok=True)
        write_tagged(tmp_path / genre, name, artist, f"Best of {artist}")
    (tmp_path / "rock" / "Live").mkdir()
    (tmp_path / "rock" / "song.flac").rename(tmp_path / "rock" / "Live" / "song.flac")
    table, _ = read_folder(tmp_path)
    assert table["artist"].tolist() == ["C", "B", "A"]
    assert table["album"].tolist() == ["Best of C", "rock/Live", "Best of A"]


def test_songs_that_lie_loose_are_told(tmp_path):
    touch(tmp_path, "rock/a.mp3", "jazz/b.mp3", "loose.mp3")
    told = Lines()
    collection = load_collection(str(tmp_path), progress=told)
    assert f"{tmp_path}: left out: 1 in no genre folder: {tmp_path / 'loose.mp3'}" in told.lines
    assert collection.left_out == {str(tmp_path / "loose.mp3"): "in no genre folder"}


def test_read_manifest_with_artists_reads_no_tags(tmp_path):
    write_tagged(tmp_path, "song.mp3", "From the tag", "")
    table = read_manifest(write_csv(tmp_path, "path,genre,artist\nsong.mp3,rock,\nother.mp3,jazz,Known\n"))
    assert table["artist"].tolist() == ["", "Known"]
    table = read_manifest(write_csv(tmp_path, "path,genre\nsong.mp3,rock\nother.mp3,jazz\n"))
    assert table["artist"].tolist() == ["From the tag", ""]


# --- groups ---------------------------------------------------------------------------------------


def test_group_ids_of_unknown_artists_are_single_tracks():
    table = table_of({"rock": [2, 1]})
    table["artist"] = ["Ann", "ANN", ""]
    assert list(group_ids(table, "artist")) == ["artist:ann", "artist:ann", "/rock/1/0.mp3"]
    assert list(group_ids(table, "track")) == table["path"].tolist()


def test_group_ids_of_numbered_tracks_join_ten_neighbours():
    table = pd.DataFrame({
        "path": ["a", "b", "c", "d"],
        "genre": ["jazz", "jazz", "jazz", "rock"],
        "track_id": ["jazz.00011", "jazz.00019", "jazz.00020", "x"],
        "artist": ["", "", "", "Somebody"],
    }).astype("string")  # fmt: skip
    groups = group_ids(table, "artist", unknown=numbered_neighbours(table))
    assert list(groups) == ["jazz-1", "jazz-1", "jazz-2", "artist:somebody"]


def test_grouped_folds_hold_each_row_once_and_separate_no_group():
    rng = np.random.default_rng(0)
    labels, groups = rng.permutation(np.repeat(["rock", "jazz"], 40)), rng.integers(0, 12, 80).astype(str)
    folds = grouped_folds(labels, groups, 5, seed=1)
    assert len(folds) == 5 and sorted(np.concatenate([rows for _, rows in folds])) == list(range(80))
    assert not any(set(groups[fit]) & set(groups[validate]) for fit, validate in folds)


@pytest.mark.parametrize(
    ("labels", "groups"), [(["a", "a", "b"], ["x", "x", "x"]), (["a", "b"], ["x", "y"])], ids=["one group", "one each"]
)
def test_grouped_folds_without_two_possible_folds_are_none(labels, groups):
    assert grouped_folds(labels, np.array(groups), 5, seed=0) == []


# --- splits ---------------------------------------------------------------------------------------


def shares(table: pd.DataFrame) -> dict[str, float]:
    return {split: float((table["split"] == split).mean()) for split in SPLITS}


@pytest.mark.parametrize("unit", ["artist", "album"])
def test_with_split_by_unit_separates_no_unit_and_spreads_every_genre(unit):
    rng = np.random.default_rng(0)
    for seed in range(20):
        counts = {f"genre {g}": rng.integers(1, 8, rng.integers(3, 12)).tolist() for g in range(rng.integers(2, 8))}
        table = table_of(counts, unit)
        collection = with_split("made", table, seed)
        assert (collection.table.groupby(unit)["split"].nunique() == 1).all()
        for genre, tracks in collection.table.groupby("genre"):
            assert set(tracks["split"]) == set(SPLITS), (seed, genre)
        assert collection.protocol == f"split by {unit}, seed {seed}"
        assert collection.table.drop(columns="split").equals(table.drop(columns="split"))
        assert sum(len(collection.rows(split)) for split in SPLITS) == len(table)


def test_with_split_of_artists_in_other_case_and_genre_keeps_them_whole():
    table = table_of({genre: [2] * 12 for genre in ("rock", "jazz", "pop")})
    table["artist"] = [f"{'ARTIST' if number % 2 else 'artist'} {number // 4}" for number in range(len(table))]
    split = with_split("made", table).table
    assert (split.groupby(split["artist"].str.lower())["split"].nunique() == 1).all()


def test_with_split_of_many_artists_gives_a_tenth_to_valid_and_test():
    table = with_split("made", table_of({genre: [1] * 50 for genre in ("rock", "jazz")})).table
    assert shares(table) == {"train": 0.8, "valid": 0.1, "test": 0.1}
    assert shares(table[table["genre"] == "jazz"]) == {"train": 0.8, "valid": 0.1, "test": 0.1}


def test_with_split_without_artists_is_by_track():
    table = table_of({"rock": [20], "jazz": [20]}).assign(artist="")
    collection = with_split("made", table, 4)
    assert collection.protocol == "split by track, seed 4"
    assert shares(collection.table) == {"train": 0.8, "valid": 0.1, "test": 0.1}


def test_with_split_of_partly_known_artists_needs_nine_in_ten():
    table = table_of({"rock": [1] * 10, "jazz": [1] * 10})
    table.loc[:1, "artist"] = ""
    assert with_split("made", table).protocol == "split by artist, seed 0"
    table.loc[:2, "artist"] = ""
    assert with_split("made", table).protocol == "split by track, seed 0"
    assert with_split("made", table.assign(album=table["path"])).protocol == "split by album, seed 0"


def test_with_split_of_genres_with_few_artists_names_them_and_splits_by_track():
    collection = with_split("made", table_of({"rock": [3] * 10, "polka": [6, 6], "fado": [12]}), 1)
    assert collection.protocol == "split by artist, but by track in fado, polka (fewer than 3 artists), seed 1"
    for genre, tracks in collection.table.groupby("genre"):
        assert set(tracks["split"]) == set(SPLITS), genre
    rock = collection.table[collection.table["genre"] == "rock"]
    assert (rock.groupby("artist")["split"].nunique() == 1).all()


def test_with_split_of_one_seed_is_reproducible():
    table = table_of({genre: [2] * 15 for genre in ("rock", "jazz", "pop")})
    splits = [with_split("made", table, seed).table["split"].tolist() for seed in (7, 7, 8)]
    assert splits[0] == splits[1] != splits[2]


@pytest.mark.parametrize(
    "counts", [{"rock": [1], "jazz": [1]}, {"rock": [1, 1], "jazz": [1, 1]}, {"rock": [2], "jazz": [1]}]
)
def test_with_split_of_too_few_tracks_is_all_train(counts):
    assert set(with_split("made", table_of(counts)).table["split"]) == {"train"}


def test_with_split_of_given_split_keeps_it():
    table = table_of({"rock": [4], "jazz": [4]})
    table["split"] = ["train", "valid", "test", "", "test", "train", "train", ""]
    collection = with_split("made", table)
    assert collection.protocol == "split given by the manifest; 2 tracks without a split left out"
    assert collection.table["split"].tolist() == ["train", "valid", "test", "test", "train", "train"]
    assert collection.rows("test")["path"].tolist() == ["/rock/0/2.mp3", "/jazz/0/0.mp3"]
    assert collection.labels == ["jazz", "rock"]
    full = table[table["split"] != ""]
    assert with_split("made", full).protocol == "split given by the manifest"


def test_artist_overlap_of_shared_artists_and_tracks_gives_shares():
    train = table_of({"rock": [2, 2], "jazz": [2]})
    test = table_of({"rock": [1, 0, 4], "jazz": [0, 3]}).assign(path=lambda table: "/test" + table["path"])
    # Of 8 tracks, one is by "rock 0", which is in train; case does not matter.
    test["artist"] = test["artist"].str.upper()
    assert artist_overlap(test, train) == "12.5% of the tracks have an artist that was trained on"
    assert artist_overlap(test.iloc[1:], train) == "0.0% of the tracks have an artist that was trained on"
    both = pd.concat([test.iloc[1:], train.iloc[:1]])
    assert artist_overlap(both, train) == (
        "12.5% of the tracks themselves were trained on; 12.5% of the tracks have an artist that was trained on"
    )
    unknown = "artists unknown, so the overlap is unknown and the metrics may be optimistic"
    assert artist_overlap(test.assign(artist=""), train) == unknown
    assert artist_overlap(test, train.assign(artist="")) == unknown
    assert artist_overlap(both.assign(artist=""), train) == (
        "12.5% of the tracks themselves were trained on, so the metrics are optimistic; artists unknown"
    )
    assert artist_overlap(test.iloc[:0], train) == artist_overlap(test, train.iloc[:0]) == "none: no tracks to compare"


def test_with_split_with_a_rare_genre_keeps_the_shares_of_the_others():
    table = table_of({**{f"genre {number}": [2] * 10 for number in range(5)}, "rare": [1, 1, 1]}, "artist")
    rows = with_split("made", table, 0).table
    assert set(rows.loc[rows["genre"] == "rare", "split"]) == set(SPLITS)
    # Ten folds of 103 tracks, and one rare track more at most; by the rare genre's 3 artists it would be a third.
    assert all(9 <= (rows["split"] == name).sum() <= 13 for name in ("test", "valid"))


def test_with_split_of_a_genre_of_one_track_trains_on_it():
    for seed in range(10):
        table = table_of({"rock": [1] * 8, "jazz": [1] * 8, "polka": [1]}, "artist")
        rows = with_split("made", table, seed).table
        assert set(rows.loc[rows["genre"] == "polka", "split"]) == {"train"}
