"""Lists the songs of a library that are most similar to a song, as a playlist.

    kgenre similar SONG.mp3 -n 30 > list.m3u8
    kgenre similar "miles so what" --within 0.2 --where "year < 1970 and not instrumental" --out cool.m3u8 --relative

SONG is a file of the library, or words that are in the path, artist and title of one song only. The nearest
songs come first, by cosine distance between the mean embeddings of whole tracks. Copies are listed once.
"""

import argparse
import sys

from kgenre import cli
from kgenre.cli.library import add_flags, add_where_flag, list_output, open_songs, positive, write_songs


def main(argv=None) -> int:
    parser = cli.make_parser("similar", __doc__)
    parser.add_argument("song", metavar="SONG", help="a file, or words that match one song")
    parser.add_argument("-n", type=positive, default=30, metavar="N", help="songs at most (default: 30)")
    parser.add_argument(
        "--within", type=float, metavar="DISTANCE", help="largest distance: 0 is equal, 1 is unrelated (default: any)"
    )
    add_where_flag(parser)
    add_flags(parser)
    return cli.run(_similar, parser.parse_args(argv))


def _similar(args: argparse.Namespace) -> int:
    output, songs = list_output(args), open_songs(args, args.song)
    write_songs(output, songs.similar(args.song, args.n, args.within, args.where), args.relative)
    return 0


if __name__ == "__main__":
    sys.exit(main())
