"""Lists songs that lead from one song of a library to another in even steps, as a playlist.

    kgenre path FIRST.mp3 LAST.mp3 > list.m3u8
    kgenre path "brahms lullaby" "master of puppets" -n 20 --where "year > 1900" --out path.m3u8

The list starts with the first song and ends with the last one.
"""

import argparse
import sys

from kgenre import cli
from kgenre.cli.library import add_flags, add_where_flag, list_output, open_songs, positive, write_songs


def main(argv=None) -> int:
    parser = cli.make_parser("path", __doc__)
    parser.add_argument("first", metavar="FIRST", help="a file, or words that match one song")
    parser.add_argument("last", metavar="LAST", help="likewise")
    parser.add_argument("-n", type=positive, default=12, metavar="N", help="songs, including the two (default: 12)")
    add_where_flag(parser)
    add_flags(parser)
    return cli.run(_path, parser.parse_args(argv))


def _path(args: argparse.Namespace) -> int:
    output, songs = list_output(args), open_songs(args, args.first)
    write_songs(output, songs.path(args.first, args.last, args.n, args.where), args.relative)
    return 0


if __name__ == "__main__":
    sys.exit(main())
