"""Plots of an evaluation."""

import numpy as np
import pandas as pd

from kgenre.core.figures import new_figure, save_figure


def draw_confusion(table: pd.DataFrame, title: str, path) -> None:
    """Draws a confusion table as a PNG: cells are shaded by the share of their row and labelled with the count."""
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
    axes.set(xlabel="predicted genre", ylabel="true genre", title=title)
    save_figure(figure, path)
