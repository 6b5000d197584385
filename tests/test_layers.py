"""Classifiers on the output of a layer: names of layers, the vectors, and what is told of a layer that is not there."""

import json

import keras
import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from kgenre import baseline
from kgenre.collections import load_collection
from kgenre.evaluation.predictions import read_predictions
from kgenre.model.build import build_model
from kgenre.model.settings import ModelSettings
from kgenre.model.vector_layers import vector_layers
from kgenre.training.run import Run
from kgenre.training.settings import RunSettings

GENRES = ("high", "low", "middle")
SLICE = 40  # frames


@pytest.fixture(scope="module")
def mels(tmp_path_factory):
    """An .npz of 36 spectrograms (80 bins, 100 frames), a third of the bins louder by genre, in the three splits."""
    rng = np.random.default_rng(0)
    made = rng.integers(0, 150, (36, 80, 100))
    for number, one in enumerate(made):
        one[25 * (number % 3) : 25 * (number % 3) + 25] += 60
    path = tmp_path_factory.mktemp("mels") / "mels.npz"
    genre = np.array([GENRES[number % 3] for number in range(36)])
    split = np.array(["train", "train", "valid", "test"])[np.arange(36) // 3 % 4]
    np.savez(path, mel=made.astype("uint8"), genre=genre, split=split)
    return path


@pytest.fixture(scope="module")
def network(mels, tmp_path_factory):
    """A run with random weights."""
    given = {"slice_frames": SLICE, "n_bins": 80, "frames_per_second": 10.0, "value_low": 0.0, "value_high": 255.0}
    settings = RunSettings.compose({"data": str(mels), "arch": "convconvpool", **given})
    run, collection = Run(tmp_path_factory.mktemp("runs") / "run"), load_collection(str(mels))
    facts = {"task": "single", "parameters": {}, "leaky": "", "protocol": collection.protocol}
    run.save_setup(settings, list(GENRES), collection.table, facts)
    build_model(settings, len(GENRES), seed=1).save(run / "model.keras")
    return run


def by_hand(run: Run, mels) -> np.ndarray:
    """The dense layer's mean output over the slices of each track, (tracks, 1024), by Keras alone."""
    model = run.load_trained()
    [dense] = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense) and layer.name != "logits"]
    vectors = keras.Model(model.input, dense.output)
    tracks = np.load(mels)["mel"].transpose(0, 2, 1).astype("float32")  # (tracks, frames, bins)
    starts = (0, 40, 60)  # the last slice ends with the track
    return np.stack(
        [vectors.predict(np.stack([one[a : a + SLICE] for a in starts]), verbose=0).mean(0) for one in tracks]
    )


def test_baseline_on_a_dense_layer_is_that_of_keras_and_sklearn(network, mels, tmp_path):
    out = tmp_path / "out"
    flags = ["--on", str(network.folder), "--layer", "dense", "--data", str(mels), "--out", str(out)]
    assert baseline.main([*flags, "--classifier", "svc_linear"]) == 0
    x = by_hand(network, mels)
    with np.load(out / "features.npz", allow_pickle=False) as kept:
        np.testing.assert_allclose(kept["mean"], x, rtol=1e-4, atol=1e-4)
    split, genre = (np.load(mels)[name] for name in ("split", "genre"))
    metrics = json.loads((out / "metrics.json").read_text())
    tried = metrics["selection"]["tried"][0]
    scores = {}
    for c in (0.001, 0.01, 0.1, 1.0):
        fitted = make_pipeline(StandardScaler(), SVC(kernel="linear", C=c)).fit(
            x[split == "train"], genre[split == "train"]
        )
        scores[c] = fitted.score(x[split == "valid"], genre[split == "valid"])
    assert tried["score"] == max(scores.values())
    c = float(tried["parameters"].removeprefix("C="))
    assert scores[c] == max(scores.values())
    known = split != "test"
    expected = make_pipeline(StandardScaler(), SVC(kernel="linear", C=c)).fit(x[known], genre[known])
    found = read_predictions(out)
    answers = np.array(GENRES)[found.probabilities.argmax(axis=1)]
    order = [int(path.rpartition("#")[2]) for path in found.rows["path"]]
    np.testing.assert_array_equal(answers, expected.predict(x[order]))
    assert metrics["method"].split(" on ")[1].startswith(f"mean output of the layer dense of {network.folder}")


def test_layers_have_the_same_names_in_every_build():
    settings = ModelSettings.compose({"arch": "homebrew"})
    first, second = (vector_layers(build_model(settings, 3)) for _ in range(2))
    assert list(first) == list(second)
    sizes = {name: first[name].output.shape[-1] for name in ("dense_1", "dense_2", "dense", "embedding", "logits")}
    assert sizes == {"dense_1": 364, "dense_2": 182, "dense": 182, "embedding": 182, "logits": 3}
    assert {"flatten", "leaky_re_lu_2"} < set(first) and not {"conv2d", "dropout", "waveform"} & set(first)


@pytest.mark.parametrize(
    "flags, message",
    [
        (["--layer", "dens"], "unknown layer 'dens'. Did you mean dense? Known: batch_normalization, dense, embedding"),
        (["--layer", "dense", "--on", "stats"], "`--layer` is for the folder of a run. Received: --on stats."),
        (["--layer", "dense", "--on", "vggish"], "vggish: `--layer` needs the folder of a run"),
    ],
)
def test_layer_that_is_not_there_is_refused(flags, message, network, mels, tmp_path, capsys):
    given = ["--on", str(network.folder), "--data", str(mels), "--out", str(tmp_path / "out"), *flags]
    assert baseline.main(given) == 2
    assert message in capsys.readouterr().err
