"""The flags that `kgenre similar`, `kgenre path` and `kgenre find` share."""

import argparse
import os
import sys
from pathlib import Path

import pandas as pd

from kgenre import cli
from kgenre.core.errors import KgenreError
from kgenre.library.playlists import csv_text, m3u8
from kgenre.library.search.songs import Songs
from kgenre.library.store import Library, find_library


def add_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--library", type=Path, metavar="FILE", help="library (default: the one of the folder of the song, or of this)"
    )
    parser.add_argument("--model", metavar="NAME", help="use what this model said (default: the one used last)")
    parser.add_argument("--to", type=Path, metavar="FILE", help="write the list there instead of printing it")
    parser.add_argument("--csv", action="store_true", help="a CSV table instead of an m3u8 playlist")
    parser.add_argument("--relative", action="store_true", help="paths relative to the list (or to this folder)")


def add_where_flag(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--where", metavar="FILTER", help="only songs that `kgenre find FILTER` would list")


def positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def open_songs(args: argparse.Namespace, near=".") -> Songs:
    """The songs of the library that the flags name, or else of the one that `near` lies in."""
    if args.csv and args.relative:
        raise KgenreError("`--relative` is of playlists: a CSV table has whole paths. Leave out --relative, or --csv.")
    if args.to is not None:
        cli.check_file(args.to, "--to")
    library = Library(args.library or find_library(near), create=False)
    songs = Songs(library, library.space(args.model))
    if len(songs.table) < songs.known:
        who = f"{songs.space.name}, {songs.space.extent} of each track"
        print(
            f"{len(songs.table)} of {songs.known} tracks analysed so far by {who}: `kgenre explore DIR` goes on",
            file=sys.stderr,
        )
    return songs


def library_near(song: str) -> str:
    """Where to look for the library of a song: beside it if it is a file, else here."""
    return song if os.path.exists(song) else "."


def give(args: argparse.Namespace, songs: pd.DataFrame) -> None:
    """Writes the list where the flags say."""
    from kgenre.core.files import write_text

    base = (args.to.parent if args.to else Path(".")).resolve() if args.relative else None
    text = csv_text(songs) if args.csv else m3u8(songs, base)
    if args.to is not None:
        write_text(args.to, text)
        print(f"{args.to}: {len(songs)} {'song' if len(songs) == 1 else 'songs'}", file=sys.stderr)
    else:
        if songs.empty:
            print("no song fits", file=sys.stderr)
        sys.stdout.write(text)
        sys.stdout.flush()
