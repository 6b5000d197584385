"""What `kgenre similar`, `kgenre path` and `kgenre find` share: the library, the songs, the list that comes out."""

import argparse
import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from kgenre import cli
from kgenre.errors import KgenreError
from kgenre.library.filters import matching, song_table
from kgenre.library.playlists import csv_text, m3u8
from kgenre.library.store import Library, Space, find_library

SHOWN = 5  # songs that are named where several fit


def add_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--library", type=Path, metavar="FILE", help="library (default: the one of the folder of the song, or of this)"
    )
    parser.add_argument("--model", metavar="NAME", help="use what this model said (default: the one used last)")
    parser.add_argument("--to", type=Path, metavar="FILE", help="write the list there instead of printing it")
    parser.add_argument("--csv", action="store_true", help="a CSV table instead of an m3u8 playlist")
    parser.add_argument("--relative", action="store_true", help="paths relative to the list (or to this folder)")


class Songs:
    """The songs of a library that a model has heard, as a table and as vectors of the same order.

    Attributes:
        table: of `song_table`, a row a song; of copies of the same audio all are in it.
        vectors: float32 (songs, d).
        first: for each row the row of the first copy of the same audio, int64 (songs,).
    """

    def __init__(self, library: Library, space: Space):
        ids, self.vectors = library.vectors(space)
        self.library, self.space = library, space
        self.table = song_table(library, space).loc[ids]
        first = library.copies()
        rows = {track_id: row for row, track_id in enumerate(ids)}
        self.first = np.array([rows[first.get(track_id, track_id)] for track_id in ids.tolist()], "int64")
        if not len(ids):
            raise KgenreError(f"{library.path}: {space.name} has heard no song that is there now.")

    def row(self, name: str) -> int:
        """The row of a song, by its path, or by words of its path, artist and title that fit no other: as they
        stand, or else in any order.

        Raises:
            KgenreError: none, or several.
        """
        paths = self.table["path"].tolist()
        for path in (os.path.abspath(name), os.path.realpath(name)):
            if path in paths:
                return paths.index(path)
        if os.path.exists(name):
            raise KgenreError(
                f"{name}: not in {self.library.path}, or it failed. `kgenre explore DIR` adds what is new."
            )
        names = self.table["path"] + " " + self.table["artist"] + " " + self.table["title"]
        names = [text.casefold() for text in names]
        rows = [row for row, text in enumerate(names) if name.casefold() in text]
        if not rows:
            words = name.casefold().split()
            rows = [row for row, text in enumerate(names) if all(word in text for word in words)]
        if len({self.first[row] for row in rows}) != 1:
            some = "; ".join(cli.one_line(paths[row]) for row in rows[:SHOWN])
            rule = (
                f"{len(rows)} songs fit it: {some}{'; ...' if len(rows) > SHOWN else ''}" if rows else "no song fits it"
            )
            raise KgenreError(f"{name}: {rule}. Name a file, or words of one song's path, artist or title.")
        return rows[0]

    def wanted(self, where: str | None) -> np.ndarray:
        """Which songs to choose from, bool (songs,): one copy of each, of those that a filter lets through."""
        mask = np.ones(len(self.table), bool) if where is None else matching(where, self.table, self.space.labels)
        rows = np.flatnonzero(mask)
        _, one = np.unique(self.first[rows], return_index=True)
        mask = np.zeros(len(self.table), bool)
        mask[rows[one]] = True
        return mask


def open_songs(args: argparse.Namespace, near=".") -> Songs:
    """The songs of the library that the flags name, or else of the one that `near` lies in."""
    if args.to is not None:
        cli.check_file(args.to, "--to")
    library = Library(args.library or find_library(near), create=False)
    return Songs(library, library.space(args.model))


def place_of(song: str) -> str:
    """Where to look for the library of a song: beside it if it is a file, else here."""
    return song if os.path.exists(song) else "."


def give(args: argparse.Namespace, songs: pd.DataFrame) -> None:
    """Writes the list where the flags say."""
    from kgenre.run import write_text

    base = (args.to.parent if args.to else Path(".")).resolve() if args.relative else None
    text = csv_text(songs) if args.csv else m3u8(songs, base)
    if args.to is not None:
        write_text(args.to, text)
    else:
        sys.stdout.write(text)
        sys.stdout.flush()


def add_where_flag(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--where", metavar="FILTER", help="only songs that `kgenre find FILTER` would list")


def positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number
