"""The temperature of a trained network: folded into its last layer, and divided out again.

A temperature is a float, or a sequence of one for each label where a track may have several (Task.temperature). The
weights that are trained stay as they are; what a run answers by, `Run.load_model()`, has it in its layer "logits", and
so has every export.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from kgenre.model.transfer import HEAD

if TYPE_CHECKING:
    import keras

    from kgenre.model.tasks import Task


def calibrate(model: "keras.Model", temperature: float | Sequence[float]) -> None:
    """Divides the logits by a temperature, in place: kernel (d, classes) and bias (classes,) of the last layer."""
    head = model.get_layer(HEAD)
    head.set_weights([weight / np.asarray(temperature, "float32") for weight in head.get_weights()])


def slice_scores(model: "keras.Model", embeddings: np.ndarray) -> np.ndarray:
    """The logits of slices from their embeddings, float32 (slices, d) -> (slices, classes).

    Of probabilities they could not be had again: those of a sure answer are rounded to 1 and 0.
    """
    kernel, bias = model.get_layer(HEAD).get_weights()
    return embeddings @ kernel + bias


def uncalibrated(task: "Task", slice_probabilities: np.ndarray, temperature: float | Sequence[float]) -> np.ndarray:
    """The probabilities that the network would give without its temperature: float32 (..., classes).

    To 1e-4 for temperatures of 0.5 and above; below, sure answers are rounded to 1 and 0, and the error grows.

    Args:
        slice_probabilities: of slices (..., classes). Of tracks it is an approximation, for the mean over slices is
            taken of probabilities; `aggregate` what this gives.
    """
    return task.probabilities(task.scores(slice_probabilities) * np.asarray(temperature, "float64"))
