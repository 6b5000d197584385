"""The default model, `compact`: it answers at once, without a network and with an empty cache."""

import json

import numpy as np
import pytest
import soundfile
from musicnn_reference import RATE, clip

from kgenre import embed, predict
from kgenre.embeddings.files import read_embeddings
from kgenre.model.tasks.single_label import SingleLabel
from kgenre.serving.catalogue import open_model
from kgenre.serving.keras_model import KerasModel
from kgenre.serving.litert_model import LitertModel
from kgenre.serving.packaged import PACKAGED
from kgenre.weights import sources

MODEL = PACKAGED["compact"]
GENRES = ["blues", "classical", "country", "disco", "hiphop", "jazz", "metal", "pop", "reggae", "rock"]


@pytest.fixture
def offline(tmp_path, monkeypatch):
    """An empty cache, and nothing that could be fetched."""

    def refused(*args, **kwargs):
        raise AssertionError("fetched")

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("download", "from_url", "from_pip"):
        monkeypatch.setattr(sources, name, refused)
    return tmp_path / "cache"


@pytest.fixture
def song(tmp_path):
    """12 s: two whole slices and a rest."""
    soundfile.write(tmp_path / "song.wav", np.tile(clip(3.0)[0], 4), RATE, subtype="FLOAT")
    return tmp_path / "song.wav"


def test_default_model_is_the_compact_one(offline):
    model = open_model()
    assert isinstance(model, LitertModel) and model.name == "default"
    assert list(model.labels) == GENRES
    assert model.identity == open_model("compact").identity != open_model("musicnn").identity
    assert model(clip(5.12)).embeddings.shape == (2, 128)


def test_files_of_the_model_match_its_card():
    assert sum(path.stat().st_size for path in MODEL.directory.iterdir()) < 4_000_000
    metrics, card = (
        json.loads((MODEL.directory / "metrics.json").read_text()),
        (MODEL.directory / "README.md").read_text(),
    )
    assert f"{metrics['accuracy']:.1%}" in card and f"{metrics['folds']['accuracy']:.1%}" in card
    settings, labels = MODEL.settings()
    assert labels == GENRES and settings.arch == "short_fcn"


def test_predict_offline_writes_genres_and_tags(offline, song, capsys):
    assert predict.main([str(song), "--format", "jsonl", "--tags"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert sorted(row["probabilities"]) == GENRES
    assert sum(row["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert set(row["tags"]) == set(MODEL.tag_layer().labels) and {"female vocalists", "piano", "happy"} <= set(
        row["tags"]
    )
    assert not offline.exists()


def test_embed_without_a_model_writes_128_values(offline, song, tmp_path, capsys):
    assert embed.main([str(song), "--out", str(tmp_path / "e.npz")]) == 0
    written = read_embeddings(tmp_path / "e.npz")
    assert written.header["model"] == "default" and written.mean.shape == (1, 128)


def test_litert_and_tensorflow_agree_offline(offline):
    settings, labels = MODEL.settings()
    keras_model = KerasModel(MODEL.build(), SingleLabel(tuple(labels)), settings.slice_spec)
    litert, saved = open_model(runtime="litert"), open_model(runtime="tensorflow")
    assert litert.identity == saved.identity and litert.tag_names == saved.tag_names
    slices = clip(5.12)  # with noise, as music has: of bands at -100 dB, rounding decides
    slices = (slices + 0.003 * np.random.default_rng(0).standard_normal(slices.shape)).astype("float32")
    expected = keras_model(slices)
    for model in (litert, saved):
        for found, wanted in zip(model(slices), expected):
            np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-4 * max(1, np.abs(wanted).max()))
