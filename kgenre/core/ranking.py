"""How well probabilities rank tracks: ROC and precision-recall curves and their areas, as pure functions."""

from typing import NamedTuple

import numpy as np

from kgenre.core.metrics import group_counts, mean_of_defined

RESAMPLES = 200
GRID = np.linspace(0, 1, 201)  # where curves are averaged


class Curve(NamedTuple):
    """Points of a curve from left to right: float (points,) each; of precision-recall a step before each point."""

    x: np.ndarray
    y: np.ndarray


class Areas(NamedTuple):
    """Under the ROC curve, and under the precision-recall curve as average precision; NaN where not defined."""

    roc_auc: float
    average_precision: float


class Ranking:
    """Tracks in the order of their scores, which resampled tracks keep.

    scikit-learn sorts for each area; bootstrap samples of tracks are weights of the same order.

    Args:
        truth: bool (tracks,). scores: float (tracks,).
    """

    def __init__(self, truth: np.ndarray, scores: np.ndarray):
        self.order = np.argsort(-scores, kind="stable")
        self.hits = truth[self.order].astype(float)
        ranked = scores[self.order]
        self.ends = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)  # the last one of equal scores

    def areas(self, counts: np.ndarray | None = None) -> Areas:
        """The areas of tracks that occur `counts` times, int (tracks,); None: once each."""
        weights = np.ones(len(self.order)) if counts is None else counts[self.order].astype(float)
        found = np.cumsum(weights * self.hits)[self.ends]
        wrong = np.cumsum(weights * (1 - self.hits))[self.ends]
        if not found[-1]:
            return Areas(np.nan, np.nan)
        precision = found / np.maximum(found + wrong, 1)  # counts are whole: 0 / 0 is 0, of a step without width
        average = float((np.diff(found, prepend=0) * precision).sum() / found[-1])
        if not wrong[-1]:
            return Areas(np.nan, average)
        area = np.trapezoid(np.append(0, found), np.append(0, wrong)) / (found[-1] * wrong[-1])
        return Areas(float(area), average)


def resampled_areas(
    shares: np.ndarray, scores: np.ndarray, groups: np.ndarray, seed: int = 0, samples: int = RESAMPLES
) -> dict[str, np.ndarray]:
    """Areas of bootstrap samples of whole groups.

    Args:
        shares: 0 or 1, (tracks, labels). scores: float (tracks, labels). groups: object (tracks,).

    Returns:
        roc_auc, average_precision: float (samples, labels + 2): of each label, then micro and macro.
    """
    rankings = [Ranking(truth > 0, own) for truth, own in zip(shares.T, scores.T)]
    together = Ranking(shares.ravel() > 0, scores.ravel())
    found = []
    for counts in group_counts(groups, samples, seed):
        of_labels = [ranking.areas(counts) for ranking in rankings]
        found.append([*of_labels, together.areas(np.repeat(counts, shares.shape[1])), macro(of_labels)])
    table = np.array(found, float).reshape(samples, len(rankings) + 2, len(Areas._fields))
    return {name: table[:, :, i] for i, name in enumerate(Areas._fields)}


def macro(areas: list[Areas]) -> Areas:
    """The mean over labels that have one."""
    return Areas(*(mean_of_defined(np.array(values, float)) for values in zip(*areas)))


def roc_curve(truth: np.ndarray, scores: np.ndarray) -> Curve:
    """False positive rate and true positive rate: truth bool (tracks,) with both values, scores float (tracks,)."""
    from sklearn import metrics

    return Curve(*metrics.roc_curve(truth, scores)[:2])


def precision_recall_curve(truth: np.ndarray, scores: np.ndarray) -> Curve:
    """Recall and precision: truth bool (tracks,) with a 1, scores float (tracks,).

    The steps that average precision adds up: the precision where each recall is first reached.
    """
    from sklearn import metrics

    precision, recall, _ = metrics.precision_recall_curve(truth, scores)
    x, first = np.unique(recall[::-1], return_index=True)
    y = precision[::-1][first]
    return Curve(x, np.append(y[1], y[1:]))  # at recall 0 that of the first step, not scikit-learn's 1


def mean_roc_curve(curves: list[Curve]) -> Curve:
    """The mean true positive rate at each false positive rate of GRID."""
    heights = np.mean([np.interp(GRID, *curve) for curve in curves], axis=0)
    return Curve(np.append(0, GRID), np.append(0, heights))


def mean_precision_recall_curve(curves: list[Curve]) -> Curve:
    """The mean precision at each recall of GRID; the area under it is the mean average precision."""
    return Curve(GRID, np.mean([y[np.searchsorted(x, np.maximum(GRID, 1e-9))] for x, y in curves], axis=0))


def thinned(curve: Curve, points: int = 200) -> Curve:
    """Every n-th point and the last one, at most `points` + 1."""
    step = -(-len(curve.x) // points)
    kept = np.unique(np.append(np.arange(0, len(curve.x), step), len(curve.x) - 1))
    return Curve(curve.x[kept], curve.y[kept])
