"""Plots of an evaluation."""

import numpy as np
import pandas as pd

from kgenre.core.figures import new_figure, save_figure
from kgenre.core.text import one_line


def draw_confusion(table: pd.DataFrame, title: str, path) -> None:
    """Draws a confusion table as a PNG: cells are shaded by the share of their row and labelled with the count."""
    counts = table.to_numpy()
    share = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    size = 2.2 + 0.55 * len(table)
    figure, axes = new_figure(size + 0.8, size)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    ticks = range(len(table))
    names = list(map(one_line, table.columns))
    axes.set_xticks(ticks, names, rotation=45, ha="right", parse_math=False)
    axes.set_yticks(ticks, names, parse_math=False)
    for row, column in zip(*counts.nonzero()):
        colour = "white" if share[row, column] > 0.5 else "black"
        axes.text(column, row, str(counts[row, column]), ha="center", va="center", color=colour)
    axes.set(xlabel="predicted genre", ylabel="true genre", title=title)
    save_figure(figure, path)


def draw_average_precision(table: pd.DataFrame, n_tracks: int, title: str, path) -> None:
    """Draws the average precision of genres as a PNG, with intervals and the share of tracks, which chance attains.

    Args:
        table: index genre; average_precision, average_precision_low, average_precision_high, tracks.
        n_tracks: of which `tracks` are a part.
    """
    figure, axes = new_figure(7, 1.4 + 0.28 * len(table))
    rows = np.arange(len(table))[::-1]
    value = table["average_precision"].to_numpy(float)
    bounds = table[["average_precision_low", "average_precision_high"]].to_numpy(float)
    errors = np.clip([value - bounds[:, 0], bounds[:, 1] - value], 0, None)
    axes.errorbar(value, rows, xerr=errors, fmt="o", capsize=2, label="average precision, 95 % interval")
    axes.plot(table["tracks"].to_numpy(float) / n_tracks, rows, "|", color="black", markersize=10, label="chance")
    axes.set_yticks(rows, list(map(one_line, table.index)), parse_math=False)
    axes.set(xlim=(0, 1), title=title)
    axes.grid(axis="x", alpha=0.3)
    axes.legend(loc="lower right", fontsize=8)
    save_figure(figure, path)
