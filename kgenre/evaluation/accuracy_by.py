"""How right a model is by the length of tracks, by the number of slices averaged, and by where in a track a slice lies.

Right: the main predicted genre is among the genres of the track (errors.hits).
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from kgenre.core.metrics import group_samples, percentile_interval, wilson_interval
from kgenre.core.ranking import resampled_areas
from kgenre.model.aggregate import aggregate
from kgenre.model.tasks import Task

BINS = 5
DRAWS = 200  # of the bootstrap


def accuracy_by_duration(seconds: np.ndarray, right: np.ndarray, n_bins: int = BINS) -> pd.DataFrame:
    """Accuracy of tracks in bins of equal mass by their length.

    Args:
        seconds: float (tracks,). right: bool (tracks,).

    Returns:
        One row a bin, from short to long; tracks of equal length share a bin, so that there may be fewer. Columns:
        shortest, longest, tracks, accuracy, low, high (Wilson's 95 % interval, with tracks taken as independent).
    """
    borders = np.quantile(seconds, np.linspace(0, 1, n_bins + 1)[1:-1])
    number = np.searchsorted(borders, seconds)
    rows = []
    for one in np.unique(number):
        own, hits = seconds[number == one], int(right[number == one].sum())
        rows.append((own.min(), own.max(), len(own), hits / len(own), *wilson_interval(hits, len(own))))
    return pd.DataFrame(rows, columns=["shortest", "longest", "tracks", "accuracy", "low", "high"])


def slices_taken(n_slices: int, n: int, spread: bool) -> np.ndarray:
    """Numbers of `n` of a track's slices, int (n,): the first, or each in the middle of its share; all if `n` are."""
    if n >= n_slices:
        return np.arange(n_slices)
    return ((np.arange(n) + 0.5) * n_slices / n).astype(int) if spread else np.arange(n)


def score_by_slices(
    slices: Sequence[np.ndarray], targets: np.ndarray, task: Task, groups: np.ndarray, seed: int = 0
) -> pd.DataFrame:
    """The task's main metric where only some slices of each track are averaged: accuracy, or mAP of several genres.

    Args:
        slices: of each track float (its slices, labels).
        targets: as the task gives them.
        groups: of each track, such as its artist.
        seed: of the bootstrap.

    Returns:
        One row a way and number: 1, 2, 4 and so on, and the most that a track has, by which the answer is that of
        `evaluate`. Columns: way ("evenly spread" or "the first"), slices, score, low, high: the 95 % interval, Wilson's
        of accuracy, with tracks taken as independent, and of mAP from bootstrap samples of whole groups. A track of
        fewer slices gives all of them.
    """
    most = max(map(len, slices))
    numbers = [2**i for i in range(int(most).bit_length()) if 2**i < most] + [most]
    rows = []
    for way, spread in (("evenly spread", True), ("the first", False)):
        for n in numbers:
            answers = np.stack([aggregate(part[slices_taken(len(part), n, spread)]) for part in slices])
            score = task.score(targets, answers)
            if task.several:  # resampled_areas has the macro average last
                samples = resampled_areas(targets, answers, groups, seed)["average_precision"][:, -1]
                interval = percentile_interval(samples)
            else:
                interval = wilson_interval(round(score * len(slices)), len(slices))
            rows.append((way, n, score, *(interval or (np.nan, np.nan))))
    return pd.DataFrame(rows, columns=["way", "slices", "score", "low", "high"])


def accuracy_by_position(
    slices: Sequence[np.ndarray], shares: np.ndarray, task: Task, groups: np.ndarray, n_bins: int = BINS, seed: int = 0
) -> pd.DataFrame:
    """Accuracy of single slices by where they lie in their track, each track with the same weight.

    Args:
        slices: of each track float (its slices, labels). A slice lies at (its number + 0.5) / slices of the track.
        shares: above 0 for each of a track's genres, (tracks, labels).
        groups, seed: as in score_by_slices.

    Returns:
        One row a part of the tracks in which any slice lies. Columns: begin, end in [0, 1], tracks, slices, accuracy
        (mean over tracks of the share of their slices there that are right), low, high (95 %, from bootstrap samples of
        whole groups).
    """
    right = np.full((len(slices), n_bins), np.nan)  # the share of each track's slices in each part
    counts = np.zeros(n_bins, int)
    for i, part in enumerate(slices):
        hit = shares[i][task.main(part)] > 0
        place = ((np.arange(len(part)) + 0.5) / len(part) * n_bins).astype(int)
        counts += np.bincount(place, minlength=n_bins)
        for one in np.unique(place):
            right[i, one] = hit[place == one].mean()
    samples = list(group_samples(groups, DRAWS, seed))
    rows = []
    for one in np.flatnonzero(counts):
        known, column = ~np.isnan(right[:, one]), right[:, one]
        drawn = [column[own][known[own]].mean() for own in samples if known[own].any()]
        bounds = percentile_interval(drawn)
        rows.append(
            (one / n_bins, (one + 1) / n_bins, int(known.sum()), int(counts[one]), column[known].mean(), *bounds)
        )
    return pd.DataFrame(rows, columns=["begin", "end", "tracks", "slices", "accuracy", "low", "high"])
