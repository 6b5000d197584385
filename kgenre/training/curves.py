"""Plots of a training: loss and main metric over the epochs."""

import pandas as pd

from kgenre.core.figures import new_figure, save_figure


def draw_curves(history: pd.DataFrame, path, metric: str) -> None:
    """Draws loss and main metric, a column named `metric`, over the epochs as a PNG."""
    figure, (left, right) = new_figure(9, 3.6, columns=2)
    draw_loss(left, history)
    draw_metric(right, history, metric)
    save_figure(figure, path)


def draw_loss(axes, history: pd.DataFrame) -> None:
    axes.plot(history["epoch"], history["loss"], label="train, slices")
    axes.plot(history["epoch"], history["valid_loss"], label="valid, tracks")
    axes.set(ylabel="loss")
    _finish(axes)


def draw_metric(axes, history: pd.DataFrame, metric: str) -> None:
    """The main metric, and the epoch that was kept."""
    axes.plot(history["epoch"], history[metric], label="train, slices")
    axes.plot(history["epoch"], history[f"valid_{metric}"], label="valid, tracks")
    best = history.loc[history["best"]].iloc[-1]
    axes.plot(best["epoch"], best[f"valid_{metric}"], "ko", label="kept")
    axes.set(ylabel=metric.replace("_", " "), ylim=(0, 1))
    _finish(axes)


def _finish(axes) -> None:
    axes.set(xlabel="epoch")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.3)
    axes.legend()
