"""Lists the songs of a library that a filter lets through, as an m3u8 playlist.

    kgenre find "jazz > 0.6 and not vocal" > list.m3u8
    kgenre find "year >= 1970 and year < 1980 and (artist = 'Miles Davis' or folder ~ fusion)"
    kgenre find "genre = rock and predicted != rock" --csv

A filter compares names with values, joined by and, or, not and brackets; `and` binds closer than `or`.
  a label of the model    its strength from 0 to 1: jazz > 0.6, jazz > 60%; alone, at least 0.5
  predicted, confidence   the strongest label and its strength
  title, artist, album, genre, folder, path (text) and year, seconds: of tags and files; alone, is known
Numbers take = != > >= < <=, text = != ~ (contains) !~; case does not matter. What has spaces or brackets goes
in quotes, and so does a label that is named like a field. An unknown year is neither above nor below another.
"""

import argparse
import sys

from kgenre import cli
from kgenre.library.flags import add_flags, positive


def main(argv=None) -> int:
    parser = cli.make_parser("find", __doc__)
    parser.add_argument("filter", metavar="FILTER")
    parser.add_argument("-n", type=positive, metavar="N", help="songs at most (default: all)")
    parser.add_argument(
        "--sort", default="path", metavar="NAME", help="label, strongest first, or field (default: path)"
    )
    add_flags(parser)
    return cli.run(_find, parser.parse_args(argv))


def _find(args: argparse.Namespace) -> int:
    from kgenre.library.lists import give, open_songs

    songs = open_songs(args)
    found = in_order(songs.table[songs.wanted(args.filter)], args.sort, songs.space.labels)
    give(args, found.iloc[: args.n])
    return 0


def in_order(table, name: str, labels):
    """Rows sorted by a field, or by a label's strength from the highest."""
    from kgenre.config import check_known
    from kgenre.library.filters import NUMBERS, TEXTS, strength

    check_known("name to sort by", name, [*TEXTS, *NUMBERS, *labels])
    by_field = name in (*TEXTS, *NUMBERS)
    return table.sort_values(name if by_field else strength(name), ascending=by_field, kind="stable")


if __name__ == "__main__":
    sys.exit(main())
