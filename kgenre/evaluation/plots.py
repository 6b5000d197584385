"""Figures at track level: accuracy with its interval, F1, confusion, and the pictures of them."""

import numpy as np
import pandas as pd

from kgenre.core.figures import new_figure, save_figure


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
