"""Robustness: the main metric of a sample of the tracks, altered in ways that leave their genre as it is."""

import pandas as pd
from markupsafe import Markup

from kgenre.audio.inputs import WAVEFORM
from kgenre.evaluation.robustness import MOST_SECONDS, ROWS, Answers, ask_altered, compared, stratified
from kgenre.reporting.figures import BLUE, GREY, new_figure
from kgenre.reporting.section import LeftOut, Output
from kgenre.reporting.subject import Subject
from kgenre.reporting.templates import render

FEWEST = 2  # tracks that an interval can be drawn of
METRICS = {"accuracy": "accuracy", "mean_average_precision": "mAP"}


def make(subject: Subject, output: Output) -> Markup:
    numbers = _sample(subject, output)
    paths, options = list(subject.rows["path"].iloc[numbers]), output.options
    answers = ask_altered(subject.model, paths, options.seed, options.workers, options.decoder, output.progress)
    if len(answers.used) < FEWEST:
        raise LeftOut(f"{len(paths) - len(answers.used)} of {len(paths)} audio files cannot be read any more")
    table = _table(subject, numbers[answers.used], answers, options.seed)
    output.table("robustness", table)
    metric = METRICS[subject.task.metrics[0]]
    figure = output.figure("robustness", _figure(table, metric), f"{metric} of altered tracks, beside the untouched")
    about = {"tracks": len(answers.used), "unread": len(answers.failures), "long": _long(subject, paths)}
    return render("robustness.html", rows=list(table.itertuples()), figure=figure, metric=metric, **about)


def _sample(subject: Subject, output: Output):
    """Numbers of the tracks that are altered."""
    if subject.model is None or not subject.tracks:
        raise LeftOut("it needs a model that answers for audio")
    if subject.model.slice_spec.input != WAVEFORM:
        raise LeftOut("the tracks are spectrograms: there is no audio to alter")
    if output.options.robustness_tracks < 1:
        raise LeftOut("--robustness-tracks 0")
    held = pd.Series(subject.with_slices)
    chosen = stratified(
        subject.task.strata(subject.targets[held]), output.options.robustness_tracks, output.options.seed
    )
    if len(chosen) < FEWEST:
        raise LeftOut(f"it needs {FEWEST} tracks")
    return held.to_numpy()[chosen]


def _table(subject: Subject, numbers, answers: Answers, seed: int) -> pd.DataFrame:
    parts = (subject.targets[numbers], answers.probabilities, subject.groups[numbers])
    found = compared(subject.task, *parts, seed)
    columns = ["kind", "condition", "score", "difference", "difference_low", "difference_high", "same"]
    rows = [
        (
            row.kind,
            row.name,
            one["score"],
            one["difference"],
            *(one["difference_interval_95"] or (None, None)),
            one["same"],
        )
        for row, one in zip(ROWS, found)
    ]
    return pd.DataFrame(rows, columns=columns)


def _long(subject: Subject, paths: list[str]) -> int:
    """How many of the tracks are longer than what is asked for of one."""
    return sum(subject.tracks[path].seconds > MOST_SECONDS for path in paths)


def _figure(table: pd.DataFrame, metric: str):
    base, altered = table["score"][0], table[1:]
    figure, axes = new_figure(8, 0.22 * len(altered) + 0.9)
    places = range(len(altered))
    axes.axvline(0, color=GREY, lw=1, ls="--")
    axes.hlines(places, altered["difference_low"], altered["difference_high"], color=BLUE, lw=2, alpha=0.5)
    axes.plot(altered["difference"], places, "o", color=BLUE, ms=5)
    axes.set_yticks(places, [f"{row.kind}, {row.condition}" for row in altered.itertuples()], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel(f"{metric} beside the {base:.3f} of the untouched tracks, with 95 % interval")
    axes.grid(axis="x", alpha=0.3)
    return figure
