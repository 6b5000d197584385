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


def draw_confusion(table: pd.DataFrame, title: str, path) -> None:
    """Draws the confusion table as a PNG: shade is the share of the true genre, numbers are tracks."""
    counts = table.to_numpy()
    share = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    size = 2.2 + 0.55 * len(table)
    figure, axes = new_figure(size + 0.8, size)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    ticks = range(len(table))
    axes.set_xticks(ticks, table.columns, rotation=45, ha="right")
    axes.set_yticks(ticks, table.index)
    for row, column in zip(*counts.nonzero()):
        colour = "white" if share[row, column] > 0.5 else "black"
        axes.text(column, row, str(counts[row, column]), ha="center", va="center", color=colour)
    axes.set(xlabel="named by the model", ylabel="true genre", title=title)
    save_figure(figure, path)


def draw_curves(history: pd.DataFrame, path) -> None:
    """Draws loss and accuracy over the epochs as a PNG."""
    figure, (left, right) = new_figure(9, 3.6, columns=2)
    left.plot(history["epoch"], history["loss"], label="train, slices")
    left.plot(history["epoch"], history["valid_loss"], label="valid, tracks")
    right.plot(history["epoch"], history["accuracy"], label="train, slices")
    right.plot(history["epoch"], history["valid_accuracy"], label="valid, tracks")
    best = history.loc[history["best"]].iloc[-1]
    right.plot(best["epoch"], best["valid_accuracy"], "ko", label="kept")
    left.set(xlabel="epoch", ylabel="cross-entropy")
    right.set(xlabel="epoch", ylabel="accuracy", ylim=(0, 1))
    for axes in (left, right):
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
        axes.legend()
    save_figure(figure, path)


def new_figure(width: float, height: float, columns: int = 1, rows: int = 1):
    """A figure that needs no display, and its axes; not pyplot's, which keeps global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns)


def save_figure(figure, path) -> None:
    from kgenre.run import write_beside

    write_beside(path, lambda part: figure.savefig(part, dpi=110))
