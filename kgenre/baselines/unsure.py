"""The fit of the rule by which a model is unsure: a Gaussian of embeddings, and two numbers.

No song from outside the genres is needed, and none is used.
"""

from collections.abc import Sequence

import numpy as np

from kgenre.collections.grouping import Fold
from kgenre.model.unsure import Distance, UnsureRule

REJECTED = 0.05  # of the songs that are answered correctly


def fit_unsure(
    embeddings: np.ndarray,
    probabilities: np.ndarray,
    truth: np.ndarray,
    folds: Sequence[Fold],
    rejected: float = REJECTED,
) -> UnsureRule:
    """The rule of a head.

    A deviation of the distance weighs as much as one of the highest probability, and `below` is where a share
    `rejected` of the songs that are answered correctly becomes unsure. Both are of songs that the head and the
    distance do not know; the distance of the rule is then fitted on all songs.

    Args:
        embeddings: float (tracks, d), the mean of each track's slices, with more tracks than a few dozen.
        probabilities: float (tracks, classes), of heads that were fitted without the track's fold, mean over slices.
        truth: int (tracks,), label numbers.
        folds: (to fit, to validate), row numbers, as `grouped_folds` gives: every track is validated once.
        rejected: share of the songs answered correctly, in [0, 1].
    """
    best, distance = probabilities.max(axis=1).astype("float64"), np.empty(len(embeddings))
    for fit, validate in folds:
        distance[validate] = fit_distance(embeddings[fit])(embeddings[validate])
    slope = best.std() / distance.std()
    right = probabilities.argmax(axis=1) == truth
    below = np.quantile((best - slope * distance)[right], rejected)
    return UnsureRule(float(below), float(slope), fit_distance(embeddings))


def fit_distance(embeddings: np.ndarray) -> Distance:
    """Mahalanobis' distance to the mean of embeddings (tracks, d), with Ledoit and Wolf's shrunken covariance (2004).

    Columns are standardised before, so that none is shrunken towards the variance of another unit.
    """
    from sklearn.covariance import LedoitWolf
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(embeddings.astype("float64"))
    precision = LedoitWolf(assume_centered=True).fit(scaler.transform(embeddings.astype("float64"))).precision_
    arrays = (scaler.mean_, scaler.scale_, np.linalg.cholesky(precision))
    return Distance(*(array.astype("float32") for array in arrays))
