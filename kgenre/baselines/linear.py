"""Weights of slices, and the linear discriminants that scikit-learn does not fit with weights."""

import numpy as np

from kgenre.core.heads import LinearHead


def slice_weights(track: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Weights with mean 1 by which every track of a genre has the same sum, and every genre.

    Args:
        track: int (slices,), index of the track of each slice.
        truth: int (tracks,), label indices.
    """
    weights = 1 / np.bincount(track)[track]
    genre = np.bincount(truth[track], weights)
    return weights / genre[truth[track]] * len(track) / (genre > 0).sum()


def discriminant(x, y, weights, shrinkage: float) -> LinearHead:
    """Linear discriminants of equal priors; the covariance is shrunk towards a multiple of the identity.

    Written out because scikit-learn's LinearDiscriminantAnalysis takes no weights of samples.
    """
    means = np.stack([np.average(x[y == label], axis=0, weights=weights[y == label]) for label in range(y.max() + 1)])
    rest = x - means[y]
    covariance = (rest * weights[:, None]).T @ rest / weights.sum()
    spherical = np.eye(len(covariance)) * np.trace(covariance) / len(covariance)
    kernel = np.linalg.solve((1 - shrinkage) * covariance + shrinkage * spherical, means.T)
    return LinearHead(kernel, -0.5 * (means.T * kernel).sum(axis=0))
