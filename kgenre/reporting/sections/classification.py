"""The classification report: precision, recall and F1 of each genre, and what its ranking of tracks is worth."""

import pandas as pd
from markupsafe import Markup

from kgenre.core.metrics import f1_intervals, wilson_interval
from kgenre.core.ranking import RESAMPLES
from kgenre.reporting.section import Output
from kgenre.reporting.subject import Subject
from kgenre.reporting.templates import render

COLUMNS = {  # of metrics.json's per_genre, in the order of the page; which of them there are, the task says
    "average_precision": "AP",
    "roc_auc": "ROC-AUC",
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
}


def make(subject: Subject, output: Output) -> Markup:
    table = classification_table(subject)
    output.table("classification_report", table)
    heads = {name: title for name, title in COLUMNS.items() if name in table}
    return render(
        "classification.html",
        heads=heads,
        rows=table.to_dict("records"),
        several=subject.task.several,
        resamples=RESAMPLES,
        by_artist=len(set(subject.groups)) < len(subject.groups),
    )


def classification_table(subject: Subject) -> pd.DataFrame:
    """genre, tracks, and NAME, NAME_low, NAME_high of each metric; of several genres a track the most frequent first.

    The metrics are those of metrics.json.
    """
    task = subject.task
    targets, chosen = subject.shares > 0, task.chosen(subject.probabilities)
    right, found, there = ((part.sum(axis=0)) for part in (targets & chosen, chosen, targets))
    f1 = f1_intervals(targets, chosen, subject.groups, RESAMPLES)
    rows = []
    for i, label in enumerate(task.labels):
        own = subject.metrics["per_genre"][label]
        intervals = {
            "precision": wilson_interval(int(right[i]), int(found[i])) if found[i] else None,
            "recall": wilson_interval(int(right[i]), int(there[i])) if there[i] else None,
            "f1": f1[i] if found[i] + there[i] else None,
        }
        row = {"genre": label, "tracks": int(own["tracks"]), "predicted": int(found[i])}
        for name in COLUMNS:
            if name not in own:
                continue
            bounds = intervals[name] if name in intervals else own[f"{name}_interval_95"]
            defined = name not in intervals or bounds is not None
            low, high = bounds or (None, None)
            if low == high:  # of samples that are all alike, as of one artist: it would look as if it were certain
                low = high = None
            row |= {name: own[name] if defined else None, f"{name}_low": low, f"{name}_high": high}
        rows.append(row)
    table = pd.DataFrame(rows)
    return table.sort_values("tracks", ascending=False, kind="stable") if task.several else table
