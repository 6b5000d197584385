"""Adding to the registries in a copy of the package: one new file and one row each, nothing else; then it is used.

The copy gets an architecture with a setting of its own, a feature with a layer of its own, an augmentation, an
optimizer, a dataset, a classifier and an exporter. A process trains with them, exports and fits the classifier; a fresh
one loads the model.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import kgenre

FILES = {
    "archs/pyramid.py": '''
"""A small network for the test."""

from pydantic import Field

from kgenre.archs.arch import Arch, NetworkSettings


class PyramidSettings(NetworkSettings):
    steps: int = Field(2, ge=1, le=4, description="halvings of the spectrogram")


def pyramid(image, steps: int = 2, dropout: float = 0.5):
    """Input shape: (batch, height, width, channels). Output shape: (batch, 8)."""
    from keras import layers

    x = image
    for step in range(steps):
        x = layers.Conv2D(4 * (step + 1), 3, strides=2, padding="same", activation="relu")(x)
    return layers.Dense(8, activation="relu")(layers.Dropout(dropout)(layers.Flatten()(x)))


PYRAMID = Arch(PyramidSettings, pyramid, "strided convolutions", "the test")
''',
    "features/energy.py": '''
"""Energy of frames in bands of equal width, with a layer of its own."""

import functools

from kgenre.features.feature import Feature, FeatureSettings, HopLength
from pydantic import Field

BANDS = 24


class EnergySettings(FeatureSettings):
    hop_length: HopLength = 256
    floor: float = Field(1e-4, gt=0, description="energy that counts as none")


@functools.cache
def layer():
    import keras
    from keras import ops

    @keras.saving.register_keras_serializable(package="kgenre")
    class Energy(keras.layers.Layer):
        def __init__(self, hop_length, floor, **kwargs):
            super().__init__(**{"dtype": "float32", **kwargs})
            self.hop_length, self.floor = hop_length, floor

        def call(self, waveform):
            frames = waveform[:, : waveform.shape[1] // self.hop_length * self.hop_length]
            frames = ops.reshape(frames, (-1, waveform.shape[1] // self.hop_length, self.hop_length))
            real, imaginary = ops.rfft(frames)
            power = (real**2 + imaginary**2)[:, :, : BANDS * (self.hop_length // 2 // BANDS)]
            power = ops.reshape(power, (-1, power.shape[1], BANDS, power.shape[2] // BANDS))
            return ops.log10(ops.mean(power, axis=3) + self.floor)  # (batch, frames, BANDS)

        def get_config(self):
            return {**super().get_config(), "hop_length": self.hop_length, "floor": self.floor}

    return Energy


def build(sample_rate: int, settings: EnergySettings):
    return layer()(settings.hop_length, settings.floor, name="energy")


ENERGY = Feature(
    EnergySettings,
    build,
    "energy in 24 bands of equal width",
    value_range=lambda settings: (-4.0, 4.0),
    bins=lambda sample_rate, settings: [(band + 0.5) * sample_rate / 2 / BANDS for band in range(BANDS)],
    unit="log10",
)
''',
    "augment/polarity.py": '''
"""The waveform times 1 or -1."""

from kgenre.augment.augmentation import Augmentation
from kgenre.core.settings import Settings
from pydantic import Field


class PolaritySettings(Settings):
    flip_share: float = Field(0.5, ge=0, le=1, description="share of the crops that are inverted")


class Polarity:
    def __init__(self, share):
        self.share = share

    def draw(self, rng, n):
        return (rng.random(n) < self.share).astype(float)

    def reads(self, samples, value):
        return samples

    def apply(self, waveform, value, samples):
        return waveform * (1 - 2 * value).astype("float32")


def build(settings, spec, seed):
    return Polarity(settings.flip_share)


POLARITY = Augmentation(PolaritySettings, build, "crop", "inverted", "the test")
''',
    "training/optimizers/nadam.py": '''
"""Adam with Nesterov's momentum."""

from kgenre.training.optimizers.optimizer import Optimizer, OptimizerSettings
from pydantic import Field


class NadamSettings(OptimizerSettings):
    first_decay: float = Field(0.9, ge=0, le=0.999, description="of the mean of the gradients")


