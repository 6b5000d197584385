"""Metrics of classifiers at track level, as pure functions of the answers."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


def wilson_interval(hits: int, n: int) -> tuple[float, float]:
    """Wilson's 95 % score interval of the share hits / n, with the tracks taken as independent.

    Args:
        hits: number of correct answers, 0 to n.
        n: number of tracks, at least 1.

    Returns:
        Lower and upper bound, in [0, 1].
    """
    from scipy.stats import binomtest

    interval = binomtest(hits, n).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)


def percentile_interval(values) -> list[float] | None:
    """95 % interval of bootstrap samples, those that are NaN left out; None where none is left."""
    values = np.asarray(values, float)
    values = values[~np.isnan(values)]
    return [float(bound) for bound in np.percentile(values, (2.5, 97.5))] if len(values) else None


def group_samples(groups: np.ndarray, samples: int, seed: int = 0) -> Iterator[np.ndarray]:
    """Row numbers of bootstrap samples that draw whole groups, as many as there are: groups (rows,)."""
    codes, rng = np.unique(groups, return_inverse=True)[1], np.random.default_rng(seed)
    rows = np.split(np.argsort(codes, kind="stable"), np.cumsum(np.bincount(codes))[:-1])
    for _ in range(samples):
        yield np.concatenate([rows[i] for i in rng.integers(len(rows), size=len(rows))])


def group_counts(groups: np.ndarray, samples: int, seed: int = 0) -> Iterator[np.ndarray]:
    """The same samples as how often each row is in them, int (rows,)."""
    return (np.bincount(rows, minlength=len(groups)) for rows in group_samples(groups, samples, seed))


def f1_intervals(targets: np.ndarray, chosen: np.ndarray, groups: np.ndarray, samples: int) -> list[list[float] | None]:
    """95 % intervals of the F1 of each label, from bootstrap samples of whole groups; None where it is not defined.

    Args:
        targets, chosen: 0 or 1, (tracks, labels). groups: object (tracks,).
    """
    targets, chosen = (np.asarray(part > 0, float) for part in (targets, chosen))  # products of int are slow
    both, sizes = targets * chosen, targets + chosen
    with np.errstate(invalid="ignore"):  # 0 / 0: a sample that neither has nor is said to have a label
        values = [2 * (n @ both) / (n @ sizes) for n in group_counts(groups, samples)]
    return [percentile_interval(column) for column in np.transpose(values)]


def mean_of_defined(values: np.ndarray) -> float:
    """The mean of values that are not NaN; NaN where none is."""
    return float(np.nanmean(values)) if not np.isnan(values).all() else float("nan")


def track_metrics(truth: np.ndarray, probabilities: np.ndarray, labels: list[str]) -> dict:
    """Metrics of track-level probabilities; the answer for a track is its most probable label.

    Args:
        truth: int (tracks,), index of the true label; at least one track.
        probabilities: float (tracks, labels).
        labels: names of the labels.

    Returns:
        Plain Python numbers, as JSON takes them:
        tracks: number of tracks.
        accuracy: share of tracks whose answer is the true label.
        accuracy_interval_95: its Wilson interval.
        balanced_accuracy: mean recall over the labels in `truth`.
        macro_f1: mean F1 over the labels in `truth` or among the answers.
        top3_accuracy: share of tracks whose true label is among the three most probable; of equal
            probabilities the earlier labels count, as with the answer.
        per_genre: {label: {precision, recall, f1, tracks}}, 0 where a metric is not defined.
    """
    from sklearn.metrics import precision_recall_fscore_support

    answer = probabilities.argmax(axis=1)
    hits = int((answer == truth).sum())
    present = np.union1d(truth, answer)
    columns = precision_recall_fscore_support(truth, answer, labels=np.arange(len(labels)), zero_division=0.0)
    top3 = np.argsort(-probabilities, axis=1, kind="stable")[:, :3]  # (tracks, 3); stable: equal ones as in argmax
    names = ("precision", "recall", "f1", "tracks")
    return {
        "tracks": len(truth),
        "accuracy": hits / len(truth),
        "accuracy_interval_95": wilson_interval(hits, len(truth)),
        "balanced_accuracy": float(columns[1][np.unique(truth)].mean()),
        "macro_f1": float(columns[2][present].mean()),
        "top3_accuracy": float((top3 == truth[:, None]).any(axis=1).mean()),
        "per_genre": {
            label: {name: float(column[i]) for name, column in zip(names, columns)} for i, label in enumerate(labels)
        },
    }


def confusion_table(truth: np.ndarray, answer: np.ndarray, labels: list[str]) -> "pd.DataFrame":
    """Numbers of tracks by true genre (rows) and predicted genre (columns).

    Args:
        truth, answer: int (tracks,), label indices.
        labels: names of the labels.
    """
    import pandas as pd
    from sklearn.metrics import confusion_matrix

    counts = confusion_matrix(truth, answer, labels=np.arange(len(labels)))
    return pd.DataFrame(counts, index=pd.Index(labels, name="genre"), columns=labels)
