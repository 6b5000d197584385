"""From the settings of a run to its metrics: training on any backend, and what follows it, which is TensorFlow's."""

import os
import signal
import subprocess
import sys

import keras

from kgenre.core.errors import KgenreError
from kgenre.core.packages import installed
from kgenre.core.progress import SILENT, Progress
from kgenre.evaluation.evaluate import evaluate_run
from kgenre.training.backend import EXPORTING
from kgenre.training.run import Run, resume_command
from kgenre.training.settings import RunSettings
from kgenre.training.start import train


def train_and_evaluate(
    settings: RunSettings, run: Run, progress: Progress = SILENT, collection=None, again: str | None = None
) -> None:
    """Trains, calibrates, exports, and evaluates the export; arguments are those of `train`.

    By the exported model: the metrics are those of the very model that is served. On a backend other than TensorFlow,
    all but the training is done by another process.

    Raises:
        KgenreError: TensorFlow is not installed, or the other process fails. The trained model is kept.
    """
    train(settings, run, progress, collection, again)
    if keras.backend.backend() == EXPORTING:
        evaluate_run(run, progress)
    else:
        finish_with_tensorflow(run, progress, again)


def finish_with_tensorflow(run: Run, progress: Progress = SILENT, again: str | None = None) -> None:
    """Calibrates, exports and evaluates a trained run in a process whose backend is TensorFlow."""
    again = again or resume_command(run.folder)
    if not installed(EXPORTING):
        raise KgenreError(
            f"The run is trained ({run / 'model.keras'}), but its calibration, export and evaluation need TensorFlow, "
            f"which is not installed here. Where it is, with the same tracks, set KERAS_BACKEND={EXPORTING} and go on "
            f"with: {again}"
        )
    progress.line("calibrating, exporting and evaluating in a process with TensorFlow")
    command = [sys.executable, "-m", "kgenre", "train", "--resume", "--out", str(run.folder)]
    environment = {**os.environ, "KERAS_BACKEND": EXPORTING}
    status = subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=False).returncode
    if status:
        raise KgenreError(
            f"The run is trained, but what follows with TensorFlow failed: {_cause(status)}. Set "
            f"KERAS_BACKEND={keras.backend.backend()} and go on with: {again}"
        )


def _cause(status: int) -> str:
    if status > 0:
        return "see above"
    name = signal.Signals(-status).name
    return f"its process was ended by {name}" + (", perhaps out of memory" if name == "SIGKILL" else "")
