"""The table of tasks: what the outputs of a network mean, how it learns them, and what is decided from them.

To add one, write a class with the attributes of `Task` in a file of this folder and give it a row here.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from kgenre.core.errors import check_known
from kgenre.model.tasks.single_label import SingleLabel


class Task(Protocol):
    """What a model is trained for and answers.

    name: its row in TASKS; it is stored with a run and in an export.
    labels: names of the classes, in the order of the outputs.
    metrics: names of the metrics that it is evaluated by, as in metrics.json; the first is the main one, by which
        training keeps the best epoch: in [0, 1], higher is better.
    """

    name: str
    labels: tuple[str, ...]
    metrics: tuple[str, ...]

    def activation(self):
        """The Keras layer from logits (batch, classes) to probabilities, float32."""

    def probabilities(self, scores: np.ndarray) -> np.ndarray:
        """The same of scores (..., classes) in NumPy, float32."""

    def targets(self, tracks) -> np.ndarray:
        """What these tracks are trained towards, one row a track.

        Args:
            tracks: table with `genre`, the one genre, and `genres`, all of them as core.genres joins them.
        """

    def shares(self, targets: np.ndarray) -> np.ndarray:
        """Targets as float32 shares of the classes (tracks, classes), which can be mixed."""

    def loss(self, mixed: bool):
        """The Keras loss on logits and targets; with `mixed`, on logits and shares."""

    def slice_metric(self, mixed: bool):
        """The Keras metric of logits and targets, or shares, that training shows; it has the main metric's name."""

    def track_loss(self, targets: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
        """The same loss of track probabilities (tracks, classes) -> float64 (tracks,), in NumPy."""

    def decide(self, probabilities: np.ndarray) -> np.ndarray:
        """The answer for probabilities (..., classes), in the form of `targets`."""

    def evaluate(self, targets: np.ndarray, probabilities: np.ndarray) -> dict:
        """The metrics of tracks, in the form of metrics.json: targets as `targets` gives, (tracks, classes)."""


TASKS = {SingleLabel.name: SingleLabel}
DEFAULT_TASK = SingleLabel.name  # of what does not choose one: new runs, baselines, libraries, the default model


def make_task(name: str, labels: Sequence[str]) -> Task:
    """The task of a name, for these labels.

    Raises:
        KgenreError: no task has that name.
    """
    check_known("task", name, TASKS)
    return TASKS[name](tuple(labels))
