"""The results in a model card: metrics, genres, what it is bad at, calibration; lines of Markdown each."""

from collections.abc import Iterable, Sequence

import numpy as np

from kgenre.core.errors import KgenreError
from kgenre.core.text import one_line
from kgenre.evaluation.predictions import read_predictions
from kgenre.reporting.card_header import METRICS
from kgenre.training.run import Run

WORST, PAIRS = 3, 5  # that are named


def escaped(value) -> str:
    """Text of a collection, so that it is neither HTML nor the border of a table."""
    return one_line(str(value)).replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)]


def metric_table(run: Run, metrics: dict) -> list[str]:
    rows = [
        (title, _number(metrics[name]), _interval(metrics.get(f"{name}_interval_95")))
        for name, (_, title) in METRICS.items()
        if metrics.get(name) is not None
    ]
    of = f"{metrics['tracks']} whole tracks of {metrics['split']} of {escaped(metrics['data'])}"
    mark = "**LEAKY.** " if metrics["leaky"] else ""
    return [f"{mark}Of {of}.", "", *table(("metric", "value", "95 % interval"), rows)]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _interval(bounds: Sequence[float] | None) -> str:
    return f"{bounds[0]:.3f} to {bounds[1]:.3f}" if bounds else ""


def genre_table(run: Run, metrics: dict) -> list[str]:
    own = ("average_precision", "roc_auc") if run.load_task().several else ()
    columns = [*own, "precision", "recall", "f1"]
    rows = [
        (
            escaped(genre),
            *("-" if row[name] is None else f"{row[name]:.3f}" for name in columns),
            f"{row['tracks']:.0f}",
        )
        for genre, row in metrics["per_genre"].items()
    ]
    return table(("genre", *(name.replace("_", " ") for name in columns), "tracks"), rows)


def weak_points(run: Run, metrics: dict) -> list[str]:
    name, title = ("average_precision", "average precision") if run.load_task().several else ("f1", "F1")
    known = [
        (row[name], genre) for genre, row in metrics["per_genre"].items() if row["tracks"] and row[name] is not None
    ]
    worst = ", ".join(f"{escaped(genre)} ({value:.2f})" for value, genre in sorted(known)[:WORST])
    lines = [f"- lowest {title}: {worst}"]
    if pairs := confused_pairs(run):
        named = ", ".join(f"{escaped(true)} for {escaped(found)} ({count})" for true, found, count in pairs)
        lines.append(f"- most often mistaken, with the number of tracks: {named}")
    return [
        *lines,
        "- It answers with its own genres, whatever it is given: speech, noise, and music of other genres too.",
        "- Genres are opinions. The model has learnt those of the people who labelled its data, and their errors.",
        "- Figures of a genre that has few tracks above are decided by one or two of them.",
    ]


def confused_pairs(run: Run) -> list[tuple[str, str, int]]:
    """(genre that was missed, genre that was answered instead, tracks), the commonest; none without predictions.csv."""
    try:
        found = read_predictions(run.folder)
    except KgenreError:
        return []
    true, answer = found.task.shares(found.targets) > 0, found.task.chosen(found.probabilities)
    counts = (true & ~answer).T.astype(int) @ (answer & ~true)
    order = np.argsort(-counts, axis=None, kind="stable")[:PAIRS]
    cells = zip(*np.unravel_index(order, counts.shape))
    return [(found.task.labels[i], found.task.labels[j], int(counts[i, j])) for i, j in cells if counts[i, j]]


def calibration(run: Run, metrics: dict) -> list[str]:
    temperature = np.atleast_1d(run.temperature)
    if (temperature == 1).all():
        return []
    value = " to ".join(f"{bound:.2f}" for bound in dict.fromkeys((temperature.min(), temperature.max())))
    return [
        f"Probabilities are calibrated by a temperature of {value}, fitted on the valid tracks; it is part of "
        "the weights. On music of another kind they are less to be trusted."
    ]
