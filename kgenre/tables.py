"""Prints the tables of networks, features, augmentations, optimizers, datasets and pretrained weights.

    kgenre tables
    kgenre tables --update docs/networks.md

A file that is updated keeps its text around the tables. Of kgenre's own, docs/networks.md, docs/training.md and
docs/collections.md hold them.
"""

import argparse
import sys
from pathlib import Path

from kgenre import cli


def main(argv=None) -> int:
    parser = cli.make_parser("tables", __doc__)
    parser.add_argument(
        "--update", type=Path, metavar="FILE", help="replace the tables between their marks in a Markdown file"
    )
    return cli.run(_tables, parser.parse_args(argv))


def _tables(args: argparse.Namespace) -> int:
    from kgenre.cli.tables import TABLES, update_file

    if args.update is None:
        print("\n\n".join(table() for table in TABLES.values()))
        return 0
    update_file(args.update)
    print(f"{args.update}: tables updated")
    return 0


if __name__ == "__main__":
    sys.exit(main())
