"""Every classifier that a baseline tried: how often each is right, what it confuses, how it ranks."""

import numpy as np
import pandas as pd
from markupsafe import Markup

from kgenre.core.metrics import confusion_table, percentile_interval, wilson_interval
from kgenre.core.ranking import Areas, Ranking, macro, resampled_areas
from kgenre.reporting.figures import new_figure
from kgenre.reporting.section import LeftOut, Output
from kgenre.reporting.sections.roc import DRAWN, KINDS, MACRO, MICRO, genre_curves, short
from kgenre.reporting.subject import Subject
from kgenre.reporting.templates import render

THIN = "#9aa1a8"  # the curves of genres, beside those of the averages


def make(subject: Subject, output: Output) -> Markup:
    if not subject.classifiers:
        raise LeftOut("only for results of `kgenre baseline` with several classifiers")
    table = classifiers_table(subject)
    output.table("classifiers", table)
    plots = [
        (name, output.figure(f"classifier-{name}", _figure(subject, name), _alt(row)))
        for name, row in zip(table["classifier"], table.to_dict("records"))
    ]
    several = subject.task.several
    return render("classifiers.html", rows=table.to_dict("records"), plots=plots, several=several)


def classifiers_table(subject: Subject) -> pd.DataFrame:
    """classifier, selected, accuracy (of several genres a track: the macro areas), each with its interval.

    The selected one is first, the others follow by the metric.
    """
    chosen = selected(subject)
    rows = [
        {"classifier": name, "selected": name == chosen, **_metrics(subject, probabilities)}
        for name, probabilities in subject.classifiers.items()
    ]
    main = list(rows[0])[2]
    return pd.DataFrame(rows).sort_values(["selected", main], ascending=False, kind="stable")


def selected(subject: Subject) -> str | None:
    """The name of the classifier that the baseline reports: the best one of the selection; None if it is not told."""
    tried = subject.metrics.get("selection", {}).get("tried", [])
    return tried[0]["classifier"] if tried else None


def _metrics(subject: Subject, probabilities: np.ndarray) -> dict:
    shares, found = subject.shares, {}
    areas = macro([Ranking(truth > 0, own).areas() for truth, own in zip(shares.T, probabilities.T)])
    if not subject.task.several:
        hits = int((subject.task.main(probabilities) == subject.targets).sum())
        low, high = wilson_interval(hits, len(probabilities))
        found = {"accuracy": hits / len(probabilities), "accuracy_low": low, "accuracy_high": high}
    samples = resampled_areas(shares, probabilities, subject.groups)
    for name in reversed(Areas._fields) if subject.task.several else Areas._fields:
        low, high = percentile_interval(samples[name][:, -1]) or (np.nan, np.nan)
        found |= {name: getattr(areas, name), f"{name}_low": low, f"{name}_high": high}
    return found


def _figure(subject: Subject, name: str):
    """Left what is confused, or of several genres a track the precision-recall curves; right the ROC curves."""
    figure, (left, right) = new_figure(5.2, 2.7, columns=2)
    probabilities, shares = subject.classifiers[name], subject.shares
    usable = np.flatnonzero(shares.any(axis=0) & ~shares.all(axis=0))
    usable = np.sort(usable[np.argsort(-shares[:, usable].sum(axis=0), kind="stable")][:DRAWN])
    curves = genre_curves(shares, probabilities, subject.labels, usable)
    if subject.task.several:
        _draw_curves(left, "precision_recall", curves)
    else:
        _draw_confusion(left, subject, probabilities)
    _draw_curves(right, "roc", curves)
    return figure


def _draw_confusion(axes, subject: Subject, probabilities: np.ndarray) -> None:
    labels = list(subject.labels)
    counts = confusion_table(subject.targets, subject.task.main(probabilities), labels).to_numpy()
    axes.pcolormesh(counts / np.maximum(1, counts.sum(axis=1, keepdims=True)), cmap="Blues", vmin=0, vmax=1)
    names = [short(label, 12) for label in labels]
    size = 8 if len(labels) <= 10 else 80 / len(labels)
    ticks = np.arange(len(labels)) + 0.5
    axes.set_xticks(ticks, names, rotation=90, fontsize=size)
    axes.set_yticks(ticks, names, fontsize=size)
    axes.tick_params(length=0)
    axes.set(aspect="equal", ylim=(len(labels), 0))


def _draw_curves(axes, kind: str, curves) -> None:
    title, _, (x, y) = KINDS[kind]
    steps = "steps-pre" if kind == "precision_recall" else "default"
    for name, curve in curves[kind].items():
        if name not in (MICRO, MACRO):
            axes.plot(*curve, color=THIN, lw=0.7, ds=steps)
    axes.plot(*curves[kind][MICRO], color="#2f6fb3", ls=":", lw=1.8, ds=steps, label="micro")
    axes.plot(*curves[kind][MACRO], color="#2f6fb3", lw=1.8, ds=steps, label="macro")
    if kind == "roc":
        axes.plot([0, 1], [0, 1], color="#6b7280", ls="--", lw=0.8)
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.02), xlabel=x, ylabel=y)
    axes.legend(fontsize=8, loc="lower right")


def _alt(row: dict) -> str:
    accuracy = f"accuracy {row['accuracy']:.3f}, " if "accuracy" in row else ""
    return f"{row['classifier']}: {accuracy}macro ROC-AUC {row['roc_auc']:.3f}, macro AP {row['average_precision']:.3f}"
