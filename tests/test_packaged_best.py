"""The packaged model `best`: three taggers with our head. Their weights are drawn, or the published ones if given."""

import dataclasses
import json
import os
import shutil
from pathlib import Path

import audio_files
import keras
import numpy as np
import pytest
from scipy.special import expit, logit, softmax

from kgenre import default_head, embed, predict
from kgenre.archs import ARCHS
from kgenre.archs.taggers import variable_name
from kgenre.audio.slicing import SliceSpec
from kgenre.baselines import default_head as engine
from kgenre.core import packages, published
from kgenre.core.errors import KgenreError
from kgenre.embeddings.files import read_embeddings
from kgenre.model.aggregate import SliceOutputs
from kgenre.model.tasks.single_label import SingleLabel
from kgenre.serving.catalogue import open_model
from kgenre.serving.keras_model import KerasModel
from kgenre.serving.model import answer_in_parts
from kgenre.serving.packaged import PACKAGED
from kgenre.serving.saved_model import SavedModel
from kgenre.weights import WEIGHTS
from kgenre.weights.taggers import SPELT

MODEL = PACKAGED["best"]
MIXTURE = "mix:fcn-msd,crnn-msd,fcn-jamendo"
GENRES = ["blues", "classical", "country", "disco", "hiphop", "jazz", "metal", "pop", "reggae", "rock"]
PUBLISHED = os.environ.get("KGENRE_TEST_WEIGHTS")  # a folder that holds the published files
SPEC = SliceSpec(16000, 464000, 464000)


def music(seconds: float) -> np.ndarray:
    """A rising tone in noise bursts, float32 (samples,)."""
    time = np.arange(round(seconds * SPEC.sample_rate)) / SPEC.sample_rate
    y = 0.3 * np.sin(2 * np.pi * (200 * time + 10 * time**2))
    y += 0.2 * np.random.default_rng(0).standard_normal(len(time)) * (0.05 + (time % 0.5 < 0.1))
    return y.astype("float32")


def drawn_arrays(name: str, seed: int) -> dict:
    """Weights of a tagger from a seed, as `load` gives the published ones, whose first normalisation is of dB."""
    keras.utils.set_random_seed(seed)
    image = keras.Input((96, 1813, 1))
    network = keras.Model(image, ARCHS[WEIGHTS[name].arch].build([image], weights="none"))
    arrays = {"/".join(variable_name(variable)): variable.numpy() for variable in network.weights}
    size, rng = network.output.shape[-1], np.random.default_rng(seed)
    return arrays | {
        "spec_bn/moving_mean": np.float32([-30.0]),
        "spec_bn/moving_variance": np.float32([400.0]),
        "dense/kernel": (0.1 * rng.normal(size=(size, 50))).astype("float32"),
        "dense/bias": rng.normal(size=50).astype("float32"),
    }


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """A cache directory with drawn weights of the three."""
    folder = tmp_path_factory.mktemp("cache")
    (folder / "kgenre").mkdir()
    for seed, name in enumerate(MODEL.weights):
        row = WEIGHTS[name]
        np.savez(folder / "kgenre" / f"{row.arch}-{row.value}-{row.sha256[:12]}.npz", **drawn_arrays(name, seed))
    return folder


@pytest.fixture
def cached(drawn, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(drawn))
    return drawn / "kgenre"


@pytest.fixture
def song(tmp_path):
    """31 s: a whole slice and a rest."""
    audio_files.write_sound(tmp_path / "song.wav", music(31.0), SPEC.sample_rate)
    return str(tmp_path / "song.wav")


def assert_same_as_mixture(slices: np.ndarray) -> None:
    settings, labels = MODEL.settings()
    found = KerasModel(MODEL.build(), SingleLabel(tuple(labels)), settings.slice_spec)(slices)
    expected = open_model(MIXTURE)(slices)
    assert found.embeddings.shape == (len(slices), 160)
    np.testing.assert_allclose(found.embeddings, expected.embeddings, rtol=0, atol=1e-4)
    with np.load(MODEL.directory / "head.npz") as head:
        logits = expected.embeddings @ head["kernel"].astype("float64") + head["bias"]
    np.testing.assert_allclose(found.probabilities, softmax(logits, axis=1), rtol=0, atol=1e-4)


