"""Writes the embeddings of songs to a file: one vector a track and one a slice.

    kgenre embed --model models/RUN --data DIR|MANIFEST --out embeddings.npz
    kgenre embed --out library.parquet ~/Music 'albums/**/*.flac'

The file has a row for each track: path, genre, split, artist, seconds, the mean and the maximum over its
slices, and the embedding and start of every slice. To continue a run that was stopped, repeat the
command; unchanged files are not analysed again. Files that cannot be used are listed on stderr with the reason,
and the exit status is then 1.
"""

import argparse
import sys
from pathlib import Path

from kgenre import cli
from kgenre.audio.settings import ReaderSettings
from kgenre.cli.output import read_output
from kgenre.core.errors import KgenreError
from kgenre.core.text import count
from kgenre.training.settings import TrainingSettings

FORMATS = ("npz", "parquet")


def main(argv=None) -> int:
    parser = cli.make_parser("embed", __doc__)
    parser.add_argument("songs", nargs="*", metavar="FILE|DIR|GLOB", help="songs, folders of songs, or quoted patterns")
    cli.add_data_flag(parser, "instead of songs: ")
    cli.add_model_flag(parser)
    cli.add_runtime_flag(parser)
    parser.add_argument("--out", required=True, type=Path, metavar="FILE", help="file to write, .npz or .parquet")
    cli.add_collection_flags(parser)
    cli.add_reading_flags(parser)
    cli.add_settings_flags(parser, ReaderSettings, "workers")
    cli.add_settings_flags(parser, TrainingSettings, "seed")
    cli.add_engine_flags(parser)
    return cli.run(_embed, parser.parse_args(argv))


def _embed(args: argparse.Namespace) -> int:
    from kgenre.embeddings.extract import collection_rows, embed, song_rows
    from kgenre.embeddings.files import check_suffix

    if bool(args.songs) == bool(args.data):
        raise KgenreError("Name either songs or a collection with --data: one of the two.")
    if args.songs and "seed" in args:
        raise KgenreError("--seed draws the split of --data. Received: --seed and songs. Leave out one of the two.")
    out = read_output(args.out, FORMATS, needs_ending=True).path
    check_suffix(out)
    seed, engine = cli.settings_from(TrainingSettings, args).seed, cli.engine_settings(args)
    workers = cli.settings_from(ReaderSettings, args).workers
    from kgenre.serving.catalogue import model_input, open_model
    from kgenre.serving.model_source import ModelSource

    if args.data:
        rows = collection_rows(args.data, seed, cli.collection_options(args))
    else:
        rows = song_rows(args.songs, model_input(args.model))
    model = open_model(args.model, args.runtime)
    progress, source = cli.BarProgress(), ModelSource(args.model, args.runtime)
    with cli.stoppable(engine, out):
        policy = cli.read_policy(args)
        failures, new = embed(model, rows, out, workers, policy, progress, engine=engine, source=source)
    if engine.is_whole:
        print(f"{out}: {count(len(rows) - len(failures), 'track')}, {new} of them new")
    else:
        cli.print_part(engine, out, new)
    progress.failures(failures, "failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
