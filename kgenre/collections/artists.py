"""Artists of tracks from a file beside the collection, for datasets that do not say them.

Two forms are read. A .csv has a column track_id or path, a column artist and perhaps album. Any other file is read
as the index that Bob Sturm published of GTZAN: "blues.00082.wav ::: Buckwheat Zydeco ::: title", "##" before comments,
fields empty where they are unknown.
"""

import csv
import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from kgenre.audio.walk import AUDIO_SUFFIXES
from kgenre.core.errors import KgenreError
from kgenre.core.progress import SILENT, Progress

FIELD = ":::"
COMMENT = "##"
FORMS = "a .csv with track_id or path, and artist; or lines as `blues.00082.wav ::: Buckwheat Zydeco ::: title`"


@dataclass(frozen=True)
class Known:
    """Artist and album of a track, "" where unknown."""

    artist: str
    album: str = ""


def read_artists(path) -> dict[str, Known]:
    """{track id, name or absolute path of a file: what is known of it}.

    Raises:
        KgenreError: unreadable, or not of either form.
    """
    path = Path(path)
    try:
        text = _decoded(path.read_bytes())
    except OSError as error:
        raise KgenreError(f"{path}: cannot be read: {error.strerror}. --artists takes {FORMS}.") from error
    return _of_csv(path, text) if path.suffix.lower() == ".csv" else _of_index(path, text)


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


def _of_index(path: Path, text: str) -> dict[str, Known]:
    known = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith(COMMENT):
            continue
        name, *fields = (field.strip() for field in line.split(FIELD))
        if not fields or not name:
            raise KgenreError(f"{path}: line {number} has no {FIELD!r}. --artists takes {FORMS}.")
        known[name] = Known(fields[0])
    return known


def _of_csv(path: Path, text: str) -> dict[str, Known]:
    reader = csv.DictReader(io.StringIO(text, newline=""))
    columns = {str(name).strip().lower(): name for name in reader.fieldnames or []}
    key = next((columns[name] for name in ("track_id", "path") if name in columns), None)
    if key is None or "artist" not in columns:
        raise KgenreError(
            f"{path}: a table of artists needs the columns track_id or path, and artist. "
            f"Received: {', '.join(columns) or 'nothing'}."
        )
    artist, album = columns["artist"], columns.get("album")
    known = {}
    for row in _rows(path, reader):
        name = (row[key] or "").strip()
        if key == columns.get("path"):
            name = os.path.realpath(path.parent / name) if name and "\0" not in name else ""  # no file has a NUL
        if name:
            known[name] = Known((row[artist] or "").strip(), (row.get(album) or "").strip())
    return known


def _rows(path: Path, reader: csv.DictReader) -> Iterator[dict]:
    try:
        yield from reader
    except csv.Error as error:  # as of a quote that is never closed
        raise KgenreError(
            f"{path}: line {reader.line_num} cannot be read ({error}). A .csv needs each quote closed."
        ) from error


def with_artists(table: pd.DataFrame, path, name: str, progress: Progress = SILENT) -> pd.DataFrame:
    """The tracks with the artists and albums that a file gives; what it does not say stays as it is.

    A track is found by its track id, its path or its file's name, with or without the ending, as far as no other track
    has the same.

    Args:
        table: with collections.tables.COLUMNS.
        path: of the file.
        name: of the collection, for lines and errors.

    Raises:
        KgenreError: the file is not readable, or names none of the tracks.
    """
    known = read_artists(path)
    by_name = {_without_ending(key): key for key in known} | {key: key for key in known}
    keys = [next((by_name[name] for name in names if name in by_name), None) for names in _names(table)]
    if not any(keys):
        received, needed = next(iter(known), "nothing"), table["track_id"].iloc[0]
        raise KgenreError(
            f"{path}: names none of the tracks of {name}. Received: {received}; the track ids are such as {needed}."
        )
    found = [known[key] if key else Known("") for key in keys]
    artists = [new.artist or old for new, old in zip(found, table["artist"])]
    albums = [new.album or old for new, old in zip(found, table["album"])]
    unused = len(set(known) - set(keys))
    progress.line(
        f"{name}: {sum(map(bool, artists))} of {len(table)} tracks have an artist, from {path}"
        + (f", which lists {unused} others" if unused else "")
    )
    return table.assign(artist=pd.array(artists, dtype="string"), album=pd.array(albums, dtype="string"))


def _names(table: pd.DataFrame) -> list[list[str]]:
    """The names by which each track may be known, the surest first; none that another track has, too."""
    columns = [table["track_id"], table["path"], table["path"].map(lambda path: Path(path).name)]
    alone = [~column.map(_without_ending).duplicated(keep=False) for column in columns]
    rows = zip(*(column.where(unique, table["path"]) for column, unique in zip(columns, alone)))
    return [[form for name in row for form in (name, _without_ending(name))] for row in rows]


def _without_ending(name: str) -> str:
    """Without ".wav" and the like; "blues.00082" has no ending."""
    stem, ending = os.path.splitext(name)
    return stem if ending.lower() in AUDIO_SUFFIXES else name