def build(settings, learning_rate, **options):
    import keras

    return keras.optimizers.Nadam(learning_rate, beta_1=settings.first_decay, **options)


NADAM = Optimizer(NadamSettings, build, "Adam with Nesterov's momentum", "the test")
''',
    "collections/datasets/tones.py": '''
"""tones: two genres of sine waves, made on the spot."""

from kgenre.collections.datasets.dataset import Dataset, Tracks


def load(folder, progress):
    import numpy as np
    import soundfile

    from kgenre.collections.tables import read_manifest

    folder.mkdir(parents=True, exist_ok=True)
    rng, lines = np.random.default_rng(0), ["path,genre,artist"]
    with progress.task("making tones", 24, "songs") as advance:
        for number in range(24):
            genre = ("low", "high")[number % 2]
            hz = {"low": 300, "high": 3000}[genre] * rng.uniform(0.9, 1.1)
            wave = 0.3 * np.sin(2 * np.pi * hz * np.arange(16000) / 8000) + 0.01 * rng.standard_normal(16000)
            soundfile.write(folder / f"{number}.wav", wave, 8000)
            lines.append(f"{number}.wav,{genre},artist {number // 2}")
            advance()
    (folder / "manifest.csv").write_text("\\n".join(lines) + "\\n")
    return Tracks(read_manifest(folder / "manifest.csv"))


DATASET = Dataset(
    description="two genres of tones",
    citation="none",
    licence="CC0",
    size="a second",
    labels=("high", "low"),
    load=load,
)
''',
    "baselines/nearest_mean.py": '''
"""The nearest class mean."""

from kgenre.baselines.classifier import Classifier


def build(seed):
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    return LinearDiscriminantAnalysis(solver="lsqr")


NEAREST_MEAN = Classifier(build, {"shrinkage": (0.5, 0.9)}, "discriminants of shrunk covariance", "the test")
''',
    "serving/exporters/keras_file.py": '''
"""The slice model as a .keras file, whose answers this package aggregates."""

from kgenre.serving.metadata import add_facts

__all__ = ["ANSWER", "add_facts", "tolerance", "write"]

ANSWER = """
import sys
import numpy as np
from kgenre.audio.slicing import SliceSpec, cut_slices
from kgenre.model.aggregate import aggregate
from kgenre.model.build import load_model
folder, cases, answers = sys.argv[1:]
model = load_model(folder + "/model.keras")
spec = SliceSpec(*np.load(folder + "/spec.npy").tolist())
found = {}
for name, waveforms in np.load(cases).items():
    outputs = [[np.asarray(one) for one in model(cut_slices(waveform, spec), training=False)] for waveform in waveforms]
    found[name + "/probabilities"] = np.stack([aggregate(p) for p, _ in outputs])
    found[name + "/slice_probabilities"] = np.stack([p for p, _ in outputs])
    found[name + "/embedding"] = np.stack([aggregate(e) for _, e in outputs])
np.savez(answers, **found)
"""


def tolerance():
    return 1e-5


def write(model, task, spec, folder):
    import dataclasses

    import numpy as np

    from kgenre.model.build import slice_model

    folder.mkdir()
    slice_model(model, task).save(folder / "model.keras")
    np.save(folder / "spec.npy", dataclasses.astuple(spec))
