"""Lists the songs of a library that match a filter, as a playlist.

    kgenre find "jazz > 0.6 and not instrumental" > list.m3u8
    kgenre find "year >= 1970 and year < 1980 and (artist = 'Miles Davis' or folder ~ fusion)" --out fusion.m3u8
    kgenre find "genre = rock and predicted != rock" --sort confidence --out doubtful.csv

A filter compares names with values, joined by and, or, not and parentheses; `and` binds closer than `or`.
  a genre                 its probability, 0 to 1: jazz > 0.6, jazz > 60%; alone: at least 0.5
  a tag                   its probability: one of those of `kgenre predict --tags`; alone: at least 0.2
  predicted, confidence   the most probable genre and its probability
  corrected               the genre that you gave the song on the page
  title, artist, album, genre, folder, path (text) and year, seconds (numbers): from tags and files; a name
  alone: where it is known
Numbers are compared with = != > >= < <=, text with = != ~ (contains) !~; case does not matter. Names and values
with spaces or parentheses are quoted, and so is a genre or tag with the name of a field. An unknown year is
neither less nor greater than any other.
"""

import argparse
import sys

from kgenre import cli
from kgenre.cli.library import add_flags, list_output, open_songs, positive, write_songs


def main(argv=None) -> int:
    parser = cli.make_parser("find", __doc__)
    parser.add_argument("filter", metavar="FILTER", help="a condition as above")
    parser.add_argument("-n", type=positive, metavar="N", help="songs at most (default: all)")
    parser.add_argument(
        "--sort",
        default="path",
        metavar="NAME",
        help="a field, ascending, or a genre or tag, most probable first (default: path)",
    )
    add_flags(parser)
    return cli.run(_find, parser.parse_args(argv))


def _find(args: argparse.Namespace) -> int:
    output, songs = list_output(args), open_songs(args)
    write_songs(output, songs.find(args.filter, args.sort, args.n), args.relative)
    return 0


if __name__ == "__main__":
    sys.exit(main())
