"""Evaluates a trained model on whole tracks, and says how honest the figure is.

    kgenre evaluate --model models/RUN [--data DIR|MANIFEST] [--split test]

Prints and writes track-level accuracy with its 95 % interval, macro-F1, balanced accuracy, top-3, a
report by genre, the confusion matrix (CSV and PNG), the protocol and the artist overlap. What is
evaluated is the exported model, the very one that is served.
"""

import argparse
import sys
from pathlib import Path

from kgenre import cli
from kgenre.core.errors import KgenreError
from kgenre.evaluation.evaluate import check_writable, default_folder, evaluate
from kgenre.evaluation.report import summary
from kgenre.model.settings import make_config


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
    cli.add_slices_flag(parser)
    cli.add_config_flags(parser, ("workers", "max_bad_share"))
    return cli.run(_evaluate, parser.parse_args(argv))


def _evaluate(args: argparse.Namespace) -> int:
    from kgenre.collections import load_collection
    from kgenre.collections.splits import Collection
    from kgenre.serving.catalogue import open_model
    from kgenre.training.run import Run

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
    limits = config.workers, config.max_bad_share
    metrics = evaluate(
        predictor, collection, args.split, train, out, *limits, progress=cli.BarProgress(), policy=args.policy
    )
    print(summary(metrics))
    print(f"written to {out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
