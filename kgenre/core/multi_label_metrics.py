"""Metrics of a multi-label classifier at track level, as pure functions of the answers."""

import numpy as np

from kgenre.core.metrics import mean_of_defined, percentile_interval

RESAMPLES = 200  # of the tracks, for the intervals


def mean_average_precision(targets: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean over labels of the area under the precision-recall curve, as average precision; also: macro PR-AUC.

    Args:
        targets: 0 or 1, (tracks, labels). Labels that no track has are left out.
        probabilities: float (tracks, labels).

    Returns:
        In [0, 1]; NaN where no track has a label.
    """
    return mean_of_defined(_average_precisions(targets, probabilities))


def multi_label_metrics(
    targets: np.ndarray, probabilities: np.ndarray, chosen: np.ndarray, labels: list[str], seed: int = 0
) -> dict:
    """Metrics of track-level probabilities, and of the labels that were chosen by them.

    Args:
        targets: 0 or 1, (tracks, labels); at least one track.
        probabilities: float (tracks, labels).
        chosen: bool (tracks, labels), the answers.
        labels: names of the labels.
        seed: of the resampling.

    Returns:
        Plain Python numbers, as JSON takes them; None where a metric is not defined:
        tracks: number of tracks.
        mean_average_precision: as the function above.
        macro_roc_auc: mean over labels of the area under the ROC curve.
        micro_f1, macro_f1: F1 of the answers over all pairs of track and label; mean of the labels' F1.
        genres_per_track: mean number of labels: true, and predicted.
        NAME_interval_95: of each of the four, from RESAMPLES bootstrap samples of the tracks.
        per_genre: {label: {average_precision, roc_auc, precision, recall, f1, tracks}}, with intervals of the first
            two.
    """
    per_label = _per_label(targets, probabilities)
    metrics = _overall(targets, chosen, per_label)
    samples = _resampled(targets, probabilities, chosen, seed)
    intervals = {f"{name}_interval_95": percentile_interval([one[name] for one, _ in samples]) for name in metrics}
    return {
        "tracks": len(targets),
        **{name: _plain(value) for name, value in metrics.items()},
        **intervals,
        "genres_per_track": {"true": float(targets.sum(1).mean()), "predicted": float(chosen.sum(1).mean())},
        "per_genre": _rows(targets, chosen, labels, per_label, [one for _, one in samples]),
    }


def best_threshold(truth: np.ndarray, probabilities: np.ndarray) -> float:
    """The threshold of the highest F1, 0 or 1 (n,) against float (n,); of several the highest; 0.5 without a 1."""
    from sklearn.metrics import precision_recall_curve

    if not truth.any():
        return 0.5
    precision, recall, thresholds = precision_recall_curve(truth, probabilities)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    return float(thresholds[len(thresholds) - 1 - f1[:-1][::-1].argmax()])


def _overall(targets: np.ndarray, chosen: np.ndarray, per_label: dict[str, np.ndarray]) -> dict[str, float]:
    from sklearn.metrics import f1_score

    present = targets.any(axis=0) | chosen.any(axis=0)
    return {
        "mean_average_precision": mean_of_defined(per_label["average_precision"]),
        "macro_roc_auc": mean_of_defined(per_label["roc_auc"]),
        "micro_f1": float(f1_score(targets, chosen, average="micro", zero_division=0.0)),
        "macro_f1": float(f1_score(targets[:, present], chosen[:, present], average="macro", zero_division=0.0)),
    }


def _per_label(targets: np.ndarray, probabilities: np.ndarray) -> dict[str, np.ndarray]:
    """Average precision and ROC-AUC of each label, (labels,); NaN where they are not defined."""
    return {
        "average_precision": _average_precisions(targets, probabilities),
        "roc_auc": _roc_aucs(targets, probabilities),
    }


def _average_precisions(targets: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Of each label, (labels,); NaN where no track has it."""
    from sklearn.metrics import average_precision_score

    found = np.full(targets.shape[1], np.nan)
    for label in np.flatnonzero(targets.any(axis=0)):
        found[label] = average_precision_score(targets[:, label], probabilities[:, label])
    return found


def _roc_aucs(targets: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Of each label, (labels,); NaN where no track, or every track, has it."""
    from sklearn.metrics import roc_auc_score

    found = np.full(targets.shape[1], np.nan)
    for label in np.flatnonzero(targets.any(axis=0) & ~targets.all(axis=0)):
        found[label] = roc_auc_score(targets[:, label], probabilities[:, label])
    return found


def _resampled(targets, probabilities, chosen, seed: int) -> list[tuple[dict, dict]]:
    """The metrics of all labels and of each, of tracks drawn with replacement."""
    rng, samples = np.random.default_rng(seed), []
    for _ in range(RESAMPLES):
        rows = rng.integers(len(targets), size=len(targets))
        per_label = _per_label(targets[rows], probabilities[rows])
        samples.append((_overall(targets[rows], chosen[rows], per_label), per_label))
    return samples


def _rows(targets, chosen, labels: list[str], per_label: dict, samples: list[dict]) -> dict:
    from sklearn.metrics import precision_recall_fscore_support

    columns = precision_recall_fscore_support(targets, chosen, zero_division=0.0)
    return {
        label: {
            **{name: _plain(values[i]) for name, values in per_label.items()},
            **{f"{name}_interval_95": percentile_interval([one[name][i] for one in samples]) for name in per_label},
            **{name: float(column[i]) for name, column in zip(("precision", "recall", "f1", "tracks"), columns)},
        }
        for i, label in enumerate(labels)
    }


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
