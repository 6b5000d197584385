"""A linear head on features of slices: linear classifiers, averaged, and one temperature."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from kgenre.baselines.linear import discriminant, slice_weights
from kgenre.collections.grouping import grouped_folds
from kgenre.core import calibration
from kgenre.core.heads import LinearHead, fit_logistic, fit_standardized
from kgenre.model.aggregate import aggregate

FOLDS = 5  # for the temperature
# Of the largest deviation. A column that varies less is constant but for rounding, as that of a map that never answers:
# standardized, its weight would be so large that a song in which it does answer would be decided by it.
DEAD = 1e-4


@dataclass(frozen=True)
class SliceFeatures:
    """Features of the slices of some tracks.

    x: float32 (slices, d).
    track: int (slices,), index of the track of each slice.
    unaltered: bool (slices,), whether the slice is of the track as it is.
    """

    x: np.ndarray
    track: np.ndarray
    unaltered: np.ndarray


@dataclass(frozen=True)
class Classifier:
    """A linear classifier of some columns of the features.

    fit: standardised x (slices, columns), truth (slices,), weights (slices,), number of classes -> LinearHead.
    columns: int; all if not given.
    """

    fit: Callable[[np.ndarray, np.ndarray, np.ndarray, int], LinearHead]
    columns: np.ndarray | None = None


def logistic(inverse_penalty: float, columns: np.ndarray | None = None) -> Classifier:
    """Multinomial logistic regression with scikit-learn's C."""

    def fit(x, y, weights, n_classes: int) -> LinearHead:
        return fit_logistic(x, y, weights, n_classes=n_classes, inverse_penalty=inverse_penalty, tolerance=1e-3)

    return Classifier(fit, columns)


def discriminants(shrinkage: float, columns: np.ndarray | None = None) -> Classifier:
    """Linear discriminants."""
    return Classifier(lambda x, y, weights, n_classes: discriminant(x, y, weights, shrinkage), columns)


def make_head(
    features: SliceFeatures,
    truth: np.ndarray,
    fitted_on: np.ndarray,
    groups: np.ndarray,
    classifiers: Sequence[Classifier],
) -> LinearHead:
    """The head as it is shipped: divided by its temperature, the kernel in half precision.

    Args:
        truth: int (tracks,), label indices.
        fitted_on: bool (tracks,), the tracks to fit on.
        groups: group ids (tracks,), which no fold separates.
        classifiers: whose mean the head is.
    """
    kernel, bias = fit_head(features, truth, fitted_on, classifiers)
    temperature = find_temperature(features, truth, fitted_on, groups, classifiers)
    return LinearHead((kernel / temperature).astype("float16"), (bias / temperature).astype("float32"))


def fit_head(
    features: SliceFeatures, truth: np.ndarray, fitted_on: np.ndarray, classifiers: Sequence[Classifier]
) -> LinearHead:
    """Mean of linear classifiers, each scaled to logits of the same deviation: kernel (d, classes), bias."""
    use = fitted_on[features.track]
    x, track = features.x[use].astype("float64"), features.track[use]
    weights = slice_weights(track, truth)
    n_classes = truth.max() + 1
    kernel, bias = np.zeros((x.shape[1], n_classes)), np.zeros(n_classes)
    deviation = x.std(axis=0)
    live = np.flatnonzero(deviation > DEAD * deviation.max())
    for classifier in classifiers:
        columns = live if classifier.columns is None else np.intersect1d(classifier.columns, live)
        fit = functools.partial(classifier.fit, n_classes=n_classes)
        one_kernel, one_bias = fit_standardized(fit, x[:, columns], truth[track], weights)
        logits = x[:, columns] @ one_kernel + one_bias
        scale = len(classifiers) * (logits - logits.mean(axis=1, keepdims=True)).std() / 2.5
        kernel[columns] += one_kernel / scale
        bias += one_bias / scale
    return LinearHead(kernel, bias)


def track_probabilities(
    features: SliceFeatures, head: LinearHead, tracks: np.ndarray, temperature: float = 1.0
) -> np.ndarray:
    """The probabilities of tracks from their unaltered slices, float32 (tracks, classes)."""
    from scipy.special import softmax

    kernel, bias = head
    probabilities = []
    for track in tracks:
        x = features.x[(features.track == track) & features.unaltered]
        probabilities.append(aggregate(softmax((x @ kernel + bias) / temperature, axis=1)))
    return np.stack(probabilities)


def find_temperature(
    features: SliceFeatures,
    truth: np.ndarray,
    fitted_on: np.ndarray,
    groups: np.ndarray,
    classifiers: Sequence[Classifier],
) -> float:
    """The temperature with the least cross-entropy of whole tracks, by cross-validation that keeps groups whole.

    Args:
        truth, fitted_on, groups, classifiers: as of `make_head`.

    Returns:
        The temperature, in exp(-2) to exp(2); 1 where two folds are not possible.
    """
    tracks = np.flatnonzero(fitted_on)
    fitted = []
    for fit, validate in grouped_folds(truth[tracks], groups[tracks], FOLDS, seed=0):
        mask = np.zeros(len(truth), bool)
        mask[tracks[fit]] = True
        fitted.append((fit_head(features, truth, mask, classifiers), tracks[validate]))
    if not fitted:
        return 1.0

    def loss(temperature: float) -> float:
        losses = []
        for head, validated in fitted:
            probabilities = track_probabilities(features, head, validated, temperature)
            losses.append(calibration.log_losses(truth[validated], probabilities))
        return float(np.concatenate(losses).mean())

    return calibration.find_temperature(loss)
