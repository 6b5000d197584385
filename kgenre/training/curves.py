"""Plots of a training: loss and main metric over the epochs."""

import pandas as pd

from kgenre.core.figures import new_figure, save_figure


def draw_curves(history: pd.DataFrame, path, metric: str) -> None:
    """Draws loss and main metric, a column named `metric`, over the epochs as a PNG."""
    figure, (left, right) = new_figure(9, 3.6, columns=2)
    left.plot(history["epoch"], history["loss"], label="train, slices")
    left.plot(history["epoch"], history["valid_loss"], label="valid, tracks")
    right.plot(history["epoch"], history[metric], label="train, slices")
    right.plot(history["epoch"], history[f"valid_{metric}"], label="valid, tracks")
    best = history.loc[history["best"]].iloc[-1]
    right.plot(best["epoch"], best[f"valid_{metric}"], "ko", label="kept")
    left.set(xlabel="epoch", ylabel="loss")
    right.set(xlabel="epoch", ylabel=metric.replace("_", " "), ylim=(0, 1))
    for axes in (left, right):
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
        axes.legend()
    save_figure(figure, path)
