"""The report of an evaluation: metrics.json, report.txt, its summary, and the files of its task."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from kgenre.core.files import write_json, write_text
from kgenre.evaluation import multi_report, single_report
from kgenre.evaluation.predictions import FILE, write_predictions
from kgenre.evaluation.protocol import EvaluationSet
from kgenre.model.tasks import Task, task_values

# By the name of the task: modules with metric_lines, genre_lines and write_files.
REPORTS = {"single": single_report, "multi": multi_report}


def write_report(
    tracks: EvaluationSet,
    probabilities: Mapping[str, np.ndarray],
    failures: Mapping[str, str],
    task: Task,
    training_rows: pd.DataFrame | None,
    out: Path,
    more: Mapping[str, object] | None = None,
) -> dict:
    """Computes the metrics of the tracks and writes metrics.json, predictions.csv, report.txt and the task's files.

    Args:
        tracks: the tracks to report.
        probabilities: {path: (labels,)} of the tracks that were classified; the others are left out.
        failures: {path: cause} of the tracks that could not be used.
        task: of the model.
        training_rows: tracks that the model was fitted on, or None where they are not known.
        out: folder for the files; it exists.
        more: entries to add to the metrics or to replace; the summary shows `method`.

    Returns:
        The metrics, as in metrics.json.
    """
    rows = tracks.rows[tracks.rows["path"].isin(probabilities)]
    truth = task.targets(rows)
    answers = np.stack([probabilities[path] for path in rows["path"]])  # (tracks, labels)
    metrics = {
        "data": tracks.data,
        "split": tracks.split,
        **task_values(task),
        "note": tracks.note,
        "leaky": tracks.leaky,
        "protocol": tracks.protocol,
        "overlap": tracks.overlap(rows["path"], training_rows),
        **task.evaluate(truth, answers),
        "bad_files": dict(failures),
        **(more or {}),
    }
    write_predictions(out / FILE, rows, answers, task.labels)
    REPORTS[task.name].write_files(metrics, truth, answers, task, out)
    write_text(out / "report.txt", summary(metrics) + "\n")
    write_json(out / "metrics.json", metrics)
    return metrics


def _calibration_lines(metrics: dict) -> list[str]:
    if "ece" not in metrics:  # of a task that gives no probabilities
        return []
    loss, brier, error = (metrics[name] for name in ("log_loss", "brier", "ece"))
    return [f"  calibration        log loss {loss:.3f}, Brier score {brier:.3f}, calibration error {error:.1%}"]


def summary(metrics: dict) -> str:
    """The metrics as text: what is printed, and written to report.txt."""
    report = REPORTS[metrics["task"]]
    lines = [f"LEAKY: {metrics['leaky']}"] if metrics["leaky"] else []
    lines += [
        f"{metrics['split']} of {metrics['data']}: {metrics['tracks']} tracks",
        *report.metric_lines(metrics),
        *_calibration_lines(metrics),
        f"  protocol           {metrics['protocol']}",
        f"  overlap            {metrics['overlap']}",
    ]
    if metrics.get("method"):
        lines.append(f"  method             {metrics['method']}")
    if metrics.get("sampled_tracks"):
        lines.append(
            f"  sampled            {metrics['sampled_tracks']} tracks, {metrics['slices_per_track']} slices of each"
        )
    if metrics["note"]:
        lines.append(f"  note               {metrics['note']}")
    lines += ["", *report.genre_lines(metrics)]
    if metrics["bad_files"]:
        lines += ["", f"  {len(metrics['bad_files'])} tracks left out:"]
        lines += [f"    {path}: {cause}" for path, cause in metrics["bad_files"].items()]
    return "\n".join(lines)