# --- what needs no weights ----------------------------------------------------------------------------


def test_files_of_the_model_match_its_card():
    settings, labels = MODEL.settings()
    assert labels == GENRES and settings == MODEL.default_settings
    assert settings.slice_spec == SPEC and settings.feature == "tagger_mel"
    with np.load(MODEL.directory / "head.npz") as head:
        assert head["kernel"].shape == (160, 10) and head["bias"].shape == (10,)
    assert not MODEL.litert_file.exists() and MODEL.unsure_rule() is not None
    assert sum(path.stat().st_size for path in MODEL.directory.iterdir()) < 300_000
    metrics = json.loads((MODEL.directory / "metrics.json").read_text())
    card = (MODEL.directory / "README.md").read_text()
    low, high = metrics["accuracy_interval_95"]
    assert f"{metrics['accuracy']:.1%}" in card and f"{low:.1%} to {high:.1%}" in card
    assert f"{metrics['folds']['accuracy']:.1%}" in card
    assert MODEL.tag_layer().kernel.shape == (160, 81)


def test_identity_changes_with_the_weights_of_each_member(monkeypatch):
    names = {MODEL.identity}
    for name in MODEL.weights:
        with monkeypatch.context() as patch:
            patch.setitem(WEIGHTS, name, dataclasses.replace(WEIGHTS[name], sha256="0" * 64))
            names.add(MODEL.identity)
    assert len(names) == 4


def test_predict_without_network_and_weights_names_what_to_do(tmp_path, song, capsys, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "empty"))
    name = MODEL.weights[0]
    monkeypatch.setitem(WEIGHTS, name, dataclasses.replace(WEIGHTS[name], url="http://127.0.0.1:9/best_model.pth"))
    assert predict.main([song, "--model", "best"]) == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith("kgenre: fcn's weights: ") and "msd_fcn.pth" in last and str(tmp_path / "empty") in last


def test_predict_through_litert_is_refused(song, capsys):
    assert predict.main([song, "--model", "best", "--runtime", "litert"]) == 2
    assert "best answers through TensorFlow only. Received: --runtime litert." in capsys.readouterr().err


def test_predict_without_tensorflow_names_the_extra(tmp_path, song, capsys, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "empty"))
    monkeypatch.setattr(packages, "installed", lambda name: name != "tensorflow")
    assert predict.main([song, "--model", "best"]) == 2
    assert "tensorflow is not installed, which this needs. Install it: pip install 'kgenre[train]'" in (
        capsys.readouterr().err
    )
    assert not published.cache_dir().exists()  # nothing was fetched for it


def test_answer_in_parts_gives_what_one_call_gives():
    sizes = []

    def answer(slices):
        sizes.append(len(slices))
        return SliceOutputs(slices, 2 * slices)

    slices = np.arange(14, dtype="float32").reshape(7, 2)
    found = answer_in_parts(answer, slices, SPEC)
    assert sizes == [3, 3, 1]  # of 29 s, within 100 s
    assert np.array_equal(found.probabilities, slices) and np.array_equal(found.embeddings, 2 * slices)
    assert answer_in_parts(answer, slices[:0], SPEC).probabilities.shape == (0, 2)
    sizes.clear()
    answer_in_parts(answer, slices, SliceSpec(1.0, 128, 128, bins=64))
    assert sizes == [7]


# --- drawn weights ------------------------------------------------------------------------------------


def test_network_of_drawn_weights_equals_the_mixture(cached):
    assert_same_as_mixture(np.stack([music(29.0), 0.01 * music(29.0)[::-1]]))


