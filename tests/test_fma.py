"""FMA's four editions: tables, genres and splits of a miniature in the real layout, absent files, features.csv."""

import json
import shutil
from pathlib import Path

import fma_miniature
import pandas as pd
import pytest

from kgenre import baseline
from kgenre.collections import DATASETS, load_collection
from kgenre.collections.datasets.fma_tables import read_genres
from kgenre.collections.settings import CollectionOptions
from kgenre.core.errors import KgenreError
from kgenre.core.progress import Progress

SINGLE, MULTI = CollectionOptions(task="single"), CollectionOptions(task="multi")
ALL = CollectionOptions(task="multi", level="all")


class Lines(Progress):
    def __init__(self):
        self.lines = []

    def line(self, text):
        self.lines.append(text)


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Path:
    return fma_miniature.make_fma(tmp_path_factory.mktemp("small"), "fma_small", seconds=0.3)


@pytest.fixture(scope="module")
def full(tmp_path_factory) -> Path:
    return fma_miniature.make_fma(tmp_path_factory.mktemp("full"), "fma_full", seconds=0.3)


@pytest.fixture
def copy(small, tmp_path) -> Path:
    return Path(shutil.copytree(small, tmp_path / "copy"))


def failure(data: str, **options) -> str:
    with pytest.raises(KgenreError) as caught:
        load_collection(data, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_fma_small_is_what_pandas_reads_of_the_same_tables(small):
    """Compared with the way that mdeff/fma's utils.py reads them."""
    collection = load_collection(f"fma_small:{small}")
    official = pd.read_csv(small / "fma_metadata" / "tracks.csv", index_col=0, header=[0, 1], keep_default_na=False)
    official = official[official["set", "subset"] == "small"].drop(list(fma_miniature.BAD))
    table = collection.table.set_index("track_id")
    assert collection.task == "single" and collection.labels == list(DATASETS["fma_small"].labels)
    assert list(table.index) == [f"{number:06d}" for number in official.index]
    assert list(table["genre"]) == list(official["track", "genre_top"])
    names = {"train": "training", "valid": "validation", "test": "test"}
    assert [names[split] for split in table["split"]] == list(official["set", "split"])
    assert list(table["artist"]) == [f"NA [{number}]" for number in official["artist", "id"]]
    assert list(table["album"]) == [f"The Album [{number}]" for number in official["album", "id"]]
    for number, path in zip(official.index, table["path"]):
        assert Path(path) == (small / "fma_small" / f"{number:06d}"[:3] / f"{number:06d}.mp3").resolve()
        assert Path(path).is_file()


def test_artists_and_albums_of_one_name_differ(small):
    table = load_collection(f"fma_small:{small}").table
    assert table["artist"].nunique() == 8 * 4 and table["album"].nunique() == 8 * 2
    assert (table.groupby("artist")["split"].nunique() == 1).all()


def test_album_without_a_title_and_unknown_ids_are_empty(copy):
    path = copy / "fma_metadata" / "tracks.csv"
    tracks = fma_miniature.tracks_table()
    tracks.loc[2, ("album", "id")], tracks.loc[2, ("album", "title")] = -1, None
    tracks.to_csv(path)
    table = load_collection(f"fma_small:{copy}").table
    assert table["album"][0] == "" and (table["album"][1:] != "").all()


@pytest.mark.parametrize(("name", "per_top"), [("fma_small", 8), ("fma_medium", 16), ("fma_full", 17)])
def test_editions_hold_their_subsets_and_lose_their_faults(name, per_top, small, full, tmp_path):
    source = {"fma_small": small}.get(name, full)
    (tmp_path / name).symlink_to(source / ("fma_full" if source == full else name))
    (tmp_path / "fma_metadata").symlink_to(source / "fma_metadata")
    table = load_collection(f"{name}:{tmp_path}", options=MULTI).table
    bad = len(fma_miniature.BAD) if name == "fma_full" else 0  # which has the whole tracks
    assert len(table) == 8 * per_top + bad


def test_tracks_without_a_top_genre_make_the_task_multi_and_single_leaves_them_out(full):
    told = Lines()
    collection = load_collection(f"fma_full:{full}", progress=told)
    assert collection.task == "multi" and told.lines == []
    several = collection.table[collection.table["genre"] == ""]
    assert set(several["genres"]) == {"Rock|Electronic"} and len(several) == 8
    single = load_collection(f"fma_full:{full}", progress=told, options=SINGLE)
    assert len(single.table) == len(collection.table) - 8
    cause = "no genre, or several of which none is the main one"
    assert [line.startswith(f"fma_full:{full}: left out: 8 {cause}: ") for line in told.lines] == [True]


def test_level_all_gives_the_tree_with_titles_that_are_unique(full):
    collection = load_collection(f"fma_full:{full}", options=ALL)
    expected = {title for number, title in fma_miniature.TOPS.items()}
    expected |= {title for _, title in fma_miniature.CHILDREN.values()} - {"Ambient"}
    assert set(collection.labels) == expected | {"Ambient (42)", "Ambient (495)"}
    assert collection.parents["Hardcore"] == "Punk" and collection.parents["Punk"] == "Rock"
    assert collection.parents["Ambient (42)"] == "Electronic" and collection.parents["Ambient (495)"] == "Instrumental"
    for text in collection.table["genres"]:
        genres = text.split("|")
        assert all(collection.parents.get(genre, genre) in genres for genre in genres)


def test_read_genres_of_a_title_with_a_separator_and_a_lost_parent(tmp_path):
    (tmp_path / "genres.csv").write_text("genre_id,#tracks,parent,title,top_level\n1,5,99,a|b,1\n2,5,1, Punk ,1\n")
    assert read_genres(tmp_path / "genres.csv") == ({"1": "a/b", "2": "Punk"}, {"Punk": "a/b"})


def test_the_tree_that_is_published_has_163_genres_with_16_roots():
    path = Path(__file__).parent.parent.parent / "shared" / "data" / "fma_small_mel" / "genres.csv"
    if not path.is_file():
        pytest.skip(f"{path} is not here: FMA's own genres.csv")
    titles, parents = read_genres(path)
    assert len(titles) == len(set(titles.values())) == 163 and len(parents) == 147
    assert sorted(set(titles.values()) - set(parents)) == list(DATASETS["fma_full"].labels)


def test_absent_files_are_one_line_and_left_out(copy):
    for number in ("000/000002.mp3", "001/001005.mp3", "133/133297.mp3"):  # the last is a known fault
        (copy / "fma_small" / number).unlink()
    told = Lines()
    collection = load_collection(f"fma_small:{copy}", progress=told)
    assert told.lines == [
        f"fma_small:{copy}: left out: 3 no audio: the clip was cut behind the track's end: 099134, 108925, ...",
        f"fma_small:{copy}: left out: 2 in tracks.csv, but not among the files: 000002, 001005",
        f"fma_small:{copy}: left out: 1 less than 10 s of audio: the clip was cut at the track's end: 098565",
    ]
    assert len(collection.table) == 64 - 2 and not {"000002", "001005"} & set(collection.table["track_id"])
    loaded = DATASETS["fma_small"].load(copy, Progress())
    assert dict(loaded.left_out) == dict.fromkeys(("000002", "001005"), "in tracks.csv, but not among the files")


def test_no_file_at_all_says_what_to_type(copy):
    for path in (copy / "fma_small").rglob("*.mp3"):
        path.unlink()
    assert failure(f"fma_small:{copy}") == (
        f"fma_small: none of the 68 tracks of {copy}/fma_metadata/tracks.csv has a file such as "
        f"{copy}/fma_small/000/000002.mp3. Remove {copy}/fma_small and type `kgenre datasets fma_small --download`."
    )


def test_nothing_there_is_one_line_with_the_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert failure("fma_small") == (
        "fma_small: no folder fma_small in data/fma. Type `kgenre datasets fma_small --download` (7.5 GiB), "
        "or name the folder that has it: --data fma_small:DIR."
    )
    assert "`kgenre datasets fma_large --download --to elsewhere` (93 GiB)" in failure("fma_large:elsewhere")
    (tmp_path / "data" / "fma" / "fma_small").mkdir(parents=True)
    assert failure("fma_small").startswith("fma_small: no folder fma_metadata in data/fma or beside it. Type ")


def test_layouts_that_users_have_are_found(small, tmp_path):
    """As the download makes it; as `unzip` makes it, named by either folder; metadata shared beside the folder."""
    assert len(load_collection("fma_small", folder=_linked(tmp_path / "data", small)).table) == 64
    assert len(load_collection(f"fma_small:{small / 'fma_small'}").table) == 64
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "fma_small").symlink_to(small / "fma_small")
    (tmp_path / "fma_metadata").symlink_to(small / "fma_metadata")
    assert len(load_collection(f"fma_small:{tmp_path / 'elsewhere'}").table) == 64


