"""The backend of Keras that a run is trained on: what is set in it, and what TensorFlow must answer as it does.

What follows the training, calibration, export and evaluation, is TensorFlow's: `evaluation/finish.py`.
"""

import importlib.metadata
import os

import keras
import numpy as np

from kgenre.audio.slicing import SliceSpec, cut_slices
from kgenre.core.errors import KgenreError, check_known
from kgenre.core.files import write_beside
from kgenre.core.packages import installed
from kgenre.serving.exporters.verify import example_tracks, value_range
from kgenre.serving.keras_model import KerasModel
from kgenre.training.run import Run
from kgenre.training.settings import RunSettings

EXPORTING = "tensorflow"
ANSWERS = "backend_answers.npz"  # of a run that was trained on another one, until TensorFlow has answered the same
# Of probabilities: ten times what float32 leaves between two orders of summation (test_backends.py).
TOLERANCE = 1e-3


def start_backend(settings: RunSettings) -> None:
    """Loads Keras's backend; with `deterministic`, every later op of this process gives the same bits each time.

    Raises:
        KgenreError: the backend cannot train, or not with the same bits on this device.
    """
    backend = keras.backend.backend()
    check_known("KERAS_BACKEND", backend, DETERMINISM)
    if settings.training.deterministic:
        DETERMINISM[backend]()


def _tensorflow_determinism() -> None:
    import tensorflow as tf

    tf.config.experimental.enable_op_determinism()


def _jax_determinism() -> None:
    """On the CPU, XLA adds in one order; on a GPU it must be told so before it starts."""
    import jax

    flag = "--xla_gpu_deterministic_ops=true"
    if jax.default_backend() == "gpu" and flag not in os.environ.get("XLA_FLAGS", ""):
        raise KgenreError(
            f"`deterministic` on JAX needs XLA_FLAGS={flag} on a GPU. Received: {os.environ.get('XLA_FLAGS', '')!r}. "
            "Set it for this command, or leave --deterministic out."
        )


def _torch_determinism() -> None:
    import torch

    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # which cuBLAS needs for it
    torch.use_deterministic_algorithms(True)


DETERMINISM = {"tensorflow": _tensorflow_determinism, "jax": _jax_determinism, "torch": _torch_determinism}


def backend_version() -> str:
    """Name and version of Keras's backend in this process."""
    backend = keras.backend.backend()
    return f"{backend} {importlib.metadata.version(backend)}"


def tensorflow_version() -> str:
    """That of TensorFlow in this environment, which is not imported; "none" where it is not installed."""
    return importlib.metadata.version(EXPORTING) if installed(EXPORTING) else "none"


def add_backend(run: Run) -> None:
    """Adds the backend of this process to those that the run was trained on, in run.json."""
    known = run.backends
    if backend_version() != known[-1]:
        run.add_facts(backends=[*known, backend_version()])


def keep_answers(settings: RunSettings, run: Run) -> None:
    """Keeps what the trained model answers on this backend to some slices."""
    if (run / ANSWERS).is_file() or "backend_difference" in run.load_facts():
        return
    found = _answers(settings.slice_spec, run)
    write_beside(
        run / ANSWERS,
        lambda part: np.savez(part, backend=backend_version(), probabilities=found),
    )


def check_answers(settings: RunSettings, run: Run) -> None:
    """Has TensorFlow answer the slices of `keep_answers`, if there are any, and keeps the difference in run.json.

    Raises:
        KgenreError: it answers otherwise.
    """
    if not (run / ANSWERS).is_file():
        return
    with np.load(run / ANSWERS) as kept:
        backend, wanted = str(kept["backend"]), kept["probabilities"]
    difference = float(np.abs(_answers(settings.slice_spec, run) - wanted).max())
    if not difference <= TOLERANCE:
        raise KgenreError(
            f"{run / 'model.keras'}: TensorFlow's probabilities must be those of {backend}, which trained it, within "
            f"{TOLERANCE:g}. Received: a difference of {difference:.1e}. Nothing was exported. Please report it with "
            "the run's config.json."
        )
    run.add_facts(backend_difference=difference)
    (run / ANSWERS).unlink()


def _answers(spec: SliceSpec, run: Run) -> np.ndarray:
    """Probabilities of the trained model for slices of noise, (slices, classes)."""
    network = run.load_trained()
    tracks = example_tracks(spec, value_range(network, spec))["several"]
    slices = np.concatenate([cut_slices(track, spec) for track in tracks])
    return KerasModel(network, run.load_task(), spec)(slices).probabilities
