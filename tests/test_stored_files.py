"""Files that released versions stored are read by this one: a folder of tests/data for each, which freeze.py made."""

import gzip
import json
import shutil
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from freeze import CORRECTED, DATA, MADE_IN, answer_of, answers_of, filled, library_answers
from surface import lost, surface

import kgenre
from kgenre import embed, export, prepare, report, train
from kgenre.audio.policy import ReadPolicy
from kgenre.audio.reader import TrackReader
from kgenre.audio.slicing import SliceSpec
from kgenre.collections import load_collection
from kgenre.embeddings.files import read_embeddings
from kgenre.embeddings.store import MUST_AGREE
from kgenre.library.map.update import update_map
from kgenre.library.store import Library
from kgenre.model.build import register_layers
from kgenre.training.run import Run

TOLERANCE = 1e-4  # of probabilities: rounding of another processor


@pytest.fixture(scope="module", params=sorted(path.name for path in DATA.glob("*")))
def stored(request, tmp_path_factory) -> Path:
    """A copy of the files of one version."""
    return Path(shutil.copytree(DATA / request.param, tmp_path_factory.mktemp("stored") / request.param))


@pytest.fixture(scope="module")
def songs(stored) -> list[Path]:
    return [stored / "music" / f"{number}.wav" for number in range(10)]


@pytest.fixture(scope="module")
def answers(stored) -> dict:
    return json.loads((stored / "answers.json").read_text())


def is_alike(found: dict, expected: dict) -> bool:
    return found.keys() == expected.keys() and all(
        np.allclose(found[name], expected[name], atol=TOLERANCE) for name in expected
    )


def test_version_that_is_released_has_its_files():
    assert "dev" in kgenre.__version__ or (DATA / kgenre.__version__ / "answers.json").is_file()


def test_nothing_that_was_typed_or_read_is_lost(stored, run):
    before, now = json.loads((stored / "surface.json").read_text()), surface(run)
    assert len(before["settings"]["run"]) > 40 and before["signatures"]["serving_default"]
    assert lost(before, now) == []


def test_what_is_lost_is_found():
    before = {"commands": {"train": ["--arch"]}, "settings": {"epochs": {"choices": ["a"], "low": 1, "high": None}}}
    assert lost(before, before) == []
    now = {"commands": {"train": []}, "settings": {"epochs": {"choices": ["a", "b"], "low": 2, "high": 9}}}
    faults = lost(before, now)
    assert faults == [" commands train --arch", " settings epochs low 1 -> 2", " settings epochs high None -> 9"]
    assert lost({"python": ["Run"], "recipes": ["x"]}, {"python": ["Run", "y"]}) == [" recipes"]


@pytest.mark.parametrize("model", ["run", "model.tflite"])
def test_stored_model_answers_as_it_did(stored, songs, answers, model):
    assert np.ptp(list(answers["model"].values()), axis=0).max() > 0.05  # or anything would agree
    assert is_alike(answers_of(stored / model, songs), answers["model"])


def test_stored_run_of_several_features_and_genres_answers_as_it_did(stored, songs, answers):
    task = Run(stored / "several").load_task()
    assert task.name == "multi" and task.labels == ("club", "fado", "house")
    assert np.ptp(list(answers["several"].values()), axis=0).max() > 0.01
    assert is_alike(answers_of(stored / "several", songs), answers["several"])


def moved(folder: Path, stored: Path) -> Path:
    """The same folder; its files name the songs where they are now."""
    for path in (folder / "config.json", folder / "tracks.csv", folder / "run.json"):
        path.write_text(path.read_text().replace(str(MADE_IN), str(stored)))
    return folder


def test_stored_unfinished_run_is_gone_on_with(stored):
    run = Run(moved(stored / "unfinished", stored))
    assert run.begun and not run.finished
    assert train.main(["--resume", "--out", str(run.folder)]) == 0
    assert run.finished and len(pd.read_csv(run / "history.csv")) == 2


def test_stored_pretrained_run_is_begun_with(stored, songs, tmp_path):
    data = ["--data", str(songs[0].parent / "manifest.csv"), "--epochs", "1", "--batch-size", "4"]
    assert train.main(["--init", str(stored / "pretrained"), *data, "--out", str(tmp_path / "on")]) == 0
    assert Run(tmp_path / "on").finished and Run(stored / "pretrained").load_labels() == []