def test_tags_of_drawn_weights_are_the_mean_logits_of_the_members(cached):
    layer, slices = MODEL.read_tags(), music(29.0)[np.newaxis]
    members = [open_model(name) for name in ("fcn-msd", "crnn-msd", "fcn-jamendo")]
    answers = [member(slices) for member in members]
    found = layer.probabilities(np.concatenate([answer.embeddings for answer in answers], axis=1))
    logits: dict[str, list] = {}
    for member, answer in zip(members, answers):
        for tag, probability in zip(member.labels, answer.probabilities[0].astype("float64")):
            logits.setdefault(SPELT.get(tag, tag), []).append(logit(probability))
    assert layer.labels == tuple(logits)
    assert {len(values) for values in logits.values()} == {1, 2, 3, 4}  # "female vocalist(s)" are one
    expected = expit([np.mean(values) for values in logits.values()])
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)


@pytest.mark.soak
def test_commands_with_drawn_weights_answer_from_the_cache(cached, song, tmp_path, capsys):
    assert predict.main([song, "--model", "best", "--format", "jsonl", "--tags"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert sorted(row["probabilities"]) == GENRES and row["slices"] == 2
    assert set(row["tags"]) == set(MODEL.tag_layer().labels) and {"female vocalists", "piano", "happy"} <= set(
        row["tags"]
    )
    made = cached / f"best-{MODEL.identity}" / "1"
    before = (made / "saved_model.pb").stat().st_mtime_ns
    assert embed.main([song, "--model", "best", "--out", str(tmp_path / "e.npz")]) == 0
    written = read_embeddings(tmp_path / "e.npz")
    assert written.header["model"] == "best" and written.slice_embeddings.shape == (2, 160)
    assert (made / "saved_model.pb").stat().st_mtime_ns == before  # the second command found it
    np.testing.assert_allclose(written.mean[0], open_model(MIXTURE).predict(song).embedding, rtol=0, atol=1e-4)
    assert SavedModel(made).unsure.values() == MODEL.unsure_rule().values()


def test_default_head_of_best_writes_a_head_without_a_litert_file(cached, collection, tmp_path, monkeypatch):
    monkeypatch.setitem(engine.FITS, "best", dataclasses.replace(engine.FITS["best"], copies=0))
    data, out = str(collection / "manifest.csv"), tmp_path / "head"
    assert default_head.main(["--model", "best", "--data", data, "--out", str(out)]) == 0
    with np.load(out / "head.npz") as head:
        assert head["kernel"].shape == (160, 3) and np.isfinite(head["kernel"]).all()
    assert sorted(path.name for path in out.iterdir()) == [
        "config.json", "head.npz", "labels.txt", "metrics.json", "tags.npz", "unsure.json",
    ]  # fmt: skip


# --- the published weights ----------------------------------------------------------------------------


@pytest.fixture
def fetched(tmp_path, monkeypatch):
    """A cache with the published files, which are not fetched for this."""
    files = [Path(PUBLISHED or "") / WEIGHTS[name].file for name in MODEL.weights]
    if not PUBLISHED or not all(file.is_file() for file in files):
        pytest.skip(f"KGENRE_TEST_WEIGHTS names no folder with {', '.join(file.name for file in files)}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "kgenre").mkdir()
    for file in files:
        shutil.copy(file, tmp_path / "kgenre")


@pytest.mark.soak
def test_network_of_published_weights_equals_the_mixture(fetched):
    assert_same_as_mixture(np.stack([music(29.0), 0.01 * music(29.0)[::-1]]))


@pytest.mark.parametrize("name", ["compact", "best"])
def test_tags_in_the_package_are_those_of_the_published_weights(name, fetched):
    packaged, made = PACKAGED[name].tag_layer(), PACKAGED[name].read_tags()
    assert packaged.labels == made.labels
    assert np.array_equal(packaged.kernel, made.kernel) and np.array_equal(packaged.bias, made.bias)


def test_open_model_error_of_an_unknown_name_lists_best():
    with pytest.raises(KgenreError, match="Did you mean best"):
        open_model("bestt")
