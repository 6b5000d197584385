"""Evaluates a trained model on whole tracks, and states the protocol beside the metrics.

    kgenre evaluate --model models/RUN [--data NAME|DIR|MANIFEST] [--split test]

Prints and writes track-level metrics with their 95 % intervals, a report by genre, the protocol of the split and the
artist overlap with the training tracks: accuracy, balanced accuracy, macro-F1, top-3 accuracy and the confusion
matrix; of several genres a track mAP, ROC-AUC, micro-F1 and macro-F1, and the precision-recall area of each genre. Of
both how far the probabilities can be believed: log loss, Brier score and calibration error.
The exported model is evaluated: the same one that is served.
"""

import argparse
import sys
from pathlib import Path

from kgenre import cli
from kgenre.audio.settings import ReaderSettings


def main(argv=None) -> int:
    parser = cli.make_parser("evaluate", __doc__)
    cli.add_evaluated_flags(parser)
    text = "folder for the results (default: in the run folder; required for a model that is no run)"
    parser.add_argument("--out", type=Path, metavar="DIR", help=text)
    cli.add_collection_flags(parser, "task")
    cli.add_reading_flags(parser)
    cli.add_settings_flags(parser, ReaderSettings, "workers", "max_bad_share")
    return cli.run(_evaluate, parser.parse_args(argv))


def _evaluate(args: argparse.Namespace) -> int:
    from kgenre.evaluation.evaluate import collection_defaults, evaluate_named, reader_settings
    from kgenre.evaluation.report import summary

    reading = cli.settings_from(ReaderSettings, args, **dict(reader_settings(args.model)))
    metrics, out = evaluate_named(
        args.model,
        args.data,
        args.split,
        args.out,
        reading.workers,
        reading.max_bad_share,
        cli.BarProgress(),
        cli.read_policy(args, reading.policy),
        cli.collection_options(args, **dict(collection_defaults(args.model))),
    )
    print(summary(metrics))
    print(f"results written to {out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
