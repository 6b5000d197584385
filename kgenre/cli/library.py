"""What `kgenre similar`, `kgenre path` and `kgenre find` share: flags, the songs of a library, the list they write."""

import argparse
import os
import sys
from pathlib import Path

from kgenre.cli.output import Output, add_output_flags, read_output
from kgenre.core.errors import KgenreError
from kgenre.core.text import count

FORMATS = ("m3u8", "csv", "jsonl")


def add_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--library", type=Path, metavar="FILE", help="library (default: that of the song's folder, or of this folder)"
    )
    parser.add_argument(
        "--model", metavar="NAME", help="model whose analysis of the library is used (default: the last used one)"
    )
    add_output_flags(parser, FORMATS)
    parser.add_argument("--relative", action="store_true", help="paths relative to the playlist, or to this folder")


def add_where_flag(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--where", metavar="FILTER", help="only songs that match a filter, see `kgenre find --help`")


def positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def list_output(args: argparse.Namespace) -> Output:
    """The output of the list of songs that the flags describe.

    Raises:
        KgenreError: the flags contradict each other, or the file cannot be written.
    """
    output = read_output(args.out, FORMATS, args.format)
    if args.relative and output.format != "m3u8":
        raise KgenreError(
            f"--relative applies to m3u8 playlists. Received: --relative, format {output.format}. Leave out --relative."
        )
    return output


def open_songs(args: argparse.Namespace, near: str = "."):
    """The songs of the library that the flags name, or of the one that `near` is in."""
    from kgenre.library.location import find_library
    from kgenre.library.search.songs import Songs
    from kgenre.library.store import Library

    library = Library(args.library or find_library(near if os.path.exists(near) else "."), create=False)
    songs = Songs(library, library.space(args.model))
    if len(songs.ids) < songs.n_tracks:
        analysed = f"{len(songs.ids)} of {count(songs.n_tracks, 'track')} analysed"
        model = f"{songs.space.name}, {songs.space.policy.text}"
        print(f"{analysed} ({model}). Run `kgenre explore DIR` to continue.", file=sys.stderr)
    provisional = library.provisional_tracks(songs.space)
    if provisional:
        known = f"{provisional} of {count(songs.n_tracks, 'track')} known by a first pass over some of their slices"
        print(f"{known}. `kgenre explore DIR` completes it.", file=sys.stderr)
    return songs


def write_songs(output: Output, songs, relative: bool) -> None:
    """Writes a table of songs as a playlist, CSV or JSON."""
    from kgenre.library.playlists import WRITERS

    folder = output.path.parent if output.path else Path(".")
    options = {"relative_to": folder.resolve()} if relative else {}
    output.write_text(WRITERS[output.format](songs, **options))
    output.report_songs(len(songs))
    if output.path is None and songs.empty:
        print("no song matches", file=sys.stderr)
