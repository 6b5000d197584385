"""Looks at a collection before training on it.

    kgenre datasets DATA --describe --out page.html
    kgenre datasets DATA --duplicates --out duplicates.csv

DATA is what --data takes. Vectors that are computed are kept, so a command that was stopped continues.
"""

import argparse
import sys
from pathlib import Path

from kgenre import cli
from kgenre.audio.settings import ReaderSettings
from kgenre.cli.output import read_output
from kgenre.collections.settings import DATA, DATA_METAVAR
from kgenre.core.errors import KgenreError
from kgenre.training.settings import TrainingSettings


def main(argv=None) -> int:
    parser = cli.make_parser("datasets", __doc__)
    parser.add_argument("data", metavar=DATA_METAVAR, help=DATA)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--describe", action="store_true", help="tracks, genres, files and overlaps, as text and a page")
    what.add_argument("--duplicates", action="store_true", help="recordings that are there twice; leaks first")
    parser.add_argument("--out", type=Path, metavar="FILE", help="the page, .html, or the pairs of duplicates, .csv")
    cli.add_model_flag(parser, "statistics for --describe, the default model for --duplicates")
    parser.add_argument("--sample", type=int, metavar="N", help="tracks of --describe's map at most (default: 1000)")
    parser.add_argument("--threshold", type=float, metavar="X", help="least match of duplicates (default: 0.75)")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="folder of vectors (default: data/inspection)")
    cli.add_settings_flags(parser, ReaderSettings, "workers", "decoder")
    cli.add_settings_flags(parser, TrainingSettings, "seed")
    cli.add_collection_flags(parser)
    return cli.run(_datasets, parser.parse_args(argv))


def _datasets(args: argparse.Namespace) -> int:
    from kgenre.collections import load_collection

    for flag, given, needs in (("sample", args.sample, "describe"), ("threshold", args.threshold, "duplicates")):
        if given is not None and not getattr(args, needs):
            raise KgenreError(f"--{flag} applies to --{needs}. Received: --{flag} {given:g}. Leave it out.")
    output = read_output(args.out, ("html",) if args.describe else ("csv",), needs_ending=True)
    progress, reading = cli.BarProgress(), cli.settings_from(ReaderSettings, args)
    seed = cli.settings_from(TrainingSettings, args).seed
    collection = load_collection(args.data, seed=seed, progress=progress, options=cli.collection_options(args))
    own = {"model": args.model and str(args.model), "keep": args.keep, "workers": reading.workers}
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
