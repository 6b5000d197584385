"""How far probabilities can be believed: proper scores, calibration error and its bins, and the fit of a temperature.

Pure functions of track-level answers. Targets tell the task: label numbers int (tracks,) of one genre a track, or 0 and
1 (tracks, labels) of several; probabilities are float (tracks, labels).

A classifier is calibrated where, of all answers of 70 %, 70 % are right. A temperature T divides the logits before
softmax or sigmoid: above 1 it makes answers less sure, below 1 surer, and the most probable label of a slice stays the
same (Guo et al. 2017, On calibration of modern neural networks).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from kgenre.core.metrics import percentile_interval, wilson_interval
from kgenre.core.paired import group_draws

LEAST_PROBABILITY = 1e-12  # of the true genre: keeps a logarithm finite
LEAST_PROBABILITY_OF_SEVERAL = 1e-7  # of a label and of its absence, as Keras does
BINS = 10
DRAWS = 1000  # of the bootstrap
TEMPERATURE_RANGE = (float(np.exp(-2)), float(np.exp(2)))
PRECISION = 0.02  # of the logarithm of a temperature


class Bin(NamedTuple):
    """Answers of similar confidence.

    count: number of answers. low, high: their least and highest confidence. confidence: its mean. accuracy: the share
    that is right. interval_95: Wilson's of the accuracy, with the answers taken as independent.
    """

    count: int
    low: float
    high: float
    confidence: float
    accuracy: float
    interval_95: tuple[float, float]


def confidences(targets: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The answers whose calibration is looked at: confidence float (answers,), and whether it is right, bool.

    Of one genre a track: the highest probability of each track, and whether that genre is the true one. Of several:
    the probability of every pair of track and label, and whether the track has the label.
    """
    probabilities = np.asarray(probabilities, "float64")
    if np.ndim(targets) == 2:
        return probabilities.ravel(), np.asarray(targets).ravel() > 0
    return probabilities.max(axis=1), probabilities.argmax(axis=1) == targets


