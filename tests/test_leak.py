"""The ladder of protocols: what each rung splits, that leaks pay and honest splits do not, kill and repeat, outputs."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from kgenre import leak
from kgenre.audio.fragments import find_part, whole_file
from kgenre.audio.slicing import SliceSpec
from kgenre.collections import labelled_tracks
from kgenre.core.errors import KgenreError
from kgenre.core.metrics import wilson_interval
from kgenre.evaluation.leak.report import Ladder, ladder_text
from kgenre.evaluation.leak.rungs import COPIES, RUNGS, Source
from kgenre.training.run import Run
from kgenre.training.settings import RunSettings

RATE = 11025
SECONDS = 1.5
SAMPLES = round(SECONDS * RATE)
FLAGS = ["--sample-rate-hz", str(RATE), "--slice-seconds", str(SECONDS), "--hop-length", "128", "--augment", "none"]
SHORT = ["--epochs", "2", "--batch-size", "8", "--crops-per-track", "1", *FLAGS]


def write_songs(folder: Path, artists: int, songs: int, seed: int = 0) -> Path:
    """Songs of 4.6 s: the tone of an artist, whose genre is drawn at random, in noise. Nothing else tells genres."""
    rng, rows = np.random.default_rng(seed), []
    genres = rng.permutation(["even", "odd"] * (artists // 2))
    hz = np.geomspace(200, 4000, artists)
    for artist, song in np.ndindex(artists, songs):
        time_s = np.arange(round(4.6 * RATE)) / RATE
        y = 0.3 * np.sin(2 * np.pi * hz[artist] * time_s + rng.uniform(0, 6)) + 0.02 * rng.standard_normal(len(time_s))
        path = folder / f"{artist:02d}-{song}.wav"
        soundfile.write(path, y, RATE)
        rows.append({"path": path.name, "genre": genres[artist], "artist": f"artist {artist}"})
    pd.DataFrame(rows).to_csv(folder / "manifest.csv", index=False)
    return folder / "manifest.csv"


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    return write_songs(tmp_path_factory.mktemp("songs"), artists=12, songs=2)


def source_of(manifest, seed: int = 0) -> Source:
    return Source(str(manifest), *labelled_tracks(str(manifest)), seed, SliceSpec(RATE, SAMPLES, SAMPLES))


def with_split(manifest, name: str, split) -> Path:
    """A manifest beside the other, with a column `split` of what `split` gives for a row's number."""
    table = pd.read_csv(manifest)
    path = manifest.parent / name
    table.assign(split=[split(number) for number in range(len(table))]).to_csv(path, index=False)
    return path


def climb(manifest, out, *flags: str) -> dict:
    assert leak.main(["--data", str(manifest), "--out", str(out), *flags]) == 0
    return json.loads((out / "leak.json").read_text())


# --- rungs ------------------------------------------------------------------------------------------


def test_rungs_leak_what_they_say(manifest):
    source = source_of(manifest)
    sides = {name: RUNGS[name].make(source).table for name in ("random-slice", "augmented-copies", "track", "artist")}
    files = {name: table["path"].map(whole_file) for name, table in sides.items()}
    spread = {name: table.groupby(files[name])["split"].nunique().gt(1).mean() for name, table in sides.items()}
    artists = {name: table.groupby("artist")["split"].nunique().gt(1).mean() for name, table in sides.items()}
    assert spread["random-slice"] > 0.2 and spread["augmented-copies"] > 0.2
    assert spread["track"] == spread["artist"] == artists["artist"] == 0 and artists["track"] > 0.2
    assert len(sides["random-slice"]) == 24 * 3 and len(sides["augmented-copies"]) == 24 * (COPIES + 1)
    assert {find_part(path).copy for path in sides["augmented-copies"]["path"]} == set(range(COPIES + 1))


def test_epoch_on_test_reports_the_honest_test_tracks_and_learns_the_same(manifest):
    source = source_of(manifest)
    honest, chosen = RUNGS["artist"].make(source), RUNGS["epoch-on-test"].make(source)
    assert list(chosen.rows("train")["path"]) == list(honest.rows("train")["path"])
    assert list(chosen.rows("valid")["path"]) == list(honest.rows("test")["path"]) and len(chosen.rows("test")) == 0


def test_official_split_without_test_tracks_reports_valid_and_carves_valid_by_artist(manifest):
    given = with_split(manifest, "given.csv", lambda number: "valid" if number >= 16 else "train")
    official = RUNGS["official"].make(source_of(given))
    assert set(official.rows("test")["path"]) == {
        str(manifest.parent / f"{n:02d}-{k}.wav") for n in range(8, 12) for k in (0, 1)
    }
    assert "it has no test tracks" in official.protocol and "valid is new, by artist" in official.protocol
    valid, train = official.rows("valid"), official.rows("train")
    assert 0 < len(valid) < len(train) and not set(valid["artist"]) & set(train["artist"])


