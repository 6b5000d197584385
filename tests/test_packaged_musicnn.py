"""The packaged model of musicnn: put together, exported and asked as a user would, by LiteRT and by TensorFlow."""

import dataclasses
import json
import shutil
import types

import numpy as np
import pandas as pd
import pytest
import soundfile
from conftest import musicnn_cache
from musicnn_reference import RATE, clip, drawn, mel_of, reference
from scipy.special import expit, softmax

from kgenre import embed, export, predict
from kgenre.core import published
from kgenre.embeddings.files import read_embeddings
from kgenre.model.tasks.single_label import SingleLabel
from kgenre.serving import catalogue, packaged
from kgenre.serving.catalogue import open_model
from kgenre.serving.keras_model import KerasModel
from kgenre.serving.packaged import PACKAGED
from kgenre.serving.saved_model import SavedModel
from kgenre.serving.tags import TagLayer
from kgenre.weights import WEIGHTS, load
from kgenre.weights.musicnn import TAGS

MODEL = PACKAGED["musicnn"]
(WEIGHTS_ROW,) = MODEL.weights
GENRES = ["blues", "classical", "country", "disco", "hiphop", "jazz", "metal", "pop", "reggae", "rock"]


@pytest.fixture
def song(tmp_path):
    """9 s: three whole slices and a rest."""
    soundfile.write(tmp_path / "song.wav", np.tile(clip(3.0)[0], 3), RATE, subtype="FLOAT")
    return tmp_path / "song.wav"


@pytest.fixture
def ready(cache, monkeypatch, exported):
    """A cache in which the model of the drawn weights lies exported."""
    monkeypatch.setattr(packaged.PackagedModel, "saved_model", lambda model: exported)


@pytest.fixture(scope="module")
def exported(wheel, tmp_path_factory):
    """The model of the drawn weights, exported once for all tests, by way of the cache."""
    with pytest.MonkeyPatch.context() as patch:
        cache = musicnn_cache(wheel, tmp_path_factory.mktemp("cache"), patch)
        made = MODEL.saved_model()
        assert made == cache / f"musicnn-{MODEL.identity}" / "1"
        before = (made / "saved_model.pb").stat().st_mtime_ns
        assert MODEL.saved_model() == made  # a second call finds it
        assert (made / "saved_model.pb").stat().st_mtime_ns == before
        return made


def test_head_matches_model_card():
    config, labels = MODEL.settings()
    assert labels == GENRES
    assert (config.arch, config.network.weights, config.audio.slice_seconds) == ("musicnn", "msd", 2.98)
    with np.load(MODEL.directory / "head.npz") as head:
        assert head["kernel"].shape == (1706, 10) and head["bias"].shape == (10,)
    assert sum(path.stat().st_size for path in MODEL.directory.iterdir()) < 3_500_000
    metrics = json.loads((MODEL.directory / "metrics.json").read_text())
    card = (MODEL.directory / "README.md").read_text()
    assert f"{metrics['accuracy']:.1%}" in card and metrics["split"] == "valid"


def test_model_equals_head_on_reference_forward_pass(exported):
    waveforms = clip(2.98)
    embeddings, _, pooled = reference(mel_of(waveforms), drawn(0))
    with np.load(MODEL.directory / "head.npz") as head:
        logits = np.hstack([embeddings, pooled]) @ head["kernel"].astype("float64") + head["bias"]
    predictor = SavedModel(exported)
    probabilities, embedded = predictor(waveforms)
    assert list(predictor.task.labels) == GENRES
    # float32 under a softmax of logits of some tens
    np.testing.assert_allclose(probabilities, softmax(logits, axis=1), atol=1e-3)
    np.testing.assert_allclose(embedded, embeddings, atol=1e-4 * np.abs(embeddings).max())