def log_losses(targets: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Negative log-likelihood of each track, float64 (tracks,).

    Of one genre a track: -ln(probability of the true genre). Of several: the binary cross-entropy, mean over labels.
    """
    probabilities = np.asarray(probabilities, "float64")
    if np.ndim(targets) == 2:
        p = np.clip(probabilities, LEAST_PROBABILITY_OF_SEVERAL, 1 - LEAST_PROBABILITY_OF_SEVERAL)
        return -(targets * np.log(p) + (1 - targets) * np.log1p(-p)).mean(axis=1)
    return -np.log(np.maximum(probabilities[np.arange(len(targets)), targets], LEAST_PROBABILITY))


def negative_log_likelihood(targets: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean of `log_losses`; at least one track."""
    return float(log_losses(targets, probabilities).mean())


def squared_errors(targets: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Squared error of the probabilities of each track (Brier 1950), float64 (tracks,).

    Of one genre a track: the sum over labels, so from 0 to 2. Of several: the mean over labels, from 0 to 1.
    """
    probabilities = np.asarray(probabilities, "float64")
    if np.ndim(targets) == 2:
        return np.square(probabilities - targets).mean(axis=1)
    return np.square(probabilities - np.eye(probabilities.shape[1])[targets]).sum(axis=1)


def brier_score(targets: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean of `squared_errors`; at least one track."""
    return float(squared_errors(targets, probabilities).mean())


def reliability_bins(targets: np.ndarray, probabilities: np.ndarray, n_bins: int = BINS) -> list[Bin]:
    """The answers of `confidences` in bins of equal mass, from the least to the most confident.

    The borders are quantiles of the confidence. Answers of equal confidence stay together, so bins may be fewer, and
    differ in size. Bins of equal mass estimate the error with less bias than bins of equal width (Nixon et al. 2019,
    Measuring calibration in deep learning; Roelofs et al. 2022, Mitigating bias in calibration error estimation).
    """
    confidence, right = confidences(targets, probabilities)
    bins = []
    for rows in _equal_mass(confidence, n_bins):
        own, hits = confidence[rows], int(right[rows].sum())
        interval = wilson_interval(hits, len(own))
        bins.append(
            Bin(len(own), float(own.min()), float(own.max()), float(own.mean()), hits / len(own), tuple(interval))
        )
    return bins


def calibration_error(targets: np.ndarray, probabilities: np.ndarray, n_bins: int = BINS) -> float:
    """Expected calibration error: mean of |accuracy - mean confidence| over the bins of equal mass, by their answers.

    In [0, 1]. It is biased upwards: of few answers even a calibrated classifier has some, for in each bin the accuracy
    is a share of a few answers. Compare it between classifiers of the same tracks.
    """
    confidence, right = confidences(targets, probabilities)
    gaps = [abs(right[rows].sum() - confidence[rows].sum()) for rows in _equal_mass(confidence, n_bins)]
    return float(sum(gaps) / len(confidence))


def calibration_metrics(targets: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """log_loss (negative_log_likelihood), brier (brier_score) and ece (calibration_error) of at least one track."""
    return {name: metric(targets, probabilities) for name, metric in METRICS.items()}


def calibration_intervals(
    targets: np.ndarray, probabilities: np.ndarray, groups: np.ndarray, draws: int = DRAWS, seed: int = 0
) -> dict[str, list[float]]:
    """95 % percentile intervals of `calibration_metrics`, from bootstrap samples that draw whole groups.

    Args:
        groups: of each track, such as its artist; the tracks' own numbers for tracks that are independent.

    The bins of `ece` are those of all tracks. Its interval lies high, and may lie above the value itself: a sample
    repeats tracks, which adds to its bias.
    """
    names, codes = np.unique(np.asarray(groups).astype(str), return_inverse=True)
    counts = group_draws(len(names), draws, seed)  # (draws, groups)
    tracks = counts @ np.bincount(codes)
    scores = {"log_loss": log_losses(targets, probabilities), "brier": squared_errors(targets, probabilities)}
    means = {name: counts @ np.bincount(codes, own) / tracks for name, own in scores.items()}
    confidence, right = confidences(targets, probabilities)
    per_track = len(confidence) // len(codes)
    gaps = np.zeros((len(names), BINS))
    for number, rows in enumerate(_equal_mass(confidence, BINS)):
        np.add.at(gaps[:, number], codes[rows // per_track], right[rows] - confidence[rows])
    means["ece"] = np.abs(counts @ gaps).sum(axis=1) / (per_track * tracks)
    return {name: percentile_interval(means[name]) for name in METRICS}


def find_temperature(loss: Callable[[float], float], penalty: float = 0.0) -> float:
    """The temperature of the least loss within TEMPERATURE_RANGE, to 2 %; 1 where none is better than 1.

    Args:
        loss: mean loss of tracks at a temperature.
        penalty: times the square of the temperature's logarithm, added to the loss; of 1 it is 0, so that the loss
            itself is never above that at 1.
    """
    from scipy.optimize import minimize_scalar

    def penalised(logarithm: float) -> float:
        return loss(float(np.exp(logarithm))) + penalty * logarithm**2

    bounds = tuple(np.log(TEMPERATURE_RANGE))
    found = minimize_scalar(penalised, bounds=bounds, method="bounded", options={"xatol": PRECISION})
    return float(np.exp(found.x)) if found.fun < penalised(0.0) else 1.0


def _equal_mass(confidence: np.ndarray, n_bins: int) -> list[np.ndarray]:
    """Row numbers of each bin that has answers."""
    borders = np.quantile(confidence, np.linspace(0, 1, n_bins + 1)[1:-1])
    number = np.searchsorted(borders, confidence)
    return [np.flatnonzero(number == one) for one in np.unique(number)]


METRICS: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "log_loss": negative_log_likelihood,
    "brier": brier_score,
    "ece": calibration_error,
}
