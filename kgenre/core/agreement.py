"""How well one model's answers agree with another's, at track level, as pure functions of the answers."""

from typing import NamedTuple

import numpy as np

from kgenre.core.metrics import group_samples, mean_of_defined, percentile_interval

RESAMPLES = 300


class Answers(NamedTuple):
    """Of tracks, in one order: embeddings (tracks, d), standardised, and probabilities (tracks, labels)."""

    embeddings: np.ndarray
    probabilities: np.ndarray

    def of(self, rows) -> "Answers":
        return Answers(self.embeddings[rows], self.probabilities[rows])


def explained(truth: np.ndarray, found: np.ndarray) -> np.ndarray:
    """R2 of each column, 1 - squared error / squared deviation from the truth's mean: (n, d) -> (d,).

    NaN of a column that does not vary.
    """
    error, deviation = _squares(truth, found)
    return np.where(deviation > 0, 1 - error / np.where(deviation > 0, deviation, 1), np.nan)


def explained_together(truth: np.ndarray, found: np.ndarray) -> float:
    """R2 of all columns together, each weighted by its variance; NaN where none varies.

    The mean of the columns' own would be decided by those that hardly vary among the rows.
    """
    error, deviation = (squares.sum() for squares in _squares(truth, found))
    return float(1 - error / deviation) if deviation > 0 else float("nan")


def _squares(truth: np.ndarray, found: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sums of each column: of squared errors, and of squared deviations from the truth's mean."""
    truth, found = truth.astype("float64"), found.astype("float64")
    return ((truth - found) ** 2).sum(axis=0), ((truth - truth.mean(axis=0)) ** 2).sum(axis=0)


def cosines(truth: np.ndarray, found: np.ndarray) -> np.ndarray:
    """The cosine of the angle between the rows, (n,); 0 where one is of zeros."""
    lengths = np.linalg.norm(truth, axis=1) * np.linalg.norm(found, axis=1)
    return (truth * found).sum(axis=1) / np.where(lengths > 0, lengths, np.inf)


def correlations(truth: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Pearson's correlation of each column, (n, d) -> (d,); NaN of one that does not vary."""
    one, other = (part.astype("float64") - part.mean(axis=0, dtype="float64") for part in (truth, found))
    lengths = np.linalg.norm(one, axis=0) * np.linalg.norm(other, axis=0)
    return np.where(lengths > 0, (one * other).sum(axis=0) / np.where(lengths > 0, lengths, 1), np.nan)


def agreement(truth: Answers, found: Answers) -> dict[str, float]:
    """How well answers agree; NaN where a measure is not defined.

    Returns:
        r2: of the embedding's values together. r2_median: of each by itself. cosine: mean over tracks.
        correlation: mean over labels. difference: mean absolute one of probabilities.
    """
    return {
        "r2": explained_together(truth.embeddings, found.embeddings),
        "r2_median": _median(explained(truth.embeddings, found.embeddings)),
        "cosine": mean_of_defined(cosines(truth.embeddings, found.embeddings)),
        "correlation": mean_of_defined(correlations(truth.probabilities, found.probabilities)),
        "difference": mean_of_defined(np.abs(truth.probabilities - found.probabilities).ravel()),
    }


def intervals(truth: Answers, found: Answers, groups: np.ndarray, seed: int = 0) -> dict[str, list[float] | None]:
    """95 % intervals of `agreement`, from RESAMPLES bootstrap samples of whole groups (tracks,); None of one group."""
    if len(set(groups)) < 2:
        return dict.fromkeys(agreement(truth, found))
    drawn = group_samples(groups, RESAMPLES, seed)
    samples = [agreement(truth.of(rows), found.of(rows)) for rows in drawn]
    return {name: percentile_interval([sample[name] for sample in samples]) for name in samples[0]}


def _median(values: np.ndarray) -> float:
    return float(np.nanmedian(values)) if not np.isnan(values).all() else float("nan")
