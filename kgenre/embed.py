"""Writes the embeddings of songs to a file: one vector a track and one a slice.

    kgenre embed --model models/RUN --data DIR|MANIFEST --to embeddings.npz
    kgenre embed --to library.parquet ~/Music 'albums/**/*.flac'

The file has a row a track with path, genre, split, artist, seconds, the mean and the maximum over its
slices, and every slice with its start. A run that is stopped goes on where it was when the same command
is given again; files that have not changed since are not listened to again. Files that cannot be used
are listed on stderr with the reason, and the exit status is then 1.
"""

import argparse
import sys
from pathlib import Path

from kgenre import cli
from kgenre.audio.settings import ReaderSettings
from kgenre.core.errors import KgenreError
from kgenre.embeddings.extract import collection_rows, embed, song_rows
from kgenre.training.settings import TrainingSettings


def main(argv=None) -> int:
    parser = cli.make_parser("embed", __doc__)
    parser.add_argument("songs", nargs="*", metavar="FILE|DIR|GLOB", help="songs, folders of songs, or quoted patterns")
    parser.add_argument("--data", help=f"instead of songs: {cli.DATA_HELP}")
    parser.add_argument("--model", help="musicnn, vggish, a run or SavedModel folder (default: the default model)")
    parser.add_argument("--to", required=True, type=Path, metavar="FILE", help="file to write, .npz or .parquet")
    cli.add_settings_flags(parser, ReaderSettings, "workers")
    cli.add_settings_flags(parser, TrainingSettings, "seed")
    return cli.run(_embed, parser.parse_args(argv))


def _embed(args: argparse.Namespace) -> int:
    from kgenre.embeddings.files import check_suffix

    if bool(args.songs) == bool(args.data):
        raise KgenreError("Name either songs or a collection with --data: one of the two.")
    check_suffix(args.to)
    cli.check_file(args.to, "--to")
    seed = cli.settings_from(TrainingSettings, args).seed
    workers = cli.settings_from(ReaderSettings, args).workers
    rows = collection_rows(args.data, seed) if args.data else song_rows(args.songs)

    from kgenre.serving.catalogue import open_model

    model = open_model(args.model)
    progress = cli.BarProgress()
    failures, new = embed(model, rows, args.to, workers, progress)
    print(f"{args.to}: {len(rows) - len(failures)} tracks, {new} of them new")
    progress.failures(failures, "failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
