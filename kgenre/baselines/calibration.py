"""Probabilities of a fitted classifier, and their temperature, by rows that it was not fitted on."""

import numpy as np

from kgenre.baselines.hyperparameters import TunedClassifier, class_probabilities, fit, label_probabilities
from kgenre.collections.grouping import Fold
from kgenre.model.tasks import Task


def track_probabilities(fitted, x: np.ndarray, task: Task) -> np.ndarray:
    """As the classifier gives them, float (tracks, classes)."""
    return label_probabilities(fitted, x) if task.several else class_probabilities(fitted, x, len(task.labels))


def validated_probabilities(
    tuned: TunedClassifier, x: np.ndarray, y: np.ndarray, folds: list[Fold], task: Task
) -> tuple[np.ndarray, np.ndarray]:
    """Targets and probabilities of the validation rows, by classifiers that were not fitted on them."""
    probabilities = [track_probabilities(fit(tuned, x[rows], y[rows]), x[others], task) for rows, others in folds]
    return np.concatenate([y[others] for _, others in folds]), np.concatenate(probabilities)


def track_temperature(targets: np.ndarray, probabilities: np.ndarray, task: Task) -> float | np.ndarray:
    """The task's temperature of classifiers that answer for tracks rather than slices."""
    return task.temperature(targets, task.scores(probabilities), np.ones(len(targets), int))


def calibrated(probabilities: np.ndarray, temperature: float | np.ndarray, task: Task) -> np.ndarray:
    """float32 (tracks, classes). The scores of margins are the margins, but for a number that all labels share."""
    return task.probabilities(task.scores(probabilities) / temperature)
