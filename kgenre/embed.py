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
from kgenre.core.errors import KgenreError
from kgenre.embeddings.extract import collection_rows, embed, song_rows
from kgenre.model.settings import make_config


def main(argv=None) -> int:
    parser = cli.make_parser("embed", __doc__)
    parser.add_argument("songs", nargs="*", metavar="FILE|DIR|GLOB", help="songs, folders of songs, or quoted patterns")
    parser.add_argument("--data", help="instead of songs: demo, a folder of genre folders, or a manifest")
    parser.add_argument("--model", help="musicnn, vggish, a run or SavedModel folder (default: the default model)")
    parser.add_argument("--to", required=True, type=Path, metavar="FILE", help="file to write, .npz or .parquet")
    cli.add_slices_flag(parser)
    cli.add_config_flags(parser, ("workers", "seed"))
    return cli.run(_embed, parser.parse_args(argv))


def _embed(args: argparse.Namespace) -> int:
    from kgenre.embeddings.files import check_suffix

    if bool(args.songs) == bool(args.data):
        raise KgenreError("Name either songs or a collection with --data: one of the two.")
    check_suffix(args.to)
    cli.check_file(args.to, "--to")
    config = make_config({}, cli.config_flags(args))
    rows = collection_rows(args.data, config.seed) if args.data else song_rows(args.songs)

    from kgenre.serving.catalogue import open_model

    model = open_model(args.model)
    progress = cli.BarProgress()
    failures, new = embed(model, rows, args.to, config.workers, args.policy, progress)
    print(f"{args.to}: {len(rows) - len(failures)} tracks, {new} of them new")
    progress.failures(failures, "failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
