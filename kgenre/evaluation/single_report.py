"""What the report of a single-label task holds: its lines, and the confusion of genres."""

from pathlib import Path

import numpy as np

from kgenre.core.files import write_text
from kgenre.core.metrics import confusion_table
from kgenre.model.tasks import Task


def metric_lines(metrics: dict) -> list[str]:
    low, high = metrics["accuracy_interval_95"]
    return [
        f"  accuracy           {metrics['accuracy']:.1%}   (95 % interval {low:.1%} to {high:.1%})",
        f"  balanced accuracy  {metrics['balanced_accuracy']:.1%}",
        f"  macro-F1           {metrics['macro_f1']:.3f}",
        f"  top-3 accuracy     {metrics['top3_accuracy']:.1%}",
    ]


def genre_lines(metrics: dict) -> list[str]:
    lines = [f"  {'genre':<16} precision  recall      f1  tracks"]
    for genre, row in metrics["per_genre"].items():
        lines.append(
            f"  {genre:<16} {row['precision']:9.2f} {row['recall']:7.2f} {row['f1']:7.2f} {row['tracks']:7.0f}"
        )
    return lines


def write_files(metrics: dict, targets: np.ndarray, probabilities: np.ndarray, task: Task, out: Path) -> None:
    """Writes confusion.csv and confusion.png."""
    from kgenre.evaluation.plots import draw_confusion

    table = confusion_table(targets, task.main(probabilities), list(task.labels))
    write_text(out / "confusion.csv", table.to_csv())
    mark = "LEAKY " if metrics["leaky"] else ""
    title = f"{mark}{metrics['split']}: {metrics['accuracy']:.1%} of {metrics['tracks']} tracks"
    draw_confusion(table, title, out / "confusion.png")
