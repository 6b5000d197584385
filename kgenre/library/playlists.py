"""Playlists of songs: extended m3u8, and CSV.

m3u8 is UTF-8, one song a line. A name that such a line cannot hold (bytes that are no UTF-8, a line break)
is written as a file: address, which VLC and mpv read.
"""

import csv
import io
import math
import os
import re
from pathlib import Path
from urllib.parse import quote

import pandas as pd

CSV_COLUMNS = ("path", "title", "artist", "album", "year", "genre", "predicted", "confidence", "seconds")
# Control characters, what some readers take for line breaks, and the half characters that stand for odd bytes.
UNWRITABLE = re.compile("[\x00-\x1f\x7f\x85\u2028\u2029\ud800-\udfff]")


def m3u8(songs: pd.DataFrame, relative_to=None) -> str:
    """An extended m3u8 playlist.

    Args:
        songs: rows with path, title, artist, seconds, as Library.tracks gives, in the order of playing.
        relative_to: folder that the paths are relative to, the one that the list will lie in; absolute if none.
    """
    lines = ["#EXTM3U"]
    for song in songs.itertuples():
        seconds = -1 if song.seconds is None or math.isnan(song.seconds) else round(song.seconds)
        lines += [f"#EXTINF:{seconds},{shown_name(song)}", path_line(song.path, relative_to)]
    return "\n".join(lines) + "\n"


def path_line(path: str, relative_to=None) -> str:
    """A path as a line of a playlist."""
    if UNWRITABLE.search(path) or (relative_to and UNWRITABLE.search(str(relative_to))):
        return "file://" + quote(os.fsencode(path))
    if relative_to is None:
        return path
    line = os.path.relpath(path, relative_to)
    # A leading # is a comment, a leading blank is dropped, and "Artist: Song" looks like an address.
    odd = line.startswith("#") or line[:1].isspace() or ":" in line.split("/")[0]
    return f"./{line}" if odd else line


def shown_name(song) -> str:
    """Artist and title on one line; the file's name where there are no tags."""
    name = " - ".join(part for part in (song.artist, song.title) if part) if song.title else Path(song.path).stem
    return UNWRITABLE.sub("?", " ".join(name.split()))


def csv_text(songs: pd.DataFrame) -> str:
    """A CSV table with CSV_COLUMNS, as far as the songs have them, and `distance` if they do.

    Odd bytes of paths are half characters in it: write it with errors="surrogateescape".
    """
    columns = [name for name in (*CSV_COLUMNS, "distance") if name in songs]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    for row in songs[columns].itertuples(index=False):
        writer.writerow([_cell(value) for value in row])
    return out.getvalue()


def _cell(value) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.6g}"
    return str(value)
