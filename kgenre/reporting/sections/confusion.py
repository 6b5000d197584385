"""Which genres are taken for which: the confusion matrix, or of several genres a track what is right, missed, added."""

import numpy as np
import pandas as pd
from markupsafe import Markup

from kgenre.core.metrics import confusion_table
from kgenre.evaluation.plots import draw_confusion
from kgenre.reporting.section import Output
from kgenre.reporting.subject import Subject
from kgenre.reporting.templates import render

PARTS = {  # of several genres a track: by (the track has it, it is predicted)
    "right": (True, True),
    "missed": (True, False),
    "wrongly added": (False, True),
}


def make(subject: Subject, output: Output) -> Markup:
    return _parts(subject, output) if subject.task.several else _matrix(subject, output)


def _matrix(subject: Subject, output: Output) -> Markup:
    labels, targets, answers = subject.labels, subject.targets, subject.main
    table = confusion_table(targets, answers, list(labels))
    output.table("confusion", table.reset_index(allow_duplicates=True))
    title = f"{subject.metrics['accuracy']:.1%} of {len(targets)} tracks"
    draw_confusion(table, title, output.folder / "confusion.png")
    rows = []
    for i, label in enumerate(labels):
        own = np.flatnonzero(targets == i)
        cells = [
            {
                "numbers": (numbers := own[answers[own] == j].tolist()),
                "share": len(numbers) / max(1, len(own)),
                "title": f"{label}, predicted {other}: {len(numbers)} tracks",
            }
            for j, other in enumerate(labels)
        ]
        rows.append({"genre": label, "cells": cells, "tracks": len(own)})
    return render("confusion.html", labels=labels, rows=rows)


def _parts(subject: Subject, output: Output) -> Markup:
    there, chosen = subject.shares > 0, subject.task.chosen(subject.probabilities)
    rows = []
    for i in np.argsort(-there.sum(axis=0), kind="stable"):
        numbers = {
            name: np.flatnonzero((there[:, i] == has) & (chosen[:, i] == is_predicted)).tolist()
            for name, (has, is_predicted) in PARTS.items()
        }
        rows.append({"genre": subject.labels[i], "tracks": int(there[:, i].sum()), **numbers})
    lengths = [{name: len(x) if isinstance(x, list) else x for name, x in row.items()} for row in rows]
    output.table("right_missed_added", pd.DataFrame(lengths))
    most = max(len(row[name]) for row in rows for name in PARTS)
    return render("confusion_several.html", rows=rows, parts=list(PARTS), most=max(1, most))
