"""What the report of a multi-label task holds: its lines, and the metrics of each genre."""

from pathlib import Path

import numpy as np
import pandas as pd

from kgenre.core.files import write_text
from kgenre.model.tasks import Task

LINES = {  # the metrics in the order of the report, and their names there
    "mean_average_precision": "mAP (PR-AUC)",
    "macro_roc_auc": "macro ROC-AUC",
    "micro_f1": "micro-F1",
    "macro_f1": "macro-F1",
}
PLOTTED = 40  # genres of a plot


def metric_lines(metrics: dict) -> list[str]:
    lines = []
    for name, title in LINES.items():
        low, high = metrics[f"{name}_interval_95"] or (float("nan"), float("nan"))
        value = float("nan") if metrics[name] is None else metrics[name]
        lines.append(f"  {title:<18} {value:.3f}   (95 % interval {low:.3f} to {high:.3f})")
    counts = metrics["genres_per_track"]
    return [*lines, f"  genres a track     {counts['true']:.2f}, predicted {counts['predicted']:.2f}"]


def genre_lines(metrics: dict) -> list[str]:
    lines = [f"  {'genre':<20} PR-AUC ROC-AUC precision  recall      f1  tracks"]
    for genre, row in sorted(metrics["per_genre"].items(), key=lambda item: -item[1]["tracks"]):
        pr, roc = (f"{row[name]:.2f}" if row[name] is not None else "-" for name in ("average_precision", "roc_auc"))
        numbers = f"{row['precision']:9.2f} {row['recall']:7.2f} {row['f1']:7.2f} {row['tracks']:7.0f}"
        lines.append(f"  {genre:<20} {pr:>6} {roc:>7} {numbers}")
    return lines


def write_files(metrics: dict, targets: np.ndarray, probabilities: np.ndarray, task: Task, out: Path) -> None:
    """Writes genres.csv, with thresholds and intervals, and genres.png."""
    from kgenre.evaluation.plots import draw_average_precision

    table = pd.DataFrame.from_dict(metrics["per_genre"], orient="index").rename_axis("genre")
    table.insert(0, "threshold", list(task.thresholds))
    for name in ("average_precision", "roc_auc"):
        bounds = [row or (None, None) for row in table.pop(f"{name}_interval_95")]
        table[[f"{name}_low", f"{name}_high"]] = bounds
    table = table.sort_values("tracks", ascending=False, kind="stable")
    write_text(out / "genres.csv", table.to_csv())
    mark = "LEAKY " if metrics["leaky"] else ""
    title = f"{mark}{metrics['split']}: mAP {metrics['mean_average_precision']:.3f} of {metrics['tracks']} tracks"
    draw_average_precision(table[table["tracks"] > 0].head(PLOTTED), metrics["tracks"], title, out / "genres.png")
