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
from kgenre.serving.metadata import metadata_values

REQUIRED = ("probabilities", "slice_probabilities", "embedding")  # of each case; more may be given, and is compared
FULL_SCALE = 32768


def difference(model, task: Task, spec: SliceSpec, folder: Path, answer: str) -> float:
    """Largest difference between the artefact's answers and the Keras model's.

    The Keras model's answers go through the slicing and the aggregation that training and evaluation use,
    so the artefact's own are part of what is compared.

    Args:
        answer: program of an Exporter, which asks the artefact.

    Returns:
        The largest absolute difference; of embeddings as a share of their largest value, where that is above 1.
        Infinite where an answer is missing, has another shape or is not finite, or where the artefact describes itself
        wrongly.
    """
    from kgenre.serving.keras_model import KerasModel

    cases, keras_model = example_tracks(spec, value_range(model, spec)), KerasModel(model, task, spec)
    answers = ask(folder, answer, cases)
    expected = {name: _expected(keras_model, batch) for name, batch in cases.items()}
    if not {f"{name}/{key}" for name in cases for key in REQUIRED} <= set(answers):
        return float("inf")
    expected["about"] = metadata_values(task, spec)
    return max(_difference(key, value, expected) for key, value in answers.items())


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
    if spec.input == WAVEFORM:
        cases = {name: as_16_bit(batch) for name, batch in cases.items()}
    return cases


def as_16_bit(samples: np.ndarray) -> np.ndarray:
    """The nearest values that a 16-bit file keeps."""
    return (np.round(samples * FULL_SCALE).clip(-FULL_SCALE, FULL_SCALE - 1) / FULL_SCALE).astype("float32")


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


def _expected(model, batch: np.ndarray) -> dict[str, np.ndarray]:
    outputs = [model(cut_slices(track, model.slice_spec)) for track in batch]
    return {
        "probabilities": np.stack([aggregate(one.probabilities) for one in outputs]),
        "slice_probabilities": np.stack([one.probabilities for one in outputs]),
        "embedding": np.stack([aggregate(one.embeddings) for one in outputs]),
        "slice_embeddings": np.stack([one.embeddings for one in outputs]),
    }


def _difference(key: str, value: np.ndarray, expected: dict[str, dict]) -> float:
    """Of one answer, named NAME/OUTPUT or WAY:NAME/OUTPUT."""
    case, output = key.rsplit("/", 1)
    name = case.rpartition(":")[2]
    if name == "about":
        return _about_difference(value, expected[name].get(output))
    wanted = expected[name][output]
    if value.shape != wanted.shape:
        return float("inf")
    # An embedding has no natural range.
    scale = max(1.0, float(np.abs(wanted).max())) if "embedding" in output else 1.0
    found = float(np.abs(value - wanted).max()) / scale
    return found if np.isfinite(found) else float("inf")  # `max` of several passes over NaN


def _about_difference(value: np.ndarray, wanted) -> float:
    """0 where the artefact says what is true; numbers are compared as float32."""
    if wanted is None:
        return 0.0  # a revision: there is nothing to compare it with
    wanted = np.asarray(wanted)
    kind = wanted.dtype if wanted.dtype.kind == "U" else np.float32
    return 0.0 if np.array_equal(value.astype(kind), wanted.astype(kind)) else float("inf")
