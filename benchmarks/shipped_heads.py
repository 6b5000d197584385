"""How well the models of the package predict genres in folds by artist, with heads fitted as theirs were.

    python -m benchmarks.shipped_heads --data DIR --artists FILE --models compact best --against best --out FOLDER

For each of five folds over train and valid, a head is fitted to the other four as `kgenre default_head` fits it, with
altered copies, and evaluated on the fold. Test tracks are dropped before anything else. The features of a model are
computed once and kept in FOLDER/MODEL-features.npz. `benchmarks.teachers` compares embeddings by heads of one kind.
"""

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.models import DRAWS, check_against, comparison, mean_interval, train_and_valid
from kgenre import cli
from kgenre.baselines.default_head import FITS, extract, fold_probabilities
from kgenre.baselines.linear_head import FOLDS, SliceFeatures
from kgenre.collections.grouping import group_ids, grouped_folds, numbered_neighbours
from kgenre.core.errors import KgenreError
from kgenre.core.files import make_output_folder, write_beside, write_text
from kgenre.core.metrics import group_samples
from kgenre.serving.packaged import PACKAGED


def main(argv=None) -> int:
    form = argparse.RawDescriptionHelpFormatter
    parser = cli.Parser(prog="python -m benchmarks.shipped_heads", description=__doc__, formatter_class=form)
    cli.add_data_flag(parser, required=True)
    parser.add_argument("--models", nargs="+", required=True, choices=PACKAGED, help="of the package")
    parser.add_argument("--against", choices=PACKAGED, help="also show how much better the others are than this one")
    parser.add_argument("--seeds", type=int, default=1, help="draws of the folds (default: 1)")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="of features and table")
    cli.add_collection_flags(parser)
    return cli.run(_compare, parser.parse_args(argv))


def _compare(args: argparse.Namespace) -> int:
    check_against(args.against, args.models)
    out, rows = make_output_folder(args.out), train_and_valid(args)
    groups = group_ids(rows, "artist", unknown=numbered_neighbours(rows))
    draws, lines, hits = list(group_samples(groups, DRAWS)), [], {}
    for model in args.models:
        features = features_of(model, rows, out / f"{model}-features.npz")
        hits[model, "its own"] = own = fold_hits(features, rows, groups, FITS[model].classifiers, args.seeds)
        low, high = mean_interval(own, draws)
        lines.append((f"`{model}`", f"{own.mean():.1%}", f"{low:.1%} to {high:.1%}"))
        print("  ".join(lines[-1]), flush=True)
    caption = f"{len(rows)} tracks; {args.seeds} draws of {FOLDS} folds by artist; intervals of a bootstrap of artists."
    text = comparison(caption, ("model", "folds", "95 % interval"), lines, hits, args.against, groups)
    write_text(out / "shipped_heads.md", text)
    print(f"written to {out / 'shipped_heads.md'}")
    return 0


def features_of(model: str, rows: pd.DataFrame, file: Path) -> SliceFeatures:
    """Those of all tracks and their altered copies, by a row of PACKAGED."""
    packaged, made_of = PACKAGED[model], "/".join([PACKAGED[model].made_of, *rows["path"]])
    if file.is_file():
        with np.load(file) as kept:
            if str(kept["made_of"]) == made_of:
                return SliceFeatures(kept["x"], kept["track"], kept["unaltered"])
    paths, copies = list(rows["path"]), FITS[model].copies
    found, failures = extract(paths, packaged.default_settings, packaged.network, copies, 0, cli.BarProgress())
    if failures:
        path, cause = next(iter(failures.items()))
        raise KgenreError(f"{path}: {cause}. All tracks are needed here; leave it out of the manifest.")
    arrays = {"x": found.x, "track": found.track, "unaltered": found.unaltered, "made_of": made_of}
    write_beside(file, lambda part: np.savez(part, **arrays))
    return found


def fold_hits(features: SliceFeatures, rows: pd.DataFrame, groups, classifiers, seeds: int) -> np.ndarray:
    """How often each track is predicted correctly by a head that was fitted without its fold: mean over the draws."""
    labels = sorted(set(rows["genre"]))
    truth, hits = np.array([labels.index(genre) for genre in rows["genre"]]), np.zeros(len(rows))
    for seed in range(seeds):
        folds = list(grouped_folds(truth, groups, FOLDS, seed))
        if not folds:
            raise KgenreError(f"{FOLDS} folds need {FOLDS} artists of each genre. Name a larger collection.")
        found = fold_probabilities(features, truth, np.arange(len(rows)), folds, groups, classifiers)
        hits += (found.argmax(axis=1) == truth) / seeds
    return hits


if __name__ == "__main__":
    sys.exit(main())
