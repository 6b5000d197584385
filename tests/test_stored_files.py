"""Files that released versions stored are read by this one: a folder of tests/data for each, which freeze.py made."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from freeze import CORRECTED, DATA, answers_of, library_answers

import kgenre
from kgenre import embed, prepare, train
from kgenre.audio.reader import TrackReader
from kgenre.audio.slicing import SliceSpec
from kgenre.collections import load_collection
from kgenre.embeddings.files import read_embeddings
from kgenre.library.map.update import update_map
from kgenre.library.store import Library
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


@pytest.mark.parametrize("model", ["run", "model.tflite"])
def test_stored_model_answers_as_it_did(stored, songs, answers, model):
    assert np.ptp(list(answers["model"].values()), axis=0).max() > 0.05  # or anything would agree
    assert is_alike(answers_of(stored / model, songs), answers["model"])


def test_stored_run_is_trained_on(stored, songs, tmp_path):
    run = Run(stored / "run")
    assert run.load_settings().training.epochs == 2 and run.load_task().labels == ("fado", "house")
    manifest = str(songs[0].parent / "manifest.csv")
    arguments = ["--init", str(stored / "run"), "--data", manifest, "--epochs", "1", "--out", str(tmp_path / "on")]
    assert train.main(["--config", str(stored / "recipe.toml"), *arguments]) == 0
    assert Run(tmp_path / "on").finished


@pytest.mark.parametrize("suffix", [".npz", ".parquet"])
def test_stored_embedding_file_has_the_vectors_of_the_model(stored, songs, tmp_path, suffix):
    data = ["--data", str(songs[0].parent / "manifest.csv")]
    assert embed.main(["--model", str(stored / "run"), *data, "--out", str(tmp_path / "again.npz")]) == 0
    held, again = read_embeddings(stored / f"embeddings{suffix}"), read_embeddings(tmp_path / "again.npz")
    assert held.table["genre"].tolist() == again.table["genre"].tolist() == ["fado", "house"] * 5
    assert np.ptp(held.mean, axis=0).max() > 0.01
    for name in ("mean", "slice_embeddings"):
        before, now = getattr(held, name), getattr(again, name)
        np.testing.assert_allclose(now, before, rtol=0, atol=TOLERANCE * np.abs(before).max())


def test_stored_set_is_whole_and_has_the_audio(stored, songs):
    assert prepare.main(["--to", str(stored / "prepared"), "--verify"]) == 0
    table = load_collection(str(stored / "prepared")).table
    assert len(table) == len(songs) and set(table["split"]) == {"train", "valid", "test"}
    spec = SliceSpec(8000, 8000, 8000)
    for path, number in zip(table["path"], table["track_id"]):
        held, whole = (TrackReader(spec).crop(str(one), 0.5) for one in (path, songs[int(number)]))
        np.testing.assert_allclose(held, whole, rtol=0, atol=1e-4)  # blocks of 16 bits


def test_stored_library_has_its_corrections_head_and_map(stored, answers):
    with Library(stored / "library.sqlite") as library:
        assert is_alike(library_answers(library), answers["library"])
        assert list(library.corrections().values()) == [CORRECTED] and len(answers["library"]) == 10
        ids, places = library.positions(library.space())
        assert len(ids) == 10 and np.isfinite(places).all()
        update_map(library, library.space())
        assert (library.positions(library.space())[1] == places).all()  # nothing is new: it stays
