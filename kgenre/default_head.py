"""Fits the head of the default model, or of another of the package, to tracks of known genres.

    kgenre default_head --data MANIFEST --artists FILE --out DIR
    kgenre default_head --model musicnn --data MANIFEST --out DIR

The head is fitted on the train tracks and evaluated on the valid tracks, as it is served, and in five folds over both;
then it is fitted to both. Test tracks are never opened. The metrics are printed and written with the head.
"""

import argparse
import json
import sys
from pathlib import Path

from kgenre import cli


def main(argv=None) -> int:
    parser = cli.make_parser("default_head", __doc__)
    cli.add_data_flag(parser, required=True)
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder for the files of the head")
    parser.add_argument("--model", choices=("compact", "best", "musicnn"), default="compact", help="(default: compact)")
    cli.add_collection_flags(parser)
    parser.add_argument("--seed", type=int, default=0, metavar="INT", help="of the altered copies (default: 0)")
    return cli.run(_default_head, parser.parse_args(argv))


def _default_head(args: argparse.Namespace) -> int:
    from kgenre.baselines.default_head import train_default_head

    options = cli.collection_options(args)
    metrics = train_default_head(args.data, args.out, args.seed, cli.BarProgress(), args.model, options)
    print(json.dumps(metrics, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
