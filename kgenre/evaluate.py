"""Evaluates a trained model on whole tracks, and says how honest the figure is.

    kgenre evaluate --model models/RUN [--data DIR|MANIFEST] [--split test]

Prints and writes track-level accuracy with its 95 % interval, macro-F1, balanced accuracy, top-3, a
report by genre, the confusion matrix (CSV and PNG), the protocol and the artist overlap. What is
evaluated is the exported model, the very one that is served.
"""

import argparse
import os
import sys
from pathlib import Path

from kgenre import cli
from kgenre.config import make_config
from kgenre.errors import KgenreError


def main(argv=None) -> int:
    parser = cli.make_parser("evaluate", __doc__)
    parser.add_argument(
        "--model", required=True, type=Path, metavar="RUN", help="run folder, or a SavedModel folder with --data"
    )
    parser.add_argument("--data", help="demo, a folder of genre folders, or a manifest (default: the run's own tracks)")
    parser.add_argument("--split", default="test", choices=("train", "valid", "test", "all"), help="(default: test)")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="folder for the results (default: the run folder's own)"
    )
    cli.add_config_flags(parser, ("workers", "max_bad_share"))
    return cli.run(_evaluate, parser.parse_args(argv))


def _evaluate(args: argparse.Namespace) -> int:
    from kgenre.datasets import load_collection
    from kgenre.datasets.splits import Collection
    from kgenre.inference import open_model
    from kgenre.run import Run

    predictor, run = open_model(args.model), Run(args.model)
    train = run.load_tracks() if run.begun else None
    if args.data:
        collection = load_collection(args.data, seed=run.load_config().seed if run.begun else 0)
    elif train is not None:
        collection = Collection(run.load_config().data, train, run.load_facts()["protocol"])
    else:
        raise KgenreError(f"{args.model}: a SavedModel without its run folder. Name the tracks with --data.")
    out = args.out or default_folder(run, "" if not args.data and args.split == "test" else args.split)
    check_writable(out)
    config = make_config({}, cli.config_flags(args))
    metrics = evaluate(predictor, collection, args.split, train, out, config.workers, config.max_bad_share)
    print(summary(metrics))
    print(f"written to {out}")
    return 0


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
    from kgenre.inference import classify
    from kgenre.pipeline import check_bad_share

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


def write_report(rows, answers, failures, labels, collection, split, note, learnt, out, more=None) -> dict:
    """Writes metrics.json, confusion.csv, confusion.png and report.txt of answers {path: probabilities}.

    Args:
        learnt: rows that the model was fitted on, or None where they are not known.
        more: values to add to the metrics, or to put in their place; `method` is shown in the report.
    """
    import numpy as np

    from kgenre.datasets.splits import artist_overlap
    from kgenre.metrics import confusion_table, draw_confusion, track_metrics
    from kgenre.run import Run, write_text

    kept = rows[rows["path"].isin(answers)]
    truth = np.array([labels.index(genre) for genre in kept["genre"]])
    probabilities = np.stack([answers[path] for path in kept["path"]])
    metrics = {
        "data": collection.name,
        "split": split,
        "note": note,
        "protocol": "every track, whatever its split" if split == "all" else collection.protocol,
        "overlap": "unknown: the training tracks are not known" if learnt is None else artist_overlap(kept, learnt),
        **track_metrics(truth, probabilities, labels),
        "bad_files": failures,
        **(more or {}),
    }
    table = confusion_table(truth, probabilities.argmax(axis=1), labels)
    out.mkdir(parents=True, exist_ok=True)
    write_text(out / "confusion.csv", table.to_csv())
    draw_confusion(table, f"{split}: {metrics['accuracy']:.1%} of {len(kept)} tracks", out / "confusion.png")
    write_text(out / "report.txt", summary(metrics) + "\n")
    Run(out).save_json("metrics.json", metrics)
    return metrics


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


def summary(metrics: dict) -> str:
    """The report that is printed and written to report.txt."""
    low, high = metrics["accuracy_interval_95"]
    lines = [
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
    if metrics["note"]:
        lines.append(f"  note               {metrics['note']}")
    lines += ["", f"  {'genre':<16} precision  recall      f1  tracks"]
    for genre, row in metrics["per_genre"].items():
        lines.append(
            f"  {genre:<16} {row['precision']:9.2f} {row['recall']:7.2f} {row['f1']:7.2f} {row['tracks']:7.0f}"
        )
    if metrics["bad_files"]:
        lines += ["", f"  {len(metrics['bad_files'])} files left out:"]
        lines += [f"    {path}: {cause}" for path, cause in metrics["bad_files"].items()]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
