"""Accuracy by the length of tracks, by the number of slices averaged, and by where in the track a slice lies."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from markupsafe import Markup

from kgenre.evaluation.accuracy_by import accuracy_by_duration, accuracy_by_position, score_by_slices
from kgenre.reporting.figures import BLUE, RED, new_figure
from kgenre.reporting.section import LeftOut, Output
from kgenre.reporting.song_figures import clock
from kgenre.reporting.subject import Subject
from kgenre.reporting.templates import render

SIZE = 4.4, 3.2  # inches: on a phone its text keeps its size
ALIKE = 0.1  # of the median length: lengths that differ by less show nothing


def make(subject: Subject, output: Output) -> Markup:
    if not subject.with_slices:
        raise LeftOut("the tracks were answered without slices")
    tracks = [subject.tracks[subject.rows["path"].iloc[number]] for number in subject.with_slices]
    seconds, slices = np.array([track.seconds for track in tracks]), [track.probabilities for track in tracks]
    several, most = subject.task.several, max(map(len, slices))
    figures, missing = {}, []
    if np.ptp(np.quantile(seconds, (0.05, 0.95))) > ALIKE * np.median(seconds):
        table = accuracy_by_duration(seconds, subject.right[subject.with_slices])
        output.table("accuracy_by_duration", table)
        figures["by length"] = output.figure("accuracy_by_duration", by_duration(table), "Accuracy by length of tracks")
    else:
        missing.append(f"by length: the tracks are about equally long ({np.median(seconds):.1f} s)")
    if most > 1:
        groups = subject.groups[subject.with_slices]
        table = score_by_slices(slices, subject.targets[subject.with_slices], subject.task, groups, output.options.seed)
        output.table("score_by_slices", table)
        metric = "mAP" if several else "accuracy"
        figures["by number of slices averaged"] = output.figure(
            "score_by_slices", by_slices(table, metric), f"{metric} by number of slices averaged"
        )
        table = accuracy_by_position(
            slices, subject.shares[subject.with_slices], subject.task, groups, seed=output.options.seed
        )
        output.table("accuracy_by_position", table)
        figures["by position of a slice"] = output.figure(
            "accuracy_by_position", by_position(table), "Accuracy of single slices by their position in the track"
        )
    else:
        missing.append("by slices: every track is one slice")
    if not figures:
        raise LeftOut("; ".join(missing))
    return render("durations.html", figures=figures, missing=missing, several=several)


def by_duration(table: pd.DataFrame):
    figure, axes = _axes("accuracy", "length of the track (a fifth of the tracks each)")
    _points(axes, table, np.arange(len(table)), "accuracy", BLUE)
    unit = clock if table["longest"].max() >= 120 else "{:.0f} s".format
    axes.set_xticks(
        range(len(table)), [f"{unit(a)}\nto {unit(b)}" for a, b in table[["shortest", "longest"]].to_numpy()]
    )
    axes.set_xlim(-0.5, len(table) - 0.5)
    return figure


def by_slices(table: pd.DataFrame, metric: str):
    figure, axes = _axes(metric, "slices averaged")
    for (way, rows), colour, offset in zip(table.groupby("way", sort=False), (BLUE, RED), (-0.08, 0.08)):
        _points(axes, rows, np.arange(len(rows)) + offset, "score", colour, way, "-")
    numbers = rows["slices"].tolist()
    axes.set_xticks(range(len(numbers)), [*map(str, numbers[:-1]), f"all\n(to {numbers[-1]})"])
    axes.legend(loc="lower right", fontsize=9)
    return figure


def by_position(table: pd.DataFrame):
    figure, axes = _axes("accuracy of single slices", "where in the track")
    middle = (table["begin"] + table["end"]).to_numpy() / 2
    _points(axes, table, middle, "accuracy", BLUE, style="o-")
    axes.set_xlim(0, 1)
    axes.set_xticks((0, 0.5, 1), ("begin", "middle", "end"))
    return figure


def _axes(y: str, x: str):
    figure, axes = new_figure(*SIZE)
    axes.set(ylim=(0, 1.02), ylabel=y, xlabel=x)
    axes.grid(axis="y", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    if "accuracy" in y:
        axes.yaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
    return figure, axes


def _points(axes, table: pd.DataFrame, x: Sequence[float], name: str, colour: str, label=None, style: str = "") -> None:
    value, bounds = table[name].to_numpy(), table[["low", "high"]].to_numpy(float)
    errors = np.clip([value - bounds[:, 0], bounds[:, 1] - value], 0, None)
    line = {"fmt": f"o{style.strip('o')}", "color": colour, "markersize": 5, "capsize": 3, "elinewidth": 1.2}
    axes.errorbar(x, value, yerr=errors, label=label, **line)
