"""Merges the parts that `--part K/N` of other commands computed into their result.

    kgenre embed ~/Music --out music.npz --part 1/2
    kgenre embed ~/Music --out music.npz --part 2/2
    kgenre merge .music.npz.parts --out music.npz

It says which parts are missing, if any. The result is the same as that of the command without --part, and the
parts are deleted once it is written. Files that could not be used are listed on stderr with the reason, and the exit
status is then 1.
"""

import argparse
import sys
from pathlib import Path

from kgenre import cli


def main(argv=None) -> int:
    parser = cli.make_parser("merge", __doc__)
    parser.add_argument(
        "parts", metavar="DIR", help="folder of parts, a path or URL: that of --parts-folder, or .NAME.parts"
    )
    parser.add_argument(
        "--out", required=True, type=Path, metavar="FILE|DIR", help="what to write, the --out of the command"
    )
    return cli.run(_merge, parser.parse_args(argv))


def _merge(args: argparse.Namespace) -> int:
    from kgenre.cli.merging import merge

    progress = cli.BarProgress()
    failures, n_merged, unit = merge(args.parts, args.out)
    print(f"{args.out}: {n_merged} {unit}")
    progress.failures(failures, "failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
