"""The one check of exports: an artefact in a fresh process answers as the Keras model in this one does."""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from kgenre.audio.inputs import WAVEFORM
from kgenre.audio.slicing import SliceSpec, cut_slices
from kgenre.core.errors import KgenreError
from kgenre.model.aggregate import aggregate
from kgenre.model.tasks import Task


def difference(model, task: Task, spec: SliceSpec, folder: Path, answer: str) -> float:
    """Largest difference between the artefact's answers and the Keras model's.

    The Keras model's answers go through the slicing and the aggregation that training and evaluation use,
    so the artefact's own are part of what is compared.

    Args:
        answer: program of an Exporter, which asks the artefact.

    Returns:
        The largest absolute difference; of embeddings as a share of their largest value, where that is above 1.
        Infinite where the shapes differ.
    """
    from kgenre.serving.keras_model import KerasModel

    cases, keras_model = example_tracks(spec, value_range(model, spec)), KerasModel(model, task, spec)
    answers = ask(folder, answer, cases)
    return max(_difference(keras_model, name, cases[name], answers) for name in cases)


def value_range(model, spec: SliceSpec) -> tuple[float, float]:
    """What the input varies between: audio by the level of quiet music, spectrograms by what is 0 and 1."""
    if spec.input == WAVEFORM:
        return -0.1, 0.1
    image = model.get_layer("spectrogram_image")
    return image.low, image.high


def example_tracks(spec: SliceSpec, low_high: tuple[float, float]) -> dict[str, np.ndarray]:
    """Noise of less than a slice, of one, and of several and a rest, in the last beside silence.

    Args:
        low_high: values two standard deviations apart.

    Returns:
        {name: float32 (2, samples) or (2, frames, bins)}.
    """
    rng, length, (low, high) = np.random.default_rng(0), spec.slice_samples, low_high
    middle, deviation = (low + high) / 2, (high - low) / 2
    lengths = {"short": length // 3, "one": length, "several": 3 * length + length // 5}
    shapes = {name: (2, n, *spec.shape[1:]) for name, n in lengths.items()}
    noise = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
    cases = {name: (middle + deviation * values).astype("float32") for name, values in noise.items()}
    cases["several"][1] = 0.0 if spec.input == WAVEFORM else low
    return cases


def ask(folder: Path, answer: str, cases: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The artefact's answers to `cases`, from a process of its own.

    Raises:
        KgenreError: the process fails, with its last word.
    """
    with tempfile.TemporaryDirectory() as scratch:
        asked, answered = Path(scratch) / "cases.npz", Path(scratch) / "answers.npz"
        np.savez(asked, **cases)
        run_apart(answer, str(folder), str(asked), str(answered))
        with np.load(answered) as answers:
            return dict(answers)


def run_apart(program: str, *arguments: str) -> None:
    """Runs a program in a process of its own. Raises KgenreError as `ask` does."""
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise KgenreError(f"The exported model cannot be loaded in a process of its own: {last}")


def _difference(model, name: str, batch: np.ndarray, answers: dict) -> float:
    outputs = [model(cut_slices(track, model.slice_spec)) for track in batch]
    expected = {
        "probabilities": np.stack([aggregate(one.probabilities) for one in outputs]),
        "slice_probabilities": np.stack([one.probabilities for one in outputs]),
        "embedding": np.stack([aggregate(one.embeddings) for one in outputs]),
    }
    if any(answers[f"{name}/{key}"].shape != value.shape for key, value in expected.items()):
        return float("inf")
    scale = {"embedding": max(1.0, float(np.abs(expected["embedding"]).max()))}  # it has no natural range
    return max(
        float(np.abs(answers[f"{name}/{key}"] - value).max()) / scale.get(key, 1.0) for key, value in expected.items()
    )
