"""Figures at track level: accuracy with its interval, F1, confusion, and the pictures of them."""

import numpy as np
import pandas as pd


def wilson_interval(hits: int, n: int) -> tuple[float, float]:
    """95 % interval of a share by Wilson's score; tracks are taken as independent."""
    from scipy.stats import binomtest

    interval = binomtest(hits, n).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)


def track_metrics(truth: np.ndarray, probabilities: np.ndarray, labels: list[str]) -> dict:
    """Metrics of track-level probabilities.

    Args:
        truth: int (tracks,), label numbers.
        probabilities: float (tracks, classes).
        labels: names of the classes.

    Returns:
        tracks, accuracy, accuracy_interval_95, balanced_accuracy (mean recall of the genres in `truth`),
        macro_f1 (of the genres in `truth` or among the answers), top3_accuracy, log_loss, and per_genre
        with precision, recall, f1, tracks.
    """
    from sklearn.metrics import precision_recall_fscore_support

    answer = probabilities.argmax(axis=1)
    hits = int((answer == truth).sum())
    present = np.union1d(truth, answer)
    columns = precision_recall_fscore_support(truth, answer, labels=np.arange(len(labels)), zero_division=0.0)
    own = probabilities[np.arange(len(truth)), truth]
    first = np.argsort(-probabilities, axis=1, kind="stable")[:, :3]  # of equal ones the first, as argmax takes it
    names = ("precision", "recall", "f1", "tracks")
    return {
        "tracks": len(truth),
        "accuracy": hits / len(truth),
        "accuracy_interval_95": wilson_interval(hits, len(truth)),
        "balanced_accuracy": float(columns[1][np.unique(truth)].mean()),
        "macro_f1": float(columns[2][present].mean()),
        "top3_accuracy": float((first == truth[:, None]).any(axis=1).mean()),
        "log_loss": float(-np.log(np.maximum(own, 1e-12)).mean()),
        "per_genre": {
            label: {name: float(column[i]) for name, column in zip(names, columns)} for i, label in enumerate(labels)
        },
    }


def confusion_table(truth: np.ndarray, answer: np.ndarray, labels: list[str]) -> pd.DataFrame:
    """Tracks by true genre (rows) and named genre (columns)."""
    from sklearn.metrics import confusion_matrix

    counts = confusion_matrix(truth, answer, labels=np.arange(len(labels)))
    return pd.DataFrame(counts, index=pd.Index(labels, name="genre"), columns=labels)
