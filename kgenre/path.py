"""Lists songs that lead from one song of a library to another in even steps, as an m3u8 playlist.

    kgenre path FIRST.mp3 LAST.mp3 > list.m3u8
    kgenre path "brahms lullaby" "master of puppets" -n 20 --where "year > 1900"

The list begins with the one and ends with the other.
"""

import argparse
import sys

from kgenre import cli
from kgenre.cli.library import add_flags, add_where_flag, positive


def main(argv=None) -> int:
    parser = cli.make_parser("path", __doc__)
    parser.add_argument("first", metavar="SONG", help="a file, or words that fit one song")
    parser.add_argument("last", metavar="SONG")
    parser.add_argument("-n", type=positive, default=12, metavar="N", help="songs, with both ends (default: 12)")
    add_where_flag(parser)
    add_flags(parser)
    return cli.run(_path, parser.parse_args(argv))


def _path(args: argparse.Namespace) -> int:
    import numpy as np

    from kgenre.cli.library import give, library_near, open_songs
    from kgenre.library.search.neighbours import path_between

    songs = open_songs(args, library_near(args.first))
    ends = [songs.row(args.first), songs.row(args.last)]
    # The ends come whatever the filter says, and none of their copies between them.
    between = songs.wanted(args.where) & ~np.isin(songs.first, songs.first[ends])
    rows = np.union1d(np.flatnonzero(between), ends)
    first, last = np.searchsorted(rows, ends)
    way = path_between(songs.vectors[rows], first, last, args.n)
    give(args, songs.table.iloc[rows[way]])
    return 0


if __name__ == "__main__":
    sys.exit(main())
