"""ROC and precision-recall curves of the genres, and the areas under them."""

import numpy as np
import pandas as pd
from markupsafe import Markup

from kgenre.core.metrics import percentile_interval
from kgenre.core.ranking import (
    RESAMPLES,
    Areas,
    Curve,
    Ranking,
    macro,
    mean_precision_recall_curve,
    mean_roc_curve,
    precision_recall_curve,
    resampled_areas,
    roc_curve,
    thinned,
)
from kgenre.core.text import one_line
from kgenre.reporting.figures import new_figure
from kgenre.reporting.section import LeftOut, Output
from kgenre.reporting.subject import Subject
from kgenre.reporting.templates import render

DRAWN = 16  # genres of a figure, the most frequent ones
MICRO, MACRO = "micro average", "macro average"
KINDS = {  # name: title, area, axes
    "roc": ("ROC", "roc_auc", ("false positive rate", "true positive rate")),
    "precision_recall": ("Precision-recall", "average_precision", ("recall", "precision")),
}


def make(subject: Subject, output: Output) -> Markup:
    shares = subject.shares
    usable = np.flatnonzero(shares.any(axis=0) & ~shares.all(axis=0))
    if not len(usable):
        raise LeftOut("every evaluated track has the same genres, so that nothing is to be ranked")
    table = areas_table(subject)
    output.table("areas", table)
    drawn = usable[np.argsort(-shares[:, usable].sum(axis=0), kind="stable")][:DRAWN]
    curves = genre_curves(shares, subject.probabilities, subject.labels, usable)
    points = [
        pd.DataFrame({"curve": kind, "of": name, "x": thin.x, "y": thin.y})
        for kind, of in curves.items()
        for name, curve in of.items()
        for thin in [thinned(curve)]
    ]
    output.table("curves", pd.concat(points))
    names = [subject.labels[i] for i in sorted(drawn)]
    plots = [output.figure(kind, _figure(kind, curves[kind], names, table), _alt(kind, table)) for kind in curves]
    return render(
        "roc.html",
        plots=plots,
        rows=table.to_dict("records"),
        left_out=len(usable) - len(drawn),
        resamples=RESAMPLES,
        perfect=bool((table["roc_auc_low"] == 1).any()),
        by_artist=len(set(subject.groups)) < len(subject.groups),
    )


def genre_curves(shares: np.ndarray, scores: np.ndarray, labels, usable) -> dict[str, dict[str, Curve]]:
    """{kind: {name: curve}} of the `usable` numbers of labels, then micro and macro average.

    Args:
        shares: 0 or 1, (tracks, labels). scores: float (tracks, labels).
    """
    found = {}
    for kind, curve_of, mean in (
        ("roc", roc_curve, mean_roc_curve),
        ("precision_recall", precision_recall_curve, mean_precision_recall_curve),
    ):
        curves = {labels[i]: curve_of(shares[:, i] > 0, scores[:, i]) for i in usable}
        averages = {MICRO: curve_of(shares.ravel() > 0, scores.ravel()), MACRO: mean(list(curves.values()))}
        found[kind] = {**curves, **averages}
    return found


def areas_table(subject: Subject) -> pd.DataFrame:
    """genre, tracks, chance (its average precision), and both areas with their intervals.

    A row for each genre, then for the micro and the macro average.
    """
    shares, scores = subject.shares, subject.probabilities
    samples = resampled_areas(shares, scores, subject.groups)
    areas = [Ranking(truth > 0, own).areas() for truth, own in zip(shares.T, scores.T)]
    areas = [*areas, Ranking(shares.ravel() > 0, scores.ravel()).areas(), macro(areas)]
    tracks = shares.sum(axis=0)
    has = tracks > 0
    chance = [*tracks / len(shares), shares.mean(), tracks[has].mean() / len(shares)]
    rows = []
    for i, name in enumerate([*subject.labels, MICRO, MACRO]):
        n = int(tracks[i]) if i < len(tracks) else len(shares)
        row = {"genre": name, "tracks": n, "chance": chance[i]}
        for kind in Areas._fields:
            low, high = percentile_interval(samples[kind][:, i]) or (np.nan, np.nan)
            row |= {kind: getattr(areas[i], kind), f"{kind}_low": low, f"{kind}_high": high}
        rows.append(row)
    return pd.DataFrame(rows)


def draw_curves(axes, kind: str, curves: dict[str, Curve], names: list[str], texts: dict[str, str], chance: float):
    """Curves of the genres, thin, and of the averages, thick; the line of chance.

    Args:
        curves: {name: curve}. names: of the genres that are drawn. texts: {name: what the key says}.
        chance: the average precision of chance over all pairs of track and genre.
    """
    steps = "steps-pre" if kind == "precision_recall" else "default"
    for number, name in enumerate(names):
        x, y = thinned(curves[name])
        style = "-" if number < 8 else (0, (5, 2))
        axes.plot(x, y, color=f"C{number % 8 + (number % 8 > 6)}", ls=style, lw=1.1, ds=steps, label=texts[name])
    for name, style in ((MICRO, ":"), (MACRO, "-")):
        axes.plot(*thinned(curves[name]), color="black", ls=style, lw=2, ds=steps, label=texts[name])
    ends = ([0, 1], [0, 1]) if kind == "roc" else ([0, 1], [chance, chance])
    axes.plot(*ends, color="#6b7280", ls="--", lw=1, label="chance")
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.02))
    axes.grid(alpha=0.3)


def _figure(kind: str, curves: dict[str, Curve], names: list[str], table: pd.DataFrame):
    title, area, (x, y) = KINDS[kind]
    areas = dict(zip(table["genre"], table[area]))  # the averages come last, and win over a genre of their name
    texts = {name: f"{short(name).lstrip('_')} {areas[name]:.2f}" for name in [*names, MICRO, MACRO]}
    lines = -(-(len(names) + 3) // 2)
    figure, axes = new_figure(4.8, 4.3 + 0.2 * lines)
    draw_curves(axes, kind, curves, names, texts, float(table["chance"].iloc[-2]))
    axes.set(xlabel=x, ylabel=y, title=title)
    figure.legend(loc="outside lower center", ncols=2, fontsize=9, frameon=False, handlelength=1.8)
    return figure


def short(name: str, most: int = 20) -> str:
    """A name that a figure has room for and can write: at most so many characters."""
    name = one_line(name)
    return name if len(name) <= most else f"{name[: most - 1]}…"


def _alt(kind: str, table: pd.DataFrame) -> str:
    title, area, _ = KINDS[kind]
    micro, mean = table[area].iloc[-2:]
    return f"{title} curves by genre; macro average of the area {mean:.3f}, micro {micro:.3f}"