def test_stored_baseline_is_reported(stored, tmp_path):
    out = tmp_path / "report.html"
    assert report.main(["--model", str(stored / "baseline"), "--out", str(out)]) == 0
    assert "fado" in out.read_text()


def test_stored_spectrograms_are_trained_on(stored, tmp_path):
    flags = ["--arch", "bbnn", "--slice-frames", "64", "--epochs", "1", "--batch-size", "4", "--out", str(tmp_path)]
    assert train.main(["--data", f"spectrograms:{stored / 'spectrograms'}", *flags]) == 0
    assert len(Run(tmp_path).load_tracks()) == 10


def test_stored_networks_answer_as_they_did(stored):
    register_layers()
    with gzip.open(stored / "networks.json.gz", "rt", encoding="utf-8") as file:
        networks = json.load(file)
    assert len(networks) > 25
    for name, values in networks.items():
        answer = answer_of(filled(keras.models.model_from_json(values["network"])))
        np.testing.assert_allclose(answer, values["answer"], rtol=1e-3, atol=1e-3, err_msg=name)


def test_stored_run_is_trained_on(stored, songs, tmp_path):
    run = Run(stored / "run")
    assert run.load_settings().training.epochs == 2 and run.load_task().labels == ("fado", "house")
    manifest = str(songs[0].parent / "manifest.csv")
    arguments = ["--init", str(stored / "run"), "--data", manifest, "--epochs", "1", "--out", str(tmp_path / "on")]
    assert train.main(["--config", str(stored / "recipe.toml"), *arguments]) == 0
    assert Run(tmp_path / "on").finished


def test_stored_run_that_is_exported_again_is_the_same_model(stored, tmp_path):
    assert export.main(["--model", str(stored / "run"), "--out", str(tmp_path / "again")]) == 0
    assert kgenre.open_model(tmp_path / "again").identity == kgenre.open_model(stored / "run").identity


@pytest.mark.parametrize("suffix", [".npz", ".parquet"])
def test_stored_embedding_file_has_the_vectors_of_the_model(stored, songs, tmp_path, suffix):
    data = ["--data", str(songs[0].parent / "manifest.csv")]
    assert embed.main(["--model", str(stored / "run"), *data, "--out", str(tmp_path / "again.npz")]) == 0
    held, again = read_embeddings(stored / f"embeddings{suffix}"), read_embeddings(tmp_path / "again.npz")
    for name in MUST_AGREE:  # or the file could not be added to
        assert held.header[name] == again.header[name], name
    assert held.table["genre"].tolist() == again.table["genre"].tolist() == ["fado", "house"] * 5
    assert np.ptp(held.mean, axis=0).max() > 0.01
    for name in ("mean", "slice_embeddings"):
        before, now = getattr(held, name), getattr(again, name)
        np.testing.assert_allclose(now, before, rtol=0, atol=TOLERANCE * np.abs(before).max())


def test_stored_set_is_whole_and_has_the_audio(stored, songs):
    assert prepare.main(["--out", str(stored / "prepared"), "--verify"]) == 0
    table = load_collection(str(stored / "prepared")).table
    assert len(table) == len(songs) and set(table["split"]) == {"train", "valid", "test"}
    spec = SliceSpec(8000, 8000, 8000)
    for path, number in zip(table["path"], table["track_id"]):
        held, whole = (TrackReader(spec).crop(str(one), 0.5) for one in (path, songs[int(number)]))
        np.testing.assert_allclose(held, whole, rtol=0, atol=1e-4)  # blocks of 16 bits


def test_stored_library_is_scanned_again_without_analysing(stored, tmp_path):
    shutil.copy(stored / "library.sqlite", tmp_path)
    with Library(tmp_path / "library.sqlite") as library:
        model = kgenre.open_model(stored / "run")
        known = ("moved", "copies")  # as the folder in which it was made is gone or is still there
        report, _ = kgenre.update_library(library, stored / "music", model, policy=ReadPolicy(None))
        assert len(library.spaces()) == 1 and sum(report.counts[name] for name in known) == 10
        assert not report.counts["analysed"]


def test_stored_library_has_its_corrections_head_and_map(stored, answers):
    with Library(stored / "library.sqlite") as library:
        assert is_alike(library_answers(library), answers["library"])
        assert list(library.corrections().values()) == [CORRECTED] and len(answers["library"]) == 10
        ids, places = library.positions(library.space())
        assert len(ids) == 10 and np.isfinite(places).all()
        update_map(library, library.space())
        assert (library.positions(library.space())[1] == places).all()  # nothing is new: it stays
