"""Playlists of songs: extended m3u8, CSV and JSON.

m3u8 is UTF-8, one song a line. A path that such a line cannot hold (undecodable bytes, a line break) is written
as a file: address, which VLC and mpv read.
"""

import csv
import io
import json
import math
from pathlib import Path

import pandas as pd

from kgenre.core.playlist_files import UNWRITABLE, path_line

COLUMNS = ("path", "title", "artist", "album", "year", "genre", "predicted", "confidence", "tags", "seconds")


def m3u8(songs: pd.DataFrame, relative_to=None) -> str:
    """An extended m3u8 playlist.

    Args:
        songs: rows with path, title, artist and seconds, as of Library.tracks, in playing order.
        relative_to: folder that the paths are relative to, where the playlist will be; None for absolute paths.
    """
    lines = ["#EXTM3U"]
    for song in songs.itertuples():
        seconds = -1 if song.seconds is None or math.isnan(song.seconds) else round(song.seconds)
        lines += [f"#EXTINF:{seconds},{display_name(song)}", path_line(song.path, relative_to)]
    return "\n".join(lines) + "\n"


def display_name(song) -> str:
    """Artist and title on one line; the file's name if it has no title tag."""
    name = " - ".join(part for part in (song.artist, song.title) if part) if song.title else Path(song.path).stem
    return UNWRITABLE.sub("?", " ".join(name.split()))


def csv_text(songs: pd.DataFrame) -> str:
    """A CSV table of `_columns`.

    Undecodable bytes of paths are lone surrogates in it: write it with errors="surrogateescape".
    """
    columns = _columns(songs)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    for row in songs[columns].itertuples(index=False):
        writer.writerow([_cell(value) for value in row])
    return out.getvalue()


def _cell(value) -> str:
    if isinstance(value, str):
        return value
    return "" if math.isnan(value) else f"{value:.6g}"


def json_text(songs: pd.DataFrame) -> str:
    """One JSON object a song and line, with `_columns` as keys; unknown numbers are null."""
    columns = _columns(songs)
    rows = (dict(zip(columns, row)) for row in songs[columns].itertuples(index=False))
    return "".join(json.dumps({name: _json_value(value) for name, value in row.items()}) + "\n" for row in rows)


def _json_value(value):
    if isinstance(value, str):
        return value
    return None if math.isnan(value) else float(f"{value:.6g}")


def _columns(songs: pd.DataFrame) -> list[str]:
    """COLUMNS and `distance`, as far as the songs have them."""
    return [name for name in (*COLUMNS, "distance") if name in songs]


WRITERS = {"m3u8": m3u8, "csv": csv_text, "jsonl": json_text}
