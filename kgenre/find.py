"""Lists the songs of a library that a filter lets through, as an m3u8 playlist.

    kgenre find "jazz > 0.6 and not instrumental" > list.m3u8
    kgenre find "year >= 1970 and year < 1980 and (artist = 'Miles Davis' or folder ~ fusion)"
    kgenre find "genre = rock and predicted != rock" --csv

A filter compares names with values, joined by and, or, not and brackets; `and` binds closer than `or`.
  a genre                 its strength from 0 to 1: jazz > 0.6, jazz > 60%; alone, at least 0.5
  a tag                   of the 50 of `kgenre predict --tags` that is no genre too; alone, at least 0.2
  predicted, confidence   the strongest genre and its strength; corrected: what you said on the page
  title, artist, album, genre, folder, path (text) and year, seconds: of tags and files; alone, is known
Numbers take = != > >= < <=, text = != ~ (contains) !~; case does not matter. What has spaces or brackets goes
in quotes, and so does a genre or tag that is named like a field. An unknown year is neither above nor below another.
"""

import argparse
import sys

from kgenre import cli
from kgenre.cli.library import add_flags, positive


def main(argv=None) -> int:
    parser = cli.make_parser("find", __doc__)
    parser.add_argument("filter", metavar="FILTER")
    parser.add_argument("-n", type=positive, metavar="N", help="songs at most (default: all)")
    parser.add_argument(
        "--sort",
        default="path",
        metavar="NAME",
        help="genre or tag, strongest first, or field, ascending (default: path)",
    )
    add_flags(parser)
    return cli.run(_find, parser.parse_args(argv))


def _find(args: argparse.Namespace) -> int:
    from kgenre.cli.library import give, open_songs

    songs = open_songs(args)
    found, chosen = in_order(songs, args.sort), songs.table.index[songs.wanted(args.filter)]
    give(args, found[found.index.isin(chosen)].iloc[: args.n])
    return 0


def in_order(songs, name: str):
    """The table of songs sorted by a field, or by the strength of a genre or tag from the highest."""
    from kgenre.core.errors import check_known
    from kgenre.library.search.filters import NUMBERS, TEXTS, strength

    check_known("name to sort by", name, [*TEXTS, *NUMBERS, *songs.labels, *songs.tags])
    if name in (*TEXTS, *NUMBERS):
        return songs.table.sort_values(name, kind="stable")
    by = songs.table[strength(name)] if name in songs.labels else songs.tag_table[name]
    return songs.table.loc[by.sort_values(ascending=False, kind="stable").index]


if __name__ == "__main__":
    sys.exit(main())