''',
}
# The registry, the import that its row needs, and the row: what stands before it in the file, and the line.
ROWS = {
    "archs/__init__.py": ("from kgenre.archs.pyramid import PYRAMID", "ARCHS", '    "pyramid": PYRAMID,'),
    "features/__init__.py": ("from kgenre.features.energy import ENERGY", "FEATURES", '    "energy": ENERGY,'),
    "augment/__init__.py": ("from kgenre.augment.polarity import POLARITY", "AUGMENTS", '    "polarity": POLARITY,'),
    "training/optimizers/__init__.py": (
        "from kgenre.training.optimizers.nadam import NADAM", "OPTIMIZERS", '    "nadam": NADAM,'
    ),
    "collections/datasets/__init__.py": (
        "from kgenre.collections.datasets import tones", "DATASETS", '    "tones": tones.DATASET,'
    ),
    "baselines/classifiers.py": (
        "from kgenre.baselines.nearest_mean import NEAREST_MEAN", "CLASSIFIERS", '    "nearest_mean": NEAREST_MEAN,'
    ),
    "serving/exporters/__init__.py": (
        "",
        "EXPORTERS",
        '    "keras": Exporter("a .keras file in a folder", "keras_file"),',
    ),
}  # fmt: skip

TRAIN = """
import sys
from unittest.mock import patch
tests, out, exported, baseline_out = sys.argv[1:]
sys.path.append(tests)
import answers_here
from kgenre import baseline, export, train
command = [
    "--data", "tones", "--arch", "pyramid", "--steps", "3", "--feature", "energy", "--floor", "1e-3",
    "--augment", "polarity", "zoom", "--flip-share", "0.25", "--sample-rate-hz", "8000", "--slice-seconds", "0.5",
    "--optimizer", "nadam", "--first-decay", "0.85", "--epochs", "8", "--learning-rate", "0.01", "--batch-size", "8",
    "--out", out,
]
with patch("kgenre.serving.exporters.verify.run_apart", answers_here.run_here):
    assert train.main(command) == 0
    assert export.main(["--model", out, "--format", "keras", "--out", exported]) == 0
assert baseline.main(["--on", out, "--data", "tones", "--classifier", "nearest_mean", "--out", baseline_out]) == 0
"""
LOAD = """
import sys
import kgenre
run = kgenre.Run(sys.argv[1])
settings = run.load_settings()
print(settings.network.steps, settings.features["energy"].floor, settings.augmentations["polarity"].flip_share)
print(settings.optimizer, settings.optimization.first_decay)
print([layer.name for layer in run.load_model().layers if layer.name == "energy"])
print(kgenre.open_model(sys.argv[1]).predict("data/tones/0.wav").genre)
"""


def add_row(path: Path, line: str, table: str, row: str) -> None:
    text = path.read_text()
    inside = re.search(rf"^{table}(: [^=]+)? = \{{(.*?)\}}$", text, re.DOTALL | re.MULTILINE)
    assert inside, f"{path}: no table {table}"
    begun = inside[2].rstrip().rstrip(",")
    text = text.replace(inside[0], inside[0].replace(inside[2], f"{begun},\n{row.strip()}\n"))
    first = re.search(r"^from kgenre", text, re.MULTILINE)
    path.write_text(text[: first.start()] + line + "\n" + text[first.start() :])


@pytest.fixture(scope="module")
def extended(tmp_path_factory) -> Path:
    """A folder that holds a copy of the package with one of each added."""
    folder = tmp_path_factory.mktemp("extended")
    shutil.copytree(Path(kgenre.__file__).parent, folder / "kgenre", ignore=shutil.ignore_patterns("__pycache__"))
    for name, text in FILES.items():
        (folder / "kgenre" / name).write_text(text.lstrip())
    for name, row in ROWS.items():
        add_row(folder / "kgenre" / name, *row)
    return folder


def python(folder: Path, code: str, *arguments) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_help_of_the_copy_lists_what_was_added(extended):
    done = python(
        extended, "import sys; from kgenre import train; train.main(sys.argv[1:])",
        "--arch", "pyramid", "--feature", "energy", "--augment", "polarity", "--help",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert all(flag in done.stdout for flag in ("--steps", "--floor", "--flip-share", "tones"))
    assert "--zoom-range" not in done.stdout


@pytest.mark.soak
def test_one_of_each_added_trains_exports_and_loads_in_a_fresh_process(extended):
    out = extended / "models" / "run"
    done = python(extended, TRAIN, Path(__file__).parent, out, extended / "exported", extended / "baseline")
    assert done.returncode == 0, done.stdout + done.stderr
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["accuracy"] == 1.0  # low and high tones
    assert (extended / "exported" / "1" / "model.keras").is_file()
    assert "nearest_mean" in json.loads((extended / "baseline" / "metrics.json").read_text())["method"]
    loaded = python(extended, LOAD, out)
    assert loaded.returncode == 0, loaded.stderr
    assert loaded.stdout.splitlines() == ["3 0.001 0.25", "nadam 0.85", "['energy']", "low"]
