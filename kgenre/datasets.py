"""Lists the datasets that --data knows, downloads them, and looks at a collection before training on it.

    kgenre datasets
    kgenre datasets fma_small
    kgenre datasets fma_small --download [--to DIR]
    kgenre datasets DATA --describe --out page.html
    kgenre datasets DATA --duplicates --out duplicates.csv

A download that was stopped, or killed, goes on where it was. Every file is checked by its published digest; archives
are unpacked, complete or not at all, and removed. With --describe and --duplicates, DATA is all that --data takes.
Vectors that are computed are kept, so a command that was stopped continues.
"""

import argparse
import sys
from pathlib import Path

from kgenre import cli
from kgenre.audio.settings import ReaderSettings
from kgenre.cli.datasets import check_flags
from kgenre.cli.output import read_output
from kgenre.collections.settings import DATA_METAVAR
from kgenre.training.settings import TrainingSettings


def main(argv=None) -> int:
    parser = cli.make_parser("datasets", __doc__)
    text = "a dataset, or with --describe and --duplicates any collection (default: list all)"
    parser.add_argument("data", nargs="?", metavar=DATA_METAVAR, help=text)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--download", action="store_true", help="download what is missing of it")
    what.add_argument("--describe", action="store_true", help="tracks, genres, files and overlaps, as text and a page")
    what.add_argument("--duplicates", action="store_true", help="recordings that are there twice; leaks first")
    get = parser.add_argument_group("to download")
    get.add_argument("--to", type=Path, metavar="DIR", help="its folder (default: where --data NAME looks for it)")
    get.add_argument("--mirror", metavar="URL", help="URL of a folder that holds files of the same names")
    get.add_argument("--digest", nargs="+", metavar="FILE=HEX", help="SHA-1, SHA-256 or MD5 of files of a mirror's own")
    get.add_argument("--no-verify", action="store_true", help="do not check the digests and sizes of the files")
    look = parser.add_argument_group("to describe, and to find duplicates")
    look.add_argument("--out", type=Path, metavar="FILE", help="the page, .html, or the pairs of duplicates, .csv")
    cli.add_model_flag(look, "statistics for --describe, the default model for --duplicates")
    look.add_argument("--sample", type=int, metavar="N", help="tracks of --describe's map at most (default: 1000)")
    look.add_argument("--threshold", type=float, metavar="X", help="least match of duplicates (default: 0.75)")
    look.add_argument("--vectors", type=Path, metavar="DIR", help="folder of vectors (default: data/inspection)")
    cli.add_settings_flags(look, ReaderSettings, "workers", "decoder")
    cli.add_settings_flags(look, TrainingSettings, "seed")
    cli.add_collection_flags(parser)
    return cli.run(_datasets, parser.parse_args(argv))


def _datasets(args: argparse.Namespace) -> int:
    from kgenre.cli.datasets import dataset_and_folder, describe, print_all

    check_flags(args)
    if args.download:
        return _download(args)
    if args.describe or args.duplicates:
        return _look(args)
    if args.data is None:
        print_all()
    else:
        print(describe(*dataset_and_folder(args.data)))
    return 0


def _download(args: argparse.Namespace) -> int:
    from kgenre.cli.datasets import dataset_and_folder, next_command
    from kgenre.collections.fetch import Source, fetch, parse_digests

    name, dataset, folder = dataset_and_folder(args.data, args.to)
    source = Source(args.mirror, parse_digests(args.digest or [], dataset), not args.no_verify)
    fetch(name, dataset, folder, source, cli.BarProgress())
    print(f"next: {next_command(name, dataset, folder)}")
    return 0


def _look(args: argparse.Namespace) -> int:
    from kgenre.collections import load_collection

    output = read_output(args.out, ("html",) if args.describe else ("csv",), needs_ending=True)
    progress, reading = cli.BarProgress(), cli.settings_from(ReaderSettings, args)
    seed = cli.settings_from(TrainingSettings, args).seed
    # To look at what leaks is what this is for.
    options = cli.collection_options(args).model_copy(update={"allow_leak": True})
    collection = load_collection(args.data, seed=seed, progress=progress, options=options)
    own = {"model": args.model and str(args.model), "keep": args.vectors, "workers": reading.workers}
    look = _describe if args.describe else _duplicates
    return look(collection, args, output, decoder=reading.decoder, progress=progress, **own)


def _describe(collection, args, output, **own) -> int:
    from kgenre.inspection.page import description_page
    from kgenre.inspection.run import describe_collection
    from kgenre.inspection.text import description_text

    given = {} if args.sample is None else {"sample": args.sample}
    found, scatter = describe_collection(collection, **given, **own)
    print(description_text(found))
    if output.path:
        output.write_text(description_page(found, scatter))
        print(f"page written to {output.path}")
    return 0


def _duplicates(collection, args, output, progress, **own) -> int:
    from kgenre.inspection.run import collection_duplicates
    from kgenre.inspection.text import duplicates_text

    given = {} if args.threshold is None else {"threshold": args.threshold}
    pairs, failures = collection_duplicates(collection, progress=progress, **given, **own)
    print(duplicates_text(collection.name, len(collection.table), pairs))
    if output.path:
        output.write_text(pairs.to_csv(index=False, float_format="%.4f"))
        print(f"{len(pairs)} pairs written to {output.path}")
    progress.failures(failures, "not compared")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
