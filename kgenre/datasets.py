"""Lists the datasets that --data knows by name, describes one, and downloads it.

    kgenre datasets
    kgenre datasets fma_small
    kgenre datasets fma_small --download [--to DIR]
    kgenre datasets fma_small --download --mirror https://mirror.example/fma --sha fma_small.zip=HEX

A download that was stopped, or killed, goes on where it was. Every file is checked by its published digest; archives
are unpacked, complete or not at all, and removed. What is there already is not fetched again.
"""

import argparse
import sys
from pathlib import Path

from kgenre import cli
from kgenre.collections.settings import DATA_METAVAR
from kgenre.core.errors import KgenreError


def main(argv=None) -> int:
    parser = cli.make_parser("datasets", __doc__)
    parser.add_argument("data", nargs="?", metavar=DATA_METAVAR, help="the dataset to describe (default: list all)")
    group = parser.add_argument_group("to get it")
    group.add_argument("--download", action="store_true", help="download what is missing of it")
    group.add_argument("--to", type=Path, metavar="DIR", help="its folder (default: where --data NAME looks for it)")
    group.add_argument("--mirror", metavar="URL", help="URL of a folder that holds files of the same names")
    group.add_argument(
        "--sha", nargs="+", default=[], metavar="FILE=HEX", help="SHA-1, SHA-256 or MD5 of files of a mirror's own"
    )
    group.add_argument("--no-verify", action="store_true", help="do not check the digests and sizes of the files")
    return cli.run(_datasets, parser.parse_args(argv))


def _datasets(args: argparse.Namespace) -> int:
    from kgenre.cli.datasets import dataset_and_folder, describe, print_all

    if args.download:
        return _download(args)
    if args.to or args.mirror or args.sha or args.no_verify:
        raise KgenreError("`--to`, `--mirror`, `--sha` and `--no-verify` are for --download. Add it.")
    if args.data is None:
        print_all()
    else:
        print(describe(*dataset_and_folder(args.data)))
    return 0


def _download(args: argparse.Namespace) -> int:
    from kgenre.cli.datasets import dataset_and_folder, next_command
    from kgenre.collections.fetch import Source, fetch, parse_digests

    if args.data is None:
        raise KgenreError("`--download` needs the name of a dataset. `kgenre datasets` lists them.")
    name, dataset, folder = dataset_and_folder(args.data)
    folder = args.to or folder
    if folder is None:
        raise KgenreError(f"{name}: is a folder of yours. Name one with --to to download what belongs to it.")
    source = Source(args.mirror, parse_digests(args.sha, dataset), not args.no_verify)
    fetch(name, dataset, folder, source, cli.BarProgress())
    print(f"next: {next_command(name, dataset, folder)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
