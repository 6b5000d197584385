"""Protocols: what stays on one side, what is refused, leaks that each check catches, LEAKY in reports, folds."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from audio_files import music, write_sound
from small_run import SMALL

from kgenre import evaluate, export, predict, train
from kgenre.audio.fragments import find_part, whole_file
from kgenre.audio.slicing import SliceSpec
from kgenre.collections import load_collection
from kgenre.collections.checks import check_unit, missing_genres, on_two_sides, same_audio
from kgenre.collections.folds import fold_collections, table_groups, valid_rows
from kgenre.collections.protocols import PROTOCOLS
from kgenre.collections.settings import CollectionOptions
from kgenre.collections.slices import cut_tracks
from kgenre.collections.splits import Collection, artist_overlap, deal, with_split
from kgenre.collections.tables import COLUMNS
from kgenre.core.errors import KgenreError
from kgenre.core.metrics import wilson_interval
from kgenre.training.plan import TrainingPlan
from kgenre.training.run import Run

SPEC = SliceSpec(8000, 2000, 2000)
SPLITS = {"train", "valid", "test"}


def table_of(n: int = 60, genres: int = 3, artists: int = 15, **columns) -> pd.DataFrame:
    """Tracks that are no files: `artists` of four tracks each, of one genre each, in two albums each."""
    number = np.arange(n)
    table = pd.DataFrame({"path": [f"/none/{i}.mp3" for i in number]}).reindex(columns=COLUMNS)
    artist = number % artists
    table["genre"] = table["genres"] = [f"g{one % genres}" for one in artist]
    table["artist"] = [f"Artist {one}" for one in artist]
    table["album"] = [f"Album {one}-{i // artists % 2}" for i, one in zip(number, artist)]
    table["track_id"] = [str(i) for i in number]
    return table.fillna("").assign(**columns).astype("string")


def split(table: pd.DataFrame, protocol: str | None, seed: int = 0, **options) -> Collection:
    return with_split("songs", table, seed, options=CollectionOptions(protocol=protocol, **options))


def refusal(call, *arguments, **options) -> str:
    with pytest.raises(KgenreError) as caught:
        call(*arguments, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    """A manifest of 12 songs of 2.6 to 3.7 s, two genres, six artists; and its folder."""
    folder, rows = tmp_path_factory.mktemp("songs"), []
    for number in range(12):
        write_sound(folder / f"{number}.wav", music(2.6 + 0.1 * number, 8000, 1, seed=number), 8000)
        rows.append({"path": f"{number}.wav", "genre": f"g{number % 2}", "artist": f"artist {number % 6}"})
    pd.DataFrame(rows).to_csv(folder / "manifest.csv", index=False)
    return folder


# --- protocols --------------------------------------------------------------------------------------


@pytest.mark.parametrize("unit", ["artist", "album"])
def test_split_by_a_unit_keeps_it_on_one_side(unit):
    collection = split(table_of(), unit)
    assert collection.table.groupby(unit)["split"].nunique().max() == 1
    assert set(collection.table["split"]) == SPLITS and collection.protocol == f"split by {unit}, seed 0"
    assert collection.leaky == "" and missing_genres(collection.table) == []


def test_split_by_track_ignores_artists_and_says_so():
    collection = split(table_of(), "track")
    assert collection.table.groupby("artist")["split"].nunique().max() > 1
    assert collection.protocol == "split by track, artists ignored, seed 0"
    assert split(table_of(artist=""), "track").protocol == "split by track, seed 0"


def test_split_that_is_given_is_ignored_where_another_protocol_is_asked_for():
    table = table_of(split=["test" if number < 50 else "" for number in range(60)])
    assert split(table, None).protocol.startswith("split given by the manifest; 10 tracks without")
    assert list(split(table, "official").table["path"]) == list(split(table, None).table["path"])
    collection = split(table, "artist")
    assert len(collection.table) == 60 and collection.table.groupby("artist")["split"].nunique().max() == 1
    assert collection.protocol == "split by artist, the given split ignored, seed 0"


def test_split_by_artist_of_some_unknown_says_so():
    artist = [f"Artist {number % 15}" if number % 4 else "" for number in range(60)]
    collection = split(table_of(artist=artist), "artist")
    known = collection.table[collection.table["artist"] != ""]
    assert known.groupby("artist")["split"].nunique().max() == 1
    assert collection.protocol == "split by artist, unknown of 25.0%, which are split by track, seed 0"


def test_protocol_that_is_not_given_is_what_it_was():
    for table, protocol in (
        (table_of(), "artist"),
        (table_of(artist=""), "album"),
        (table_of(artist="", album=""), "track"),
    ):
        assert list(split(table, None).table["split"]) == list(split(table, protocol).table["split"])


def test_several_genres_a_track_are_stratified_by_the_rarest():
    rare = ["g0|rare" if number % 5 == 0 else "g0|g1" for number in range(60)]
    table = table_of(artists=30).assign(genre="", genres=pd.array(rare, dtype="string"))
    collection = with_split("songs", table, task="multi", options=CollectionOptions(protocol="artist"))
    counts = collection.table[collection.table["genres"] == "g0|rare"]["split"].value_counts()
    assert set(counts.index) == SPLITS and missing_genres(collection.table) == []


def test_random_slice_deals_slices_of_each_track_to_all_sides(songs):
    options = CollectionOptions(protocol="random-slice", allow_leak=True)
    collection = load_collection(str(songs / "manifest.csv"), options=options, slice_spec=SPEC)
    table, parts = collection.table, [find_part(path) for path in collection.table["path"]]
    assert (
        collection.leaky == PROTOCOLS["random-slice"].leaky
        and "slices of 0.25 s dealt at random" in collection.protocol
    )
    for number in range(12):  # as many as the song holds, one after the other
        own = sorted(part.start for part in parts if part.file == str(songs / f"{number}.wav"))
        assert own == pytest.approx(0.25 * np.arange(int((2.6 + 0.1 * number) / 0.25 + 1e-6)))
    assert table.groupby(table["path"].map(whole_file))["split"].nunique().gt(1).mean() > 0.5
    for split_name, share in {"train": 0.8, "valid": 0.1, "test": 0.1}.items():
        shares = (table["split"] == split_name).groupby(table["genre"]).mean()
        assert np.allclose(shares, share, atol=0.02)
    assert "of the tracks themselves were trained on" in artist_overlap(
        collection.rows("test"), collection.rows("train")
    )


def test_rows_are_dealt_by_the_seed_alone_and_each_genre_alike():
    genres = np.array(["a"] * 100 + ["b"] * 30 + ["c"] * 2)
    dealt = deal(genres, 3)
    assert list(dealt) == list(deal(genres, 3)) != list(deal(genres, 4))
    counts = pd.crosstab(genres, dealt)
    assert list(counts.loc["a"]) == [10, 80, 10] and list(counts.loc["b"]) == [3, 24, 3]
    assert list(counts.loc["c"]) == [0, 1, 1]


def test_track_shorter_than_a_slice_and_broken_file_stay_whole(tmp_path):
    write_sound(tmp_path / "short.wav", music(0.4, 8000, 1), 8000)
    (tmp_path / "broken.wav").write_text("no audio")
    table = table_of(2, artists=2, path=[str(tmp_path / "short.wav"), str(tmp_path / "broken.wav")])
    assert list(cut_tracks("songs", table, SliceSpec(8000, 4000, 4000))["path"]) == list(table["path"])


@pytest.mark.parametrize(
    ("table", "protocol", "words"),
    [
        (table_of(), "random-slice", "slices of one track are on two sides, so the model is tested on tracks"),
        (table_of(), "random-slice", "or add --allow-leak: every report will then say LEAKY."),
        (table_of(), "official", "songs: gives no split. Received: protocol official."),
        (table_of(artist=""), "artist", "of at least 50% of the tracks. Received: 0%. Name a table of artists with"),
        (table_of(album=""), "album", "needs the album of at least 50% of the tracks. Received: 0%. Use another"),
    ],
)  # fmt: skip
def test_protocol_that_is_not_possible_is_refused(table, protocol, words):
    assert words in refusal(split, table, protocol)


def test_random_slice_without_a_network_is_refused(songs):
    options = CollectionOptions(protocol="random-slice", allow_leak=True)
    assert "Use it with `kgenre train` or `kgenre leak`" in refusal(
        load_collection, str(songs / "manifest.csv"), options=options
    )


# --- checks -----------------------------------------------------------------------------------------


def copied(songs, folder, names: dict[str, str]):
    """A copy of the songs, with files that hold the audio of others: {new name: song}."""
    shutil.copytree(songs, folder)
    table = pd.read_csv(folder / "manifest.csv")
    for name, song in names.items():
        shutil.copy(folder / song, folder / name)
    return folder, table


def test_same_audio_finds_copies_and_nothing_else(songs, tmp_path):
    folder, _ = copied(songs, tmp_path / "songs", {"copy.wav": "3.wav"})
    write_sound(folder / "long.wav", music(5.0, 22050, 1), 22050)
    data = bytearray((folder / "long.wav").read_bytes())
    data[3000] ^= 1  # of equal size, equal in the middle
    (folder / "other.wav").write_bytes(data)
    found = same_audio([str(path) for path in folder.glob("*.wav")] + ["/none/there.wav"])
    assert set(found) == {str(folder / "3.wav"), str(folder / "copy.wav")} and len(set(found.values())) == 1


def test_recordings_that_occur_twice_stay_on_one_side_of_a_split_that_is_made(songs, tmp_path):
    names = {f"{number + 12}.wav": f"{number}.wav" for number in range(12)}
    folder, table = copied(songs, tmp_path / "songs", names)
    copies = table.assign(path=[f"{number + 12}.wav" for number in range(12)], artist="another")
    copies["artist"] += copies.index.astype(str)
    pd.concat([table, copies]).to_csv(folder / "manifest.csv", index=False)
    for protocol in ("track", "artist"):
        for seed in range(5):
            options = CollectionOptions(protocol=protocol)
            made = load_collection(str(folder / "manifest.csv"), seed=seed, options=options).table
            sides = made.groupby(made["track_id"].astype(int) % 12)["split"].nunique()
            assert sides.max() == 1 and set(made["split"]) == SPLITS
            if protocol == "artist":
                assert made.groupby("artist")["split"].nunique().max() == 1


def test_declared_track_id_keeps_two_files_together():
    table = table_of(track_id=[f"id {number // 2}" for number in range(60)])
    made = split(table, "track").table
    assert made.groupby("track_id")["split"].nunique().max() == 1


def test_track_id_that_is_the_name_of_a_file_joins_nothing():
    """Every album has its "01 - Intro"."""
    paths = [f"/none/{number}/0{number % 4} - Song.mp3" for number in range(60)]
    intro = table_of(path=paths, track_id=[path.split("/")[-1][:-4] for path in paths])
    unnamed = table_of(path=paths)
    assert list(split(intro, "track").table["split"]) == list(split(unnamed, "track").table["split"])
    split(intro.assign(split=["train", "test"] * 30), "official")


def test_given_split_with_a_recording_on_two_sides_is_refused_or_leaky(songs, tmp_path):
    folder, table = copied(songs, tmp_path / "songs", {"12.wav": "3.wav"})
    table["split"] = ["train"] * 8 + ["valid"] * 2 + ["test"] * 2
    table.loc[12] = {"path": "12.wav", "genre": "g1", "artist": "artist 9", "split": "test"}
    table.to_csv(folder / "manifest.csv", index=False)
    line = refusal(load_collection, str(folder / "manifest.csv"))
    assert "the given split has tracks on two sides: the same audio, as" in line
    assert f"{folder / '3.wav'} (train) and {folder / '12.wav'} (test)" in line and "--protocol track" in line
    allowed = load_collection(str(folder / "manifest.csv"), options=CollectionOptions(allow_leak=True))
    assert allowed.leaky.startswith("the split has tracks on two sides: the same audio") and len(allowed.table) == 13


def test_given_split_with_a_track_id_on_two_sides_is_refused():
    table = table_of(split=["train", "test"] * 30, track_id=[f"id {number // 2}" for number in range(60)])
    assert "the same track id, as /none/0.mp3 (train) and /none/1.mp3 (test)" in refusal(split, table, None)


def test_parts_of_one_file_stay_together():
    paths = [f"/none/{number // 3}.mp3#t={number % 3},{number % 3 + 1}" for number in range(60)]
    made = split(table_of(path=paths), "track").table
    assert made.groupby(made["path"].map(whole_file))["split"].nunique().max() == 1 and set(made["split"]) == SPLITS
    given = table_of(path=paths, split=["train", "test"] * 30)
    assert "tracks on two sides: the same file, as /none/0.mp3#t=0,1 (train)" in refusal(split, given, None)


def test_part_of_a_file_is_predicted(run, collection, capsys):
    song = str(next((collection / "house").iterdir()))
    assert predict.main(["--model", str(run.folder), "--format", "jsonl", song + "#t=0.2,1.9"]) == 0
    assert json.loads(capsys.readouterr().out)["seconds"] == pytest.approx(1.7, abs=1e-3)


def test_given_split_with_artists_on_two_sides_is_overlap_not_an_error():
    table = table_of(split=["train"] * 30 + ["valid"] * 15 + ["test"] * 15)
    collection = split(table, None)
    assert collection.leaky == ""
    assert artist_overlap(collection.rows("test"), collection.rows("train")).startswith("100.0% of the tracks have")


@pytest.mark.parametrize("unit", ["artist", "album"])
def test_unit_on_two_sides_of_a_split_by_it_is_an_error(unit):
    made = split(table_of(), unit).table
    check_unit("songs", made, unit)
    made.loc[0, "split"] = next(iter(SPLITS - {made.loc[0, "split"]}))
    assert f"is on two sides of a split by {unit}" in refusal(check_unit, "songs", made, unit)


def test_ids_on_two_sides_are_found_whatever_the_case_of_none():
    ids = pd.Series(["a", "a", None, None, "b"], dtype="string")
    assert on_two_sides(pd.Series(["train", "test", "train", "test", "valid"]), ids) == ["a"]


def test_genre_that_a_side_lacks_is_told():
    table = table_of(split=["train"] * 40 + ["valid"] * 10 + ["test"] * 10)
    table.loc[(table["split"] == "test") & (table["genre"] == "g1"), "split"] = "train"
    assert missing_genres(table) == ["note: no test tracks of: g1"]
    table.loc[table["split"] == "valid", "split"] = "train"
    assert missing_genres(table) == ["note: no test tracks of: g1"]  # no valid tracks at all is told elsewhere


# --- training under a protocol ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def leaky_run(collection, tmp_path_factory):
    out = tmp_path_factory.mktemp("models") / "leaky"
    flags = ["--data", str(collection / "manifest.csv"), "--out", str(out), *SMALL, "--epochs", "1"]
    assert train.main([*flags, "--protocol", "random-slice", "--allow-leak"]) == 0
    return Run(out)


def test_leaky_run_says_so_in_every_report(leaky_run, collection, tmp_path, capsys):
    leaky = PROTOCOLS["random-slice"].leaky
    assert leaky_run.leaky == leaky
    assert (leaky_run / "report.txt").read_text().startswith(f"LEAKY: {leaky}")
    assert json.loads((leaky_run / "metrics.json").read_text())["leaky"] == leaky
    song = str(next((collection / "house").iterdir()))
    for model in (leaky_run.folder, leaky_run / "saved_model"):
        assert predict.main(["--model", str(model), song]) == 0
        assert f"is LEAKY, its metrics are too high: {leaky}" in capsys.readouterr().err
    assert export.main(["--model", str(leaky_run.folder), "--out", str(tmp_path / "export")]) == 0
    assert predict.main(["--model", str(tmp_path / "export"), song]) == 0
    assert "is LEAKY" in capsys.readouterr().err
    data = ["--data", str(collection / "manifest.csv"), "--split", "all"]
    assert evaluate.main(["--model", str(leaky_run.folder), *data]) == 0
    assert capsys.readouterr().out.startswith("LEAKY: ")
    alone = ["--model", str(tmp_path / "export"), "--out", str(tmp_path / "report")]
    assert evaluate.main([*alone, *data]) == 0
    assert capsys.readouterr().out.startswith("LEAKY: ")


def test_leaky_description_and_confusion_title(leaky_run, monkeypatch, tmp_path):
    from kgenre.evaluation import plots
    from kgenre.evaluation.evaluate import evaluate_run, run_collection
    from kgenre.training.start import describe

    collection, titles = run_collection(leaky_run), []
    assert f"LEAKY: {collection.leaky}" in describe(collection.table, collection.labels, collection).splitlines()
    monkeypatch.setattr(plots, "draw_confusion", lambda table, title, path: titles.append(title))
    evaluate_run(leaky_run)
    assert titles[0].startswith("LEAKY test: ")


def test_honest_run_says_nothing(run, collection, capsys):
    assert run.leaky == "" and "LEAKY" not in (run / "report.txt").read_text()
    assert predict.main(["--model", str(run.folder), str(next((collection / "house").iterdir()))]) == 0
    assert "LEAKY" not in capsys.readouterr().err


def test_train_on_random_slices_without_allow_leak_ends_before_it_begins(collection, tmp_path, capsys):
    flags = ["--data", str(collection / "manifest.csv"), "--out", str(tmp_path / "run"), "--protocol", "random-slice"]
    assert train.main(flags) == 2
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert "the protocol random-slice leaks: slices of one track are on two sides" in line
    assert not (tmp_path / "run").exists()


def test_steps_of_an_epoch_may_be_set():
    fewer, more = (TrainingPlan(10, 4, 8, seed=0, n_steps=steps) for steps in (2, 9))
    assert (fewer.steps, more.steps, TrainingPlan(10, 4, 8, seed=0).steps) == (2, 9, 5)
    shown, positions = fewer.epoch(0)
    assert len(shown) == len(positions) == 16 and list(shown) != list(fewer.epoch(1)[0])
    counts = np.bincount(more.epoch(0)[0], minlength=10)
    assert counts.sum() == 72 and counts.min() >= 4


# --- folds ------------------------------------------------------------------------------------------


def test_folds_test_each_track_once_and_keep_artists_whole():
    collection = split(table_of(n=90, artists=30), "track")
    folds = fold_collections(collection, 5, seed=0)
    tested = pd.concat([fold.rows("test") for fold in folds])
    assert sorted(tested["path"]) == sorted(collection.table["path"])
    for number, fold in enumerate(folds, 1):
        assert fold.table.groupby("artist")["split"].nunique().max() == 1
        assert set(fold.table["split"]) == SPLITS and missing_genres(fold.table) == []
        assert fold.protocol == f"fold {number} of 5 by artist, valid from the rest by artist, seed 0"
    by_track = fold_collections(collection, 5, seed=0, protocol="track")
    assert any(fold.table.groupby("artist")["split"].nunique().max() > 1 for fold in by_track)


def test_fold_with_all_tracks_of_a_genre_is_refused_before_any_is_trained():
    table = table_of(n=61, artists=30)
    table.loc[60, ["genre", "genres"]] = "rare"
    line = refusal(fold_collections, split(table, "track"), 3, 0)
    assert "fold" in line and "of 3 by artist, with all tracks of: rare. Leave these genres out with --min" in line


def test_valid_rows_have_every_genre_where_that_is_possible():
    """Two large genres of thirty artists, and a small one of three: most folds of ten have none of it."""
    artist = [f"a{n % 30}" for n in range(60)] + [f"b{n % 30}" for n in range(60)] + ["c0", "c1", "c2"] * 4
    table = table_of(132, artist=artist, genre=["a"] * 60 + ["b"] * 60 + ["c"] * 12)
    table["genres"] = table["genre"]
    groups, _ = table_groups(table, "artist")
    for seed in range(5):
        rows = valid_rows(table, groups, seed)
        assert set(table["genre"].iloc[rows]) == {"a", "b", "c"} and len(rows) < 60
        assert not set(groups[rows]) & set(np.delete(groups, rows))


def test_more_folds_than_artists_are_refused():
    line = refusal(fold_collections, split(table_of(), "track"), 16, 0)
    assert "16 folds by artist need as many artists" in line and "Received: 15 artists" in line


@pytest.fixture(scope="module")
def determinism():
    """What `--deterministic` sets is of the whole process: it ends with this file."""
    yield
    from tensorflow.python.framework import config  # what is public only begins it

    config.disable_op_determinism()


@pytest.fixture(scope="module")
def folds(collection, tmp_path_factory, determinism):
    """A folder of two folds, trained in peace."""
    out = tmp_path_factory.mktemp("models") / "folds"
    assert train.main(["--folds", "2", "--out", str(out), *fold_flags(collection)]) == 0
    return out


def fold_flags(collection, epochs: int = 1) -> list[str]:
    return ["--data", str(collection / "manifest.csv"), *SMALL, "--epochs", str(epochs), "--deterministic"]


def test_folds_are_summarised(folds):
    table, metrics = pd.read_csv(folds / "folds.csv"), json.loads((folds / "metrics.json").read_text())
    own = [json.loads((folds / f"fold-{number}" / "metrics.json").read_text()) for number in (1, 2)]
    assert list(table["accuracy"]) == pytest.approx([one["accuracy"] for one in own])
    assert metrics["tracks"] == sum(one["tracks"] for one in own) == 18
    for name in ("accuracy", "macro_f1"):
        values = [one[name] for one in own]
        assert metrics["mean"][name] == pytest.approx(np.mean(values))
        assert metrics["standard_deviation"][name] == pytest.approx(np.std(values, ddof=1))
    hits = sum(round(one["accuracy"] * one["tracks"]) for one in own)
    assert metrics["accuracy"] == hits / 18 and metrics["accuracy_interval_95"] == list(wilson_interval(hits, 18))
    text = (folds / "report.txt").read_text()
    assert "2 folds of" in text and "cross-validation in 2 by artist" in text and "LEAKY" not in text
    tracks = [Run(folds / f"fold-{number}").load_tracks() for number in (1, 2)]
    tested = [set(one[one["split"] == "test"]["path"]) for one in tracks]
    assert not tested[0] & tested[1] and len(tested[0] | tested[1]) == 18


@pytest.mark.soak
@pytest.mark.usefixtures("determinism")
def test_killed_folds_that_are_resumed_end_in_the_same_table(collection, tmp_path):
    """Killed after the first of two epochs of the second fold."""
    out, folds = tmp_path / "killed", tmp_path / "folds"
    flags = ["--folds", "2", *fold_flags(collection, epochs=2)]
    assert train.main([*flags, "--out", str(folds)]) == 0
    command = [sys.executable, "-m", "kgenre.train", *flags, "--out", str(out)]
    log = (tmp_path / "log").open("wb")
    process = subprocess.Popen(command, stdout=log, stderr=log)
    deadline = time.monotonic() + 400
    while not (out / "fold-2" / "state.json").exists():  # the first fold is done, the second is running
        assert process.poll() is None, (tmp_path / "log").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    first = (out / "fold-1" / "metrics.json").stat().st_mtime_ns
    assert not (out / "metrics.json").exists()
    assert train.main(["--resume", "--out", str(out)]) == 0
    assert (out / "fold-1" / "metrics.json").stat().st_mtime_ns == first
    assert (out / "folds.csv").read_text() == (folds / "folds.csv").read_text()


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--folds", "1"], "`folds` must be at least 2. Received: folds=1."),
        (["--folds", "3", "--protocol", "official"], "Received: --folds with --protocol official."),
        (["--folds", "99"], "99 folds by artist need as many artists"),
    ],
)
def test_folds_that_are_not_possible_are_refused(collection, tmp_path, capsys, flags, words):
    assert train.main([*fold_flags(collection), "--out", str(tmp_path / "run"), *flags]) == 2
    assert words in capsys.readouterr().err and not (tmp_path / "run").exists()


def test_folder_of_folds_as_a_model_names_a_fold(folds, collection, tmp_path, capsys):
    song = str(next((collection / "house").iterdir()))
    start = ["--data", str(collection / "manifest.csv"), "--out", str(tmp_path / "run"), "--init", str(folds)]
    for command, flags in (
        (predict, ["--model", str(folds), song]),
        (export, ["--model", str(folds), "--out", str(tmp_path / "export")]),
        (train, start),
    ):
        assert command.main(flags) == 2
        assert f"{folds / 'fold-1'}.\n" in capsys.readouterr().err


def test_number_of_folds_cannot_change(folds, capsys):
    assert train.main(["--resume", "--out", str(folds), "--folds", "3"]) == 2
    assert "the folds of a run cannot change. Received: --folds 3, begun with 2." in capsys.readouterr().err
