"""Evaluates the exported model, the very one that is served, on whole tracks of a collection."""

import os
from pathlib import Path

from kgenre.core.errors import KgenreError
from kgenre.core.progress import SILENT, Progress
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


def evaluate(
    predictor, collection, split: str, train, out, workers: int, max_bad_share: float, progress: Progress = SILENT
) -> dict:
    """Classifies the tracks of a split and writes metrics.json, confusion.csv, confusion.png, report.txt.

    Args:
        predictor: a model, as open_model gives.
        collection: collections.splits.Collection.
        split: "train", "valid", "test" or "all". Where "test" has no rows, valid is evaluated and the
            result says so.
        train: table of the tracks that the model was trained on, or None where they are not known.
        out: folder for the results.

    Returns:
        The metrics, as in metrics.json.

    Raises:
        KgenreError: no tracks, genres that the model does not know, or too many bad files.
    """
    from kgenre.audio.reader import TrackReader, check_bad_share
    from kgenre.serving.predict import predict_tracks

    rows, split, note = rows_of(collection, split)
    check_genres(rows, predictor.task.labels, collection.name)
    paths, reader = list(rows["path"]), TrackReader(predictor.slice_spec)
    with progress.task(f"evaluating {split}", len(paths), "tracks") as advance:
        results = predict_tracks(predictor, reader, paths, workers=workers, advance=advance)
        answers = {result.path: result.probabilities for result in results}
    check_bad_share(reader.failures, len(paths), max_bad_share)
    learnt = None if train is None else train[train["split"] == "train"]
    return write_report(
        rows, answers, reader.failures, predictor.task.labels, collection, split, note, learnt, Path(out)
    )


def evaluate_run(run, workers: int, max_bad_share: float, progress: Progress = SILENT) -> dict:
    """Evaluates a run's own test tracks, once, into its folder."""
    from kgenre.collections.splits import Collection
    from kgenre.serving.saved_model import SavedModel

    collection = Collection(run.load_config().data, run.load_tracks(), run.load_facts()["protocol"])
    model = SavedModel(run / "saved_model" / "1")
    return evaluate(model, collection, "test", collection.table, run.folder, workers, max_bad_share, progress)


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
