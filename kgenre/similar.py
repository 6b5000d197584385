"""Lists the songs of a library that are nearest to a song, as an m3u8 playlist.

    kgenre similar SONG.mp3 -n 30 > list.m3u8
    kgenre similar "miles so what" --within 0.2 --where "year < 1970 and not instrumental" --to cool.m3u8 --relative

SONG is a file of the library, or words of its path, artist and title that fit no other song. Nearest is
by cosine distance of what the model makes of the whole track; copies of the same audio come once.
"""

import argparse
import sys

from kgenre import cli
from kgenre.cli.library import add_flags, add_where_flag, positive


def main(argv=None) -> int:
    parser = cli.make_parser("similar", __doc__)
    parser.add_argument("song", metavar="SONG", help="a file, or words that fit one song")
    parser.add_argument("-n", type=positive, default=30, metavar="N", help="songs to list (default: 30)")
    parser.add_argument("--within", type=float, metavar="DISTANCE", help="only nearer ones: 0 the same, 1 unrelated")
    add_where_flag(parser)
    add_flags(parser)
    return cli.run(_similar, parser.parse_args(argv))


def _similar(args: argparse.Namespace) -> int:
    from kgenre.cli.library import give, library_near, open_songs
    from kgenre.library.search.neighbours import nearest

    songs = open_songs(args, library_near(args.song))
    row = songs.row(args.song)
    wanted = songs.wanted(args.where) & (songs.first != songs.first[row])
    rows, distances = nearest(songs.vectors, row, len(songs.table))
    chosen = wanted[rows[0]] & (distances[0] <= (2 if args.within is None else args.within))
    found = songs.table.iloc[rows[0][chosen][: args.n]].assign(distance=distances[0][chosen][: args.n])
    give(args, found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
