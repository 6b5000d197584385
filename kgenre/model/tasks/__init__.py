"""The table of tasks: what the outputs of a network mean, how it learns them, and what is decided from them.

To add one, write a class with the attributes of `Task` in a file of this folder and give it a row here.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from kgenre.core.errors import check_known
from kgenre.model.tasks.multi_label import MultiLabel
from kgenre.model.tasks.single_label import SingleLabel


class Task(Protocol):
    """What a model is trained for and answers.

    name: its row in TASKS; it is stored with a run and in an export.
    several: whether a track may have several labels.
    labels: names of the classes, in the order of the outputs.
    parameters: names of the tuples of numbers that the answer depends on beside the labels; they are stored with a
        run and in an export.
    metrics: names of the metrics that it is evaluated by, as in metrics.json; the first is the main one, by which
        training keeps the best epoch: in [0, 1], higher is better.
    """

    name: str
    several: bool
    labels: tuple[str, ...]
    metrics: tuple[str, ...]
    parameters: tuple[str, ...]

    def activation(self):
        """The Keras layer from logits (batch, classes) to probabilities, float32."""

    def probabilities(self, scores: np.ndarray) -> np.ndarray:
        """The same of scores (..., classes) in NumPy, float32."""

    def scores(self, probabilities: np.ndarray) -> np.ndarray:
        """Scores, float64 (..., classes), of which `probabilities` gives these again, to rounding."""

    def targets(self, tracks) -> np.ndarray:
        """What these tracks are trained towards, one row a track.

        Args:
            tracks: table with `genre`, the one genre, and `genres`, all of them as core.genres joins them.
        """

    def shares(self, targets: np.ndarray) -> np.ndarray:
        """Targets as float32 shares of the classes (tracks, classes), which can be mixed."""

    def strata(self, targets: np.ndarray) -> np.ndarray:
        """One label number a track, by which tracks are balanced, int64 (tracks,)."""

    def loss(self, mixed: bool, positive_weights: np.ndarray | None = None):
        """The Keras loss on logits and targets; with `mixed`, on logits and shares.

        positive_weights: (classes,), of the presence of a label beside its absence; of a task with several labels.
        """

    def slice_metric(self, mixed: bool):
        """The Keras metric of logits and targets, or shares, that training shows; it has the main metric's name."""

    def track_loss(self, targets: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
        """The same loss, unweighted, of track probabilities (tracks, classes) -> float64 (tracks,), in NumPy."""

    def temperature(self, targets: np.ndarray, scores: np.ndarray, counts: np.ndarray):
        """By what to divide scores so that the track loss is least: a float, or one for each label as an array.

        A track's answer is the mean of `probabilities` over its slices. The loss is never above that without it, which
        is 1; it is 1 without tracks.

        Args:
            targets: of tracks that were not trained on, as `targets` gives.
            scores: (all slices, classes), those of each track behind each other.
            counts: int (tracks,), slices of each track.
        """

    def main(self, probabilities: np.ndarray) -> np.ndarray:
        """The one label that stands for the answer: probabilities (..., classes) -> int64 (...,)."""

    def chosen(self, probabilities: np.ndarray) -> np.ndarray:
        """The labels of the answer, at least one: probabilities (..., classes) -> bool (..., classes)."""

    def score(self, targets: np.ndarray, probabilities: np.ndarray) -> float:
        """The main metric of tracks."""

    def evaluate(self, targets: np.ndarray, probabilities: np.ndarray) -> dict:
        """All metrics of tracks, in the form of metrics.json: targets as `targets` gives, (tracks, classes)."""

    def tuned(self, targets: np.ndarray, probabilities: np.ndarray) -> "Task":
        """The same task with those of its parameters that are chosen on valid tracks chosen on these."""


TASKS = {task.name: task for task in (SingleLabel, MultiLabel)}
DEFAULT_TASK = SingleLabel.name  # of what does not choose one: new runs, baselines, libraries, the default model


def make_task(name: str, labels: Sequence[str], parameters: Mapping | None = None) -> Task:
    """The task of a name, for these labels and with these parameters.

    Raises:
        KgenreError: no task has that name.
    """
    check_known("task", name, TASKS)
    return TASKS[name](tuple(labels), **(parameters or {}))


def task_values(task: Task) -> dict:
    """What `task_from` makes the task of again, as JSON takes it."""
    parameters = {name: list(getattr(task, name)) for name in task.parameters}
    return {"task": task.name, "labels": list(task.labels), **parameters}


def task_from(values: Mapping) -> Task:
    """The task of a mapping that has, among others, the entries of `task_values`."""
    name = values["task"]
    check_known("task", name, TASKS)
    return make_task(name, values["labels"], {part: values[part] for part in TASKS[name].parameters})


def chosen_labels(task: Task, probabilities: np.ndarray) -> tuple[str, ...]:
    """The names of the answer for one track, the most probable first: probabilities (classes,)."""
    chosen = task.chosen(probabilities)
    return tuple(task.labels[i] for i in np.argsort(-probabilities, kind="stable") if chosen[i])