def _linked(data: Path, folder: Path) -> Path:
    data.mkdir()
    (data / "fma").symlink_to(folder)
    return data


@pytest.mark.parametrize(
    ("file", "text", "cause"),
    [
        ("tracks.csv", None, "tracks.csv: not a readable table of FMA (No such file or directory)"),
        ("tracks.csv", "", "tracks.csv: not a readable table of FMA (it ends in its header)"),
        ("tracks.csv", "track_id,title\n2,x\n", "tracks.csv: not a readable table of FMA ("),
        ("genres.csv", "a,b\n1,2\n", "genres.csv: not a readable table of FMA ("),
        ("genres.csv", "genre_id,parent,title\n1,0,Rock\n", ", which genres.csv lacks. Take both from one"),
    ],
)
def test_tables_of_another_form_are_one_line(file, text, cause, copy):
    path = copy / "fma_metadata" / file
    path.unlink()
    if text is not None:
        path.write_text(text)
    assert cause in failure(f"fma_small:{copy}")


# --- features.csv ---------------------------------------------------------------------------------


def test_baseline_on_fma_features_finds_the_file_of_the_dataset(small, tmp_path, capsys):
    out = tmp_path / "out"
    arguments = ["--on", "fma_features", "--data", f"fma_small:{small}", "--classifier", "lda", "--out", str(out)]
    assert baseline.main(arguments) == 0
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["accuracy"] == 1.0
    warning = "features.csv of FMA (computed on full-length tracks, not on 30 s clips)"
    assert warning in metrics["method"] and warning in (out / "report.txt").read_text()
    assert "left out: 3 no audio: the clip was cut behind" in capsys.readouterr().out


def test_baseline_on_fma_features_that_are_missing_is_one_line(copy, tmp_path, capsys):
    (copy / "fma_metadata" / "features.csv").unlink()
    arguments = ["--on", "fma_features", "--data", f"fma_small:{copy}", "--out", str(tmp_path / "out")]
    assert baseline.main(arguments) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"kgenre: fma_small: no file {copy}/fma_metadata/features.csv. Type `kgenre datasets ")
