"""The picture of the ladder."""

import pandas as pd

from kgenre.core.figures import new_figure, save_figure
from kgenre.evaluation.leak.rungs import RUNGS

LEAKY, HONEST = "#d1495b", "#1f6f8b"


def draw_ladder(table: pd.DataFrame, chance: float, title: str, path) -> None:
    """Draws track accuracy (dot, 95 % interval) and slice accuracy (tick) of each rung as a PNG.

    Args:
        table: of Ladder.table.
        chance: accuracy of a random guess.
        title: above the plot.
    """
    figure, axes = new_figure(9.2, 1.7 + 0.62 * len(table))
    axes.axvline(100 * chance, color="0.55", linestyle=":", linewidth=1.2, zorder=1)
    axes.text(100 * chance + 0.7, len(table) - 0.45, "chance", color="0.45", fontsize=8, va="center")
    for place, row in zip(range(len(table) - 1, -1, -1), table.to_dict("records")):
        _draw_rung(axes, place, row)
    axes.set_yticks(range(len(table) - 1, -1, -1), [RUNGS[name].title for name in table["rung"]], fontsize=10)
    for label, leaky in zip(axes.get_yticklabels(), table["leaky"]):
        label.set_color(LEAKY if leaky else HONEST)
    axes.set(xlim=(0, 101), ylim=(-0.6, len(table) - 0.2), xlabel="accuracy in %")
    axes.set_title(title, loc="left", fontsize=11, parse_math=False)
    axes.grid(axis="x", color="0.92")
    axes.set_axisbelow(True)
    axes.tick_params(length=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    _draw_legend(axes)
    save_figure(figure, path)


def _draw_rung(axes, place: int, row: dict) -> None:
    colour, share = LEAKY if row["leaky"] else HONEST, 100 * row["track_accuracy"]
    axes.plot(
        [100 * row["track_low"], 100 * row["track_high"]], [place, place], color=colour, linewidth=2.4, alpha=0.45
    )
    axes.plot(100 * row["slice_accuracy"], place, "|", color=colour, markersize=13, markeredgewidth=1.8)
    axes.plot(share, place, "o", color=colour, markersize=9, zorder=3)
    axes.text(share, place + 0.24, f"{share:.1f}", color=colour, fontsize=9, ha="center", weight="bold")
    axes.text(1.02, place + 0.1, _shared(row), transform=axes.get_yaxis_transform(), fontsize=8.5, va="center")
    counts = f"{row['tracks']} tracks, {row['slices']} slices"
    axes.text(1.02, place - 0.17, counts, transform=axes.get_yaxis_transform(), fontsize=8, va="center", color="0.45")


def _shared(row: dict) -> str:
    """What training and test share."""
    if row["track_overlap"]:
        return f"{row['track_overlap']:.0%} are of trained tracks"
    if row["artist_overlap"] and not pd.isna(row["artist_overlap"]):
        return f"{row['artist_overlap']:.0%} are by trained artists"
    if row["leaky"]:
        return row["leaks"]
    return "artists unknown" if pd.isna(row["artist_overlap"]) else "no shared artists"


def _draw_legend(axes) -> None:
    from matplotlib.lines import Line2D

    def marker(name: str, colour: str, symbol: str, **options):
        return Line2D([], [], color=colour, marker=symbol, linestyle="", label=name, **options)

    handles = [
        marker("leaky", LEAKY, "o", markersize=8),
        marker("honest", HONEST, "o", markersize=8),
        marker("of slices", "0.4", "|", markersize=11, markeredgewidth=1.8),
        Line2D([], [], color="0.4", linewidth=2.4, alpha=0.5, label="95 % interval"),
    ]
    axes.figure.legend(handles=handles, ncols=4, frameon=False, fontsize=8.5, loc="outside lower center")
