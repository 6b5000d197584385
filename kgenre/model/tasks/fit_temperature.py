"""The temperature of the least track loss: what tasks share."""

import numpy as np

from kgenre.core.calibration import find_temperature
from kgenre.model.aggregate import aggregate_tracks

# A normal distribution of the temperature's logarithm around 0, as the prior of the fit. Without it the least loss of a
# dozen tracks that are all answered correctly is at the lowest temperature that is allowed, and every answer is 100 %;
# of hundreds of tracks it is not felt.
DEVIATION = 0.5


def fit_temperature(task, targets: np.ndarray, scores: np.ndarray, counts: np.ndarray) -> float:
    """One temperature of all scores: the least mean of `track_loss` of the mean of `probabilities(scores / T)`.

    Args:
        task: Task; its `probabilities` and `track_loss` are read.
        targets: (tracks,), or of some labels (tracks, labels).
        scores: (all slices, classes), those of each track behind each other.
        counts: int (tracks,), slices of each track.

    Returns:
        Within calibration.TEMPERATURE_RANGE; 1 without tracks.
    """
    if len(targets) == 0:
        return 1.0

    def loss(temperature: float) -> float:
        answers = aggregate_tracks(task.probabilities(scores / temperature), counts)
        return float(task.track_loss(targets, answers).mean())

    return find_temperature(loss, penalty=1 / (2 * DEVIATION**2 * len(targets)))