def test_official_split_with_test_tracks_is_as_given(manifest):
    split = ("train", "train", "train", "train", "valid", "test")
    given = with_split(manifest, "whole.csv", lambda number: split[number // 2 % 6])
    official = RUNGS["official"].make(source_of(given))
    assert list(official.table["split"]) == list(pd.read_csv(given)["split"]) and not official.leaky


@pytest.mark.parametrize(("name", "words"), [("artist", "--artists FILE"), ("official", "gives no split")])
def test_rung_that_the_collection_cannot_give_says_why(tmp_path, name, words):
    manifest = write_songs(tmp_path, artists=6, songs=2)
    pd.read_csv(manifest).drop(columns="artist").to_csv(manifest, index=False)
    with pytest.raises(KgenreError, match=words):
        RUNGS[name].make(source_of(manifest))
    assert RUNGS["epoch-on-test"].make(source_of(manifest)).protocol.startswith("split by track")


def test_epoch_on_test_is_by_artist_where_the_rung_by_artist_is(tmp_path):
    manifest = write_songs(tmp_path, artists=6, songs=2)
    table = pd.read_csv(manifest)
    table.loc[8:, "artist"] = None  # a third
    table.to_csv(manifest, index=False)
    source = source_of(manifest)
    honest, chosen = RUNGS["artist"].make(source), RUNGS["epoch-on-test"].make(source)
    assert list(chosen.rows("valid")["path"]) == list(honest.rows("test")["path"])


def test_table_of_a_given_split_that_leaks_says_so_and_chance_is_that_of_several_genres():
    measured = {"protocol": "split given", "train_rows": 8, "tracks": 4, "track_hits": 2, "slices": 8, "slice_hits": 5}
    measured |= {"genres": 8, "genres_per_track": 2.0, "artist_overlap": None, "track_overlap": 0.0}
    rungs = {"artist": "", "official": "the split has tracks on two sides: the same audio, as a.wav and b.wav"}
    runs = [{"rung": name, "seed": 0, "leaky": leaky, **measured} for name, leaky in rungs.items()]
    ladder = Ladder(RunSettings.compose({"data": "songs"}), runs, {})
    assert list(ladder.table()["leaky"]) == [False, True] and ladder.chance == 0.25
    assert "  official          LEAKY" in ladder_text(ladder)


# --- the ladder -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ladder(manifest, tmp_path_factory):
    """The folder of a short ladder of two rungs, and its leak.json."""
    out = tmp_path_factory.mktemp("ladder") / "leak"
    return out, climb(manifest, out, "--rungs", "random-slice", "artist", *SHORT)


def test_ladder_writes_table_json_text_and_picture(ladder):
    out, values = ladder
    table = pd.read_csv(out / "leak.csv")
    assert list(table["rung"]) == ["random-slice", "artist"] == [row["rung"] for row in values["rungs"]]
    assert list(table["leaky"]) == [True, False] and values["chance"] == 0.5
    for row, run in zip(values["rungs"], values["runs"]):
        assert row["track_accuracy"] == run["track_hits"] / run["tracks"]
        assert (row["slice_low"], row["slice_high"]) == wilson_interval(run["slice_hits"], run["slices"])
    assert (out / "leak.png").read_bytes().startswith(b"\x89PNG")
    text = (out / "report.txt").read_text()
    leaky, honest = (line for line in text.splitlines() if line.startswith(("  random-slice ", "  artist ")))
    assert "LEAKY" in leaky and "LEAKY" not in honest and "artists 0%" in honest


def test_rungs_have_one_budget_and_their_own_reports(ladder):
    out, _ = ladder
    runs = [Run(out / f"{name}-seed-0") for name in ("random-slice", "artist")]
    steps = {run.load_settings().training.steps_per_epoch for run in runs}
    train = runs[1].load_tracks()["split"].eq("train").sum()
    assert steps == {-(-train // 8)}
    assert all(len(pd.read_csv(run / "history.csv")) == 2 for run in runs)
    reports = [(run / "report.txt").read_text() for run in runs]
    assert reports[0].startswith("LEAKY: slices of one track are on two sides") and "LEAKY" not in reports[1]
    assert json.loads((runs[0] / "metrics.json").read_text())["leaky"] and runs[0].leaky


def test_measured_hits_are_those_of_the_model_on_its_test_rows(ladder, manifest):
    """By NumPy from the exported model: slices by their own answer, tracks by the mean over all their slices."""
    from kgenre.audio.decode import decode
    from kgenre.serving.catalogue import open_model

    out, values = ladder
    model, rows = open_model(out / "random-slice-seed-0"), Run(out / "random-slice-seed-0").load_tracks()
    rows = rows[rows["split"] == "test"]
    slices = [
        decode(row.path.split("#")[0], RATE).samples[int(find_part(row.path).start * RATE + 0.5) :][:SAMPLES]
        for row in rows.itertuples()
    ]
    probabilities = model(np.stack(slices)).probabilities
    genres = rows["genre"].map(list(model.labels).index).to_numpy()
    assert values["runs"][0]["slice_hits"] == int((probabilities.argmax(1) == genres).sum())
    by_track = pd.DataFrame(probabilities).groupby(rows["path"].map(whole_file).to_numpy()).mean()
    truth = rows.assign(number=genres).groupby(rows["path"].map(whole_file).to_numpy())["number"].first()
    assert values["runs"][0]["track_hits"] == int((by_track.to_numpy().argmax(1) == truth.to_numpy()).sum())
    assert values["runs"][0]["tracks"] == len(truth) and values["runs"][0]["slices"] == len(rows)


def test_repeated_ladder_trains_nothing_and_says_the_same(ladder, manifest, capsys):
    out, values = ladder
    held = json.loads((out / "config.json").read_text())  # of an earlier version, which may not have had a setting
    (out / "config.json").write_text(json.dumps({name: value for name, value in held.items() if name != "accumulate"}))
    before = {path: path.stat().st_mtime_ns for path in out.glob("*-seed-0/**/*") if path.is_file()}
    assert climb(manifest, out, "--rungs", "random-slice", "artist", *SHORT) == values
    assert {path: path.stat().st_mtime_ns for path in out.glob("*-seed-0/**/*") if path.is_file()} == before
    assert "epoch" not in capsys.readouterr().out.split("by artist")[0].replace("2 epochs", "")


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--epochs", "3"], "holds a ladder of other settings. Received: epochs=3, begun with 2"),
        (["--protocol", "artist"], "`protocol` is the ladder's own"),
        (["--allow-leak"], "`allow_leak` is the ladder's own"),
        (["--rungs", "artists"], "unknown rung 'artists'. Did you mean artist?"),
        (["--seeds", "0"], "`--seeds` must be at least 1"),
    ],
)
def test_ladder_refuses_in_one_line(ladder, manifest, capsys, flags, words):
    assert leak.main(["--data", str(manifest), "--out", str(ladder[0]), *SHORT, *flags]) == 2
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert line.startswith("kgenre: ") and words in line


@pytest.mark.soak
def test_killed_ladder_that_is_repeated_ends_in_the_same_table(ladder, manifest, tmp_path):
    out, flags = tmp_path / "killed", ["--rungs", "random-slice", "artist", *SHORT]
    command = [sys.executable, "-m", "kgenre.leak", "--data", str(manifest), "--out", str(out), *flags]
    log = (tmp_path / "log").open("wb")
    process = subprocess.Popen(command, stdout=log, stderr=log)
    deadline = time.monotonic() + 240
    while not (out / "random-slice-seed-0" / "state.json").exists():
        assert process.poll() is None, (tmp_path / "log").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (out / "leak.json").exists()
    again = climb(manifest, out, *flags)
    assert again["runs"] == ladder[1]["runs"]
    assert (out / "leak.csv").read_text() == (ladder[0] / "leak.csv").read_text()


@pytest.mark.soak
def test_artist_is_learnt_where_genre_cannot_be(tmp_path):
    """24 artists, each with a tone of its own and a genre at random: random slices know it all, artists nothing."""
    manifest = write_songs(tmp_path, artists=24, songs=4, seed=1)
    flags = ["--epochs", "4", "--batch-size", "16", "--crops-per-track", "3", "--learning-rate", "0.002", *FLAGS]
    values = climb(manifest, tmp_path / "leak", "--rungs", "random-slice", "artist", *flags)
    leaky, honest = values["rungs"]
    assert leaky["track_accuracy"] >= 0.9
    assert honest["track_accuracy"] <= 0.75 and honest["artist_overlap"] == 0


@pytest.mark.soak
def test_all_rungs_and_two_seeds(manifest, tmp_path):
    split = ("train", "train", "train", "train", "valid", "test")
    given = with_split(manifest, "soak.csv", lambda number: split[number // 2 % 6])
    values = climb(given, tmp_path / "leak", "--seeds", "2", *SHORT)
    assert [row["rung"] for row in values["rungs"]] == list(RUNGS) and not values["left_out"]
    assert all(row["seeds"] == 2 and row["track_sd"] is not None for row in values["rungs"])
    by_rung = {(run["rung"], run["seed"]): run for run in values["runs"]}
    for seed in (0, 1):
        assert by_rung["epoch-on-test", seed]["track_hits"] >= by_rung["artist", seed]["track_hits"]
