"""Linear classifiers with weights of samples, as kernel (d, classes) and bias (classes,)."""

from collections.abc import Callable

import numpy as np

Linear = tuple[np.ndarray, np.ndarray]  # kernel (d, classes), bias (classes,)


def slice_weights(track: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Weights with mean 1 by which every track of a genre has the same sum, and every genre.

    Args:
        track: int (slices,), index of the track of each slice.
        truth: int (tracks,), label indices.
    """
    weights = 1 / np.bincount(track)[track]
    genre = np.bincount(truth[track], weights)
    return weights / genre[truth[track]] * len(track) / (genre > 0).sum()


def standardised(classifier: Callable[..., Linear], x, y, weights) -> Linear:
    """A classifier fitted on standardised columns, as kernel and bias for the columns as they are.

    Args:
        classifier: x, y, weights -> Linear.
        x: float (slices, d).
        y: int (slices,).
        weights: float (slices,).
    """
    mean = np.average(x, axis=0, weights=weights)
    deviation = np.sqrt(np.average((x - mean) ** 2, axis=0, weights=weights)) + 1e-6
    kernel, bias = classifier((x - mean) / deviation, y, weights)
    kernel = kernel / deviation[:, None]
    return kernel, bias - mean @ kernel


def discriminant(x, y, weights, shrinkage: float) -> Linear:
    """Linear discriminants of equal priors; the covariance is shrunk towards a multiple of the identity.

    Written out because scikit-learn's LinearDiscriminantAnalysis takes no weights of samples.
    """
    means = np.stack([np.average(x[y == label], axis=0, weights=weights[y == label]) for label in range(y.max() + 1)])
    rest = x - means[y]
    covariance = (rest * weights[:, None]).T @ rest / weights.sum()
    spherical = np.eye(len(covariance)) * np.trace(covariance) / len(covariance)
    kernel = np.linalg.solve((1 - shrinkage) * covariance + shrinkage * spherical, means.T)
    return kernel, -0.5 * (means.T * kernel).sum(axis=0)


def logistic(x, y, weights, c: float) -> Linear:
    """Logistic regression with the inverse regularisation strength `c`."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=c, max_iter=300, tol=1e-3).fit(x, y, sample_weight=weights)
    if len(model.intercept_) == 1:  # of two classes scikit-learn gives the difference of the logits
        half, bias = model.coef_.T / 2, model.intercept_[0] / 2
        return np.hstack([-half, half]), np.array([-bias, bias])
    return model.coef_.T, model.intercept_