def test_predict_with_musicnn(ready, song, capsys):
    assert predict.main([str(song), "--model", "musicnn", "--format", "jsonl", "--tags"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert sorted(row["probabilities"]) == GENRES and row["slices"] == 4
    assert sum(row["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert sorted(row["tags"]) == sorted(TAGS["msd"])
    assert list(row["tags"].values()) == sorted(row["tags"].values(), reverse=True)


def test_tags_equal_reference_forward_pass():
    waveforms, arrays = clip(2.98), drawn(0)
    embeddings, logits, _ = reference(mel_of(waveforms), arrays)
    layer = TagLayer(tuple(TAGS["msd"]), arrays["dense_1/kernel"], arrays["dense_1/bias"])
    found = layer.probabilities(embeddings.astype("float32"))
    np.testing.assert_allclose(found, expit(logits).mean(axis=0), atol=1e-4)


def test_files_in_the_package_equal_the_published_weights_under_the_head():
    """Where musicnn's weights were fetched; they are not fetched for this."""
    if not (published.cache_dir() / WEIGHTS[WEIGHTS_ROW].file).is_file():
        pytest.skip("musicnn's weights are not in the cache")
    arrays, waveforms = load(WEIGHTS[WEIGHTS_ROW]), clip(2.98)
    layer = MODEL.tag_layer()
    assert layer.labels == tuple(TAGS["msd"])
    assert np.array_equal(layer.kernel, arrays["dense_1/kernel"]) and np.array_equal(layer.bias, arrays["dense_1/bias"])
    settings, labels = MODEL.settings()
    keras_model = KerasModel(MODEL.build(), SingleLabel(tuple(labels)), settings.slice_spec)
    for found, expected in zip(open_model("musicnn", runtime="litert")(waveforms), keras_model(waveforms)):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)


def test_predict_tags_of_a_model_without_tags_are_refused(exported, song, capsys):
    assert predict.main([str(song), "--tags", "--model", str(exported)]) == 2
    message = f"--tags needs a model that has tags. Received: {exported}. Leave out --tags, or use another --model."
    assert message in capsys.readouterr().err


def test_embed_with_musicnn(ready, song, tmp_path, capsys):
    assert embed.main(["--model", "musicnn", str(song), "--out", str(tmp_path / "e.npz")]) == 0
    written = read_embeddings(tmp_path / "e.npz")
    assert written.header["model"] == "musicnn" and written.mean.shape == (1, 200)
    assert written.slice_embeddings.shape == (4, 200)


@pytest.mark.soak
def test_export_with_musicnn(cache, exported, tmp_path, capsys):
    assert export.main(["--model", "musicnn", "--out", str(tmp_path / "serve")]) == 0
    assert capsys.readouterr().out.startswith(str(tmp_path / "serve" / "1"))
    served = SavedModel(tmp_path / "serve")
    assert list(served.task.labels) == GENRES
    assert served.identity == SavedModel(exported).identity  # files differ from export to export, the model does not


@pytest.mark.parametrize("removed", [
    "variables", *(pytest.param(f"variables/variables.{part}", marks=pytest.mark.soak)
                   for part in ("data-00000-of-00001", "index")),
])  # fmt: skip
def test_open_model_file_missing_in_cache_exports_again(cache, exported, removed):
    folder = cache / f"musicnn-{MODEL.identity}" / "1"
    shutil.copytree(exported, folder)
    shutil.rmtree(folder / removed) if (folder / removed).is_dir() else (folder / removed).unlink()
    model = open_model("musicnn", runtime="tensorflow")
    assert model.identity == SavedModel(exported).identity and (folder / removed).exists()
    assert np.isfinite(model(clip(2.98))[0]).all()


def test_identity_changes_with_graph_weights_and_head(monkeypatch, tmp_path):
    names = {MODEL.identity}
    with monkeypatch.context() as patch:
        patch.setattr(packaged, "GRAPH_VERSION", packaged.GRAPH_VERSION + 1)
        names.add(MODEL.identity)
    with monkeypatch.context() as patch:
        patch.setitem(WEIGHTS, WEIGHTS_ROW, dataclasses.replace(WEIGHTS[WEIGHTS_ROW], sha256="0" * 64))
        names.add(MODEL.identity)
    for number, name in enumerate(packaged.HEAD_FILES):
        head = shutil.copytree(MODEL.directory, tmp_path / str(number))
        (head / name).write_bytes((head / name).read_bytes() + b"\n")
        names.add(MODEL.at(head).identity)
    assert len(names) == 6
    assert MODEL.identity in names


def test_predict_tags_writes_csv_columns(ready, song, tmp_path, capsys):
    assert predict.main([str(song), "--model", "musicnn", "--tags", "--out", str(tmp_path / "out.csv")]) == 0
    table = pd.read_csv(tmp_path / "out.csv")
    assert [name for name in table if name.startswith("tag:")] == [f"tag:{tag}" for tag in sorted(TAGS["msd"])]
    assert table.filter(like="tag:").to_numpy().min() >= 0


def test_names_of_models(song, capsys, monkeypatch):
    assert predict.main([str(song), "--model", "musicn"]) == 2
    said = capsys.readouterr().err
    assert "unknown model 'musicn'. Did you mean musicnn? Known: " in said and " default, " in said
    nameless = types.SimpleNamespace(name="vggish", task=SingleLabel(()))
    monkeypatch.setitem(catalogue.CATALOGUE, "vggish", lambda runtime: nameless)
    assert predict.main([str(song), "--model", "vggish"]) == 2
    assert "vggish" in (said := capsys.readouterr().err) and "names no genres. Use `kgenre embed`" in said


def test_predict_offline_names_command_and_destination(cache, song, capsys, monkeypatch):
    (cache / WEIGHTS["musicnn-msd"].file).unlink()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    assert predict.main([str(song), "--model", "musicnn", "--runtime", "tensorflow"]) == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith("kgenre: musicnn's weights: musicnn-0.1.0-py3-none-any.whl could not be downloaded by pip (")
    assert "pip download --no-deps --only-binary=:all: musicnn==0.1.0" in last and str(cache) in last
