"""The report of an evaluation: metrics.json, confusion.csv, confusion.png, report.txt, and its summary."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from kgenre.core.files import write_json, write_text
from kgenre.core.metrics import confusion_table
from kgenre.evaluation.protocol import EvaluationSet
from kgenre.model.tasks import Task


def write_report(
    tracks: EvaluationSet,
    probabilities: Mapping[str, np.ndarray],
    failures: Mapping[str, str],
    task: Task,
    training_rows: pd.DataFrame | None,
    out: Path,
    more: Mapping[str, object] | None = None,
) -> dict:
    """Computes the metrics of the tracks and writes the four files.

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
    from kgenre.evaluation.plots import draw_confusion

    rows = tracks.rows[tracks.rows["path"].isin(probabilities)]
    truth = task.targets(rows)
    answers = np.stack([probabilities[path] for path in rows["path"]])  # (tracks, labels)
    metrics = {
        "data": tracks.data,
        "split": tracks.split,
        "note": tracks.note,
        "leaky": tracks.leaky,
        "protocol": tracks.protocol,
        "overlap": tracks.overlap(rows["path"], training_rows),
        **task.evaluate(truth, answers),
        "bad_files": dict(failures),
        **(more or {}),
    }
    table = confusion_table(truth, task.decide(answers), list(task.labels))
    write_text(out / "confusion.csv", table.to_csv())
    title = f"{'LEAKY ' * bool(metrics['leaky'])}{tracks.split}: {metrics['accuracy']:.1%} of {len(rows)} tracks"
    draw_confusion(table, title, out / "confusion.png")
    write_text(out / "report.txt", summary(metrics) + "\n")
    write_json(out / "metrics.json", metrics)
    return metrics


def summary(metrics: dict) -> str:
    """The metrics as text: what is printed, and written to report.txt."""
    low, high = metrics["accuracy_interval_95"]
    lines = [f"LEAKY: {metrics['leaky']}"] if metrics["leaky"] else []
    lines += [
        f"{metrics['split']} of {metrics['data']}: {metrics['tracks']} tracks",
        f"  accuracy           {metrics['accuracy']:.1%}   (95 % interval {low:.1%} to {high:.1%})",
        f"  balanced accuracy  {metrics['balanced_accuracy']:.1%}",
        f"  macro-F1           {metrics['macro_f1']:.3f}",
        f"  top-3 accuracy     {metrics['top3_accuracy']:.1%}",
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
    lines += ["", f"  {'genre':<16} precision  recall      f1  tracks"]
    for genre, row in metrics["per_genre"].items():
        lines.append(
            f"  {genre:<16} {row['precision']:9.2f} {row['recall']:7.2f} {row['f1']:7.2f} {row['tracks']:7.0f}"
        )
    if metrics["bad_files"]:
        lines += ["", f"  {len(metrics['bad_files'])} tracks left out:"]
        lines += [f"    {path}: {cause}" for path, cause in metrics["bad_files"].items()]
    return "\n".join(lines)
