"""Evaluates a trained model on whole tracks, and says how honest the figure is.

    kgenre evaluate --model models/RUN [--data DIR|MANIFEST] [--split test]

Prints and writes track-level accuracy with its 95 % interval, macro-F1, balanced accuracy, top-3, a
report by genre, the confusion matrix (CSV and PNG), the protocol and the artist overlap. What is
evaluated is the exported model, the very one that is served.
"""

import os
from pathlib import Path

from kgenre import cli
from kgenre.core.errors import KgenreError
from kgenre.evaluation.report import write_report


def check_writable(out: Path) -> None:
    """Raises KgenreError now rather than after the work."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise KgenreError(f"{out}: cannot be made: {error.strerror}. Name another folder with --out.") from error
    if not os.access(out, os.W_OK):
        raise KgenreError(f"{out}: may not be written to. Name another folder with --out.")


def default_folder(run, other: str) -> Path:
    """The run folder for its own test figure; a folder in it for any other split or data."""
    if not run.begun:
        raise KgenreError(
            f"{run.folder}: a SavedModel without its run folder. Name a folder for the results with --out."
        )
    return run / f"evaluation-{other}" if other else run.folder


def evaluate(predictor, collection, split: str, train, out, workers: int, max_bad_share: float) -> dict:
    """Classifies the tracks of a split and writes metrics.json, confusion.csv, confusion.png, report.txt.

    Args:
        predictor: inference.Predictor.
        collection: datasets.splits.Collection.
        split: "train", "valid", "test" or "all". Where "test" has no rows, valid is evaluated and the
            result says so.
        train: table of the tracks that the model was trained on, or None where they are not known.
        out: folder for the results.

    Returns:
        The metrics, as in metrics.json.

    Raises:
        KgenreError: no tracks, genres that the model does not know, or too many bad files.
    """
    from kgenre.audio.reader import check_bad_share
    from kgenre.serving.predict import classify

    rows, split, note = rows_of(collection, split)
    check_genres(rows, predictor.labels, collection.name)
    paths, reader = list(rows["path"]), predictor.reader()
    with cli.progress() as bar:
        task = bar.add_task(f"evaluating {split}", total=len(paths), unit="tracks")
        results = classify(predictor, reader, paths, workers=workers, advance=lambda: bar.advance(task))
        answers = {result.path: result.probabilities for result in results}
    check_bad_share(reader.failures, len(paths), max_bad_share)
    learnt = None if train is None else train[train["split"] == "train"]
    return write_report(rows, answers, reader.failures, predictor.labels, collection, split, note, learnt, Path(out))


def rows_of(collection, split: str, chosen: str = "the epoch"):
    """Rows to evaluate, the split that they are of, and a note where it is not the one asked for."""
    rows, note = (collection.table if split == "all" else collection.rows(split)), ""
    if len(rows) == 0 and split == "test":
        rows, split = collection.rows("valid"), "valid"
        note = f"no test rows: valid, on which {chosen} was chosen, is reported, so the figure is a little optimistic"
    if len(rows) == 0:
        raise KgenreError(f"{collection.name}: no tracks in the split {split!r}. Name another with --split.")
    return rows.reset_index(drop=True), split, note


def check_genres(rows, labels: list[str], name: str) -> None:
    unknown = sorted(set(rows["genre"]) - set(labels))
    if unknown:
        raise KgenreError(
            f"{name}: genres that the model does not know: {', '.join(unknown)}. It knows: {', '.join(labels)}. "
            "Rename them in the manifest, or leave these tracks out."
        )
