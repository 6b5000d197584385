"""How well embeddings tell genres: each model, mixtures of them, and heads, on valid and in folds, as a table.

    python -m benchmarks.teachers --data DIR --artists FILE --models fcn-msd crnn-msd mix:fcn-msd,crnn-msd --out FOLDER

A head is fitted on the means of a track's slices: on train and evaluated on valid; and in five folds over train and
valid, which keep an artist on one side, pooled: each track is answered once. `--unit track` shows what songs by artists
that were fitted are worth. Test tracks are dropped before anything else. The embeddings of a model are computed once,
into FOLDER/MODEL.npz; a command that was stopped continues. Those of a mixture are joined from its members'.
"""

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from benchmarks.models import check_against, comparison, train_and_valid, vectors_by
from kgenre import cli
from kgenre.audio.settings import ReaderSettings
from kgenre.collections.grouping import group_ids, grouped_folds
from kgenre.core.errors import KgenreError
from kgenre.core.files import make_output_folder, write_text
from kgenre.core.metrics import wilson_interval

FOLDS = 5
# Each behind a scaler to mean 0 and deviation 1. Their numbers are fixed: nothing is chosen on the tracks reported.
HEADS: dict[str, Callable] = {
    "logistic, C = 0.01": lambda: LogisticRegression(C=0.01, class_weight="balanced", max_iter=1000),
    "RBF SVM, C = 3": lambda: SVC(C=3, class_weight="balanced"),
    "10 nearest": lambda: KNeighborsClassifier(10, weights="distance"),
}


def main(argv=None) -> int:
    parser = cli.Parser(
        prog="python -m benchmarks.teachers", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    cli.add_data_flag(parser, required=True)
    parser.add_argument("--models", nargs="+", required=True, metavar="MODEL", help="models, or mixtures of them")
    parser.add_argument("--heads", nargs="+", choices=HEADS, default=list(HEADS), help="(default: all)")
    parser.add_argument(
        "--unit", choices=("artist", "track"), default="artist", help="kept in one fold (default: artist)"
    )
    parser.add_argument("--against", metavar="MODEL", help="also show how much better the others are than this one")
    parser.add_argument("--seeds", type=int, default=1, help="draws of the folds (default: 1)")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="of embeddings and table")
    cli.add_collection_flags(parser)
    cli.add_settings_flags(parser, ReaderSettings, "workers")
    return cli.run(_compare, parser.parse_args(argv))


def _compare(args: argparse.Namespace) -> int:
    check_against(args.against, args.models)
    out = make_output_folder(args.out)
    rows, workers = train_and_valid(args), cli.settings_from(ReaderSettings, args).workers
    vectors, rows = vectors_by(args.models, rows, out, workers)
    lines, hits = [], {}
    for model, x in vectors.items():
        for head in args.heads:
            valid, hits[model, head] = measured(x, rows, HEADS[head], args.unit, args.seeds)
            cells = (*percent(valid.mean(), len(valid)), *percent(float(hits[model, head].mean()), len(x)))
            lines.append((f"`{model}`", str(x.shape[1]), head, *cells))
            print("  ".join(lines[-1]), flush=True)
    counts = rows["split"].value_counts()
    tracks = f"{counts['train']} train and {counts['valid']} valid tracks"
    caption = f"{tracks}; {args.seeds} draws of {FOLDS} folds by {args.unit}."
    head = ("model", "values", "head", "valid", "95 % interval", "folds", "95 % interval")
    text = comparison(caption, head, lines, hits, args.against, group_ids(rows, args.unit))
    write_text(out / "teachers.md", text)
    print(f"{caption}\nwritten to {out / 'teachers.md'}")
    return 0


def measured(x: np.ndarray, rows: pd.DataFrame, head: Callable, unit: str, seeds: int) -> tuple[np.ndarray, np.ndarray]:
    """Hits on valid, and of every track in folds, mean over the draws of the folds."""
    genre, train = rows["genre"].to_numpy(dtype=object), (rows["split"] == "train").to_numpy()
    if train.all() or not train.any():
        raise KgenreError("The heads need train and valid tracks. Received: one of the two splits alone.")
    valid = fitted_hits(x, genre, np.flatnonzero(train), np.flatnonzero(~train), head)
    pooled = np.zeros(len(x))
    for seed in range(seeds):
        for fit, others in grouped_folds(genre, group_ids(rows, unit), FOLDS, seed):
            pooled[others] += fitted_hits(x, genre, fit, others, head) / seeds
    return valid, pooled


def fitted_hits(x: np.ndarray, genre: np.ndarray, fit: np.ndarray, others: np.ndarray, head: Callable) -> np.ndarray:
    """Whether the answer is right, bool, for each of the `others`."""
    answer = make_pipeline(StandardScaler(), head()).fit(x[fit], genre[fit]).predict(x[others])
    return answer == genre[others]


def percent(share: float, tracks: int) -> tuple[str, str]:
    low, high = wilson_interval(round(share * tracks), tracks)
    return f"{share:.1%}", f"{low:.1%} to {high:.1%}"


if __name__ == "__main__":
    sys.exit(main())
