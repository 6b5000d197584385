"""Fits the network of the default model to the published taggers, on any music.

    kgenre default_network --data DIR --out short_fcn.npz

The taggers' weights are fetched (4 MB). The share of the variance of their embeddings that is lost, on a tenth of the
songs that is held out, is printed. `kgenre default_head` then fits the genres.
"""

import argparse
import sys
from pathlib import Path

from kgenre import cli
from kgenre.audio.walk import expand_paths


def main(argv=None) -> int:
    parser = cli.make_parser("default_network", __doc__)
    parser.add_argument("--data", required=True, nargs="+", metavar="FILE|DIR", help="songs, or folders of songs")
    parser.add_argument("--out", required=True, type=Path, metavar="FILE", help=".npz file of the weights")
    parser.add_argument("--seed", type=int, default=0, metavar="INT", help="of the crops (default: 0)")
    return cli.run(_default_network, parser.parse_args(argv))


def _default_network(args: argparse.Namespace) -> int:
    from kgenre.baselines.low_rank import fit_short_fcn

    lost = fit_short_fcn(expand_paths(args.data), args.out, args.seed, cli.BarProgress())
    print("\n".join(f"{branch}: {share:.1%} of the variance lost" for branch, share in lost.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
