"""Makes the head of the default model: three linear classifiers on musicnn's features, averaged.

    python -m kgenre.default_head --data MANIFEST --out kgenre/serving/default

Train tracks teach and valid tracks judge, as the head would be served; then it is fitted again on both.
Test tracks are never opened. Every track counts as much as its genre's others and every genre as much as
another, and what is learnt from are slices of one length, cut from the tracks as they are and from altered
copies (speed, equaliser, band limit, level, noise, repeated short cuts), so that a cut of 2 s and a whole
song, of any rate and level, are one thing to it.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from kgenre import cli
from kgenre.baselines.default_head import extract, groups, make_head, track_probabilities
from kgenre.core.errors import KgenreError
from kgenre.core.metrics import track_metrics
from kgenre.model.settings import config_json, make_config


def main(argv=None) -> int:
    parser = cli.Parser(
        prog="python -m kgenre.default_head",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", required=True, help="manifest with path, genre and split")
    parser.add_argument("--out", required=True, type=Path, help="folder for head.npz and what goes with it")
    parser.add_argument("--seed", type=int, default=0, help="of the altered copies (default: 0)")
    return cli.run(_make, parser.parse_args(argv))


def _make(args: argparse.Namespace) -> int:
    from kgenre.audio.reader import check_bad_share
    from kgenre.collections import load_collection
    from kgenre.collections.splits import trainable_genres
    from kgenre.core.files import write_beside, write_text

    table = load_collection(args.data).table
    table = table[table["split"].isin(("train", "valid"))].reset_index(drop=True)
    config = make_config({"data": Path(args.data).name, "seed": args.seed}, {"arch": "musicnn"})
    progress = cli.BarProgress()
    data, failures = extract(list(table["path"]), config, args.seed, progress)
    progress.failures(failures)
    check_bad_share(failures, len(table), config.max_bad_share)
    kept = ~table["path"].isin(failures)
    labels, valid = trainable_genres(table[kept], args.data), (table["split"] == "valid").to_numpy() & kept.to_numpy()
    if not valid.any():
        raise KgenreError(f"{args.data}: no valid tracks to judge by. Give a `split` in the manifest.")
    truth = np.array([labels.index(genre) if genre in labels else 0 for genre in table["genre"]])
    learnt = kept.to_numpy() & ~valid
    first = make_head(data, truth, learnt, groups(table))
    probabilities = track_probabilities(data, (first["kernel"], first["bias"]), np.flatnonzero(valid))
    metrics = {"fitted_on": int(learnt.sum()), "split": "valid", **track_metrics(truth[valid], probabilities, labels)}
    head = make_head(data, truth, kept.to_numpy(), groups(table))
    args.out.mkdir(parents=True, exist_ok=True)
    write_beside(args.out / "head.npz", lambda part: np.savez(part, **head))
    write_text(args.out / "labels.txt", "\n".join(labels) + "\n")
    write_text(args.out / "config.json", config_json(config))
    write_text(args.out / "metrics.json", json.dumps(metrics, indent=2) + "\n")
    print(json.dumps(metrics, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
