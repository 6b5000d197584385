"""The predictions of all folds together: each track is answered once, by the fold that was not trained on it."""

import numpy as np
import pandas as pd

from kgenre.core.errors import KgenreError
from kgenre.evaluation.predictions import Predictions, read_predictions
from kgenre.model.tasks import make_task
from kgenre.training.run import Run, resume_command


def has_folds(run: Run) -> bool:
    """Whether it is the folder of a cross-validation, which has no model of its own."""
    return run.begun and bool(run.load_facts().get("folds"))


def pooled_predictions(run: Run) -> Predictions:
    """The predictions of fold-1 to fold-K, and the metrics of all of them.

    Thresholds of several genres differ by fold: their mean is taken.

    Raises:
        KgenreError: a fold is not finished.
    """
    facts = run.load_facts()
    folds = [run / f"fold-{number}" for number in range(1, facts["folds"] + 1)]
    if unfinished := [folder.name for folder in folds if not Run(folder).finished]:
        raise KgenreError(f"{run.folder}: not finished: {', '.join(unfinished)}. `{resume_command(run.folder)}`.")
    parts = [read_predictions(folder) for folder in folds]
    first = parts[0].task
    if any(part.task.labels != first.labels for part in parts):
        raise KgenreError(f"{run.folder}: its folds have different genres. Report each by itself, as {folds[0]}.")
    means = {name: np.mean([getattr(part.task, name) for part in parts], axis=0).tolist() for name in first.parameters}
    task = make_task(first.name, first.labels, means)
    rows = pd.concat([part.rows for part in parts], ignore_index=True)
    probabilities = np.concatenate([part.probabilities for part in parts])
    overlaps = list(dict.fromkeys(part.metrics["overlap"] for part in parts))
    note = f"{len(parts)} folds together: each track is answered by the model that was not trained on its fold"
    metrics = {
        **{name: parts[0].metrics[name] for name in ("data", "split")},
        "note": "; ".join(filter(None, [note, *dict.fromkeys(part.metrics["note"] for part in parts)])),
        "leaky": facts["leaky"],
        "protocol": facts["protocol"],
        "overlap": overlaps[0] if len(overlaps) == 1 else "by fold: " + "; ".join(overlaps),
        **task.evaluate(task.targets(rows), probabilities),
    }
    return Predictions(rows, probabilities, task, metrics)
