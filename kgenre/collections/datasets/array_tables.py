"""The table of tracks of an .npz file, from its columns and from a CSV beside it.

Columns are arrays of one value a track, by name: genre or label (names, or numbers into an array of names called
`genres`), genres ("Rock|Punk"), split, track_id or track, artist, album. FILE.csv beside FILE.npz adds columns by
track_id, and genres.csv names the numbers of its `genres_all` and gives their tree, as FMA publishes them.
"""

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from kgenre.audio.arrays import open_arrays
from kgenre.collections.datasets.dataset import Tracks
from kgenre.collections.datasets.fma_tables import read_genres
from kgenre.collections.tables import COLUMNS, SPLIT_NAMES, finish_table
from kgenre.core.errors import KgenreError
from kgenre.core.genres import join_genres

# The names that a column of the table has in an .npz or in a CSV beside it; the first that is there counts.
NAMES = {
    "genre": ("genre", "label"),
    "genres": ("genres", "genres_all"),
    "split": ("split",),
    "artist": ("artist",),
    "album": ("album",),
    "track_id": ("track_id", "track"),
}


def read_arrays(path: Path) -> Tracks:
    """The tracks of an .npz file, each with the path FILE.npz#INDEX.

    Raises:
        KgenreError: as `array_rows`; or tracks without a genre.
    """
    path = path.resolve()
    table, parents = array_rows(path)
    lacking = ((table["genre"] == "") & (table["genres"] == "")).to_numpy().nonzero()[0]
    if len(lacking):
        raise KgenreError(
            f"{path}: no genre of the track {lacking[0]}. Give an array `genre` of {len(table)} names, or a column "
            f"`genre` in {path.stem}.csv."
        )
    return Tracks(finish_table(table, str(path)), parents, given_split="given by the file")


def array_rows(path: Path) -> tuple[pd.DataFrame, dict[str, str]]:
    """The table of an .npz file, with COLUMNS, as its columns and a CSV say, and the parents of its genres.

    Raises:
        KgenreError: unreadable; a column of another length; a split that is none.
    """
    path = path.resolve()
    if not path.is_file():
        raise KgenreError(f"{path}: no such file.")
    file = open_arrays(path)
    if pickled := [name for known in NAMES.values() for name in known if name in file.objects]:
        raise KgenreError(
            f"{path}: `{pickled[0]}` is an array of Python objects, which is not read. Write it as text: "
            f"np.savez(FILE, {pickled[0]}={pickled[0]}.astype(str), ...)."
        )
    n_tracks, columns = len(file.spectrograms), dict(file.columns)
    names = _genre_names(columns, n_tracks)
    table = pd.DataFrame({"path": [f"{path}#{index}" for index in range(n_tracks)]})
    for column, known in NAMES.items():
        name = next((name for name in known if name in columns), None)
        table[column] = "" if name is None else _texts(path, name, columns[name], n_tracks, names)
    table["track_id"] = table["track_id"].where(table["track_id"] != "", [str(index) for index in range(n_tracks)])
    parents = _add_csv(table, path.with_suffix(".csv"))
    table["split"] = [_split_name(path, name) for name in table["split"]]
    return table[COLUMNS], parents


def _genre_names(columns: dict[str, np.ndarray], n_tracks: int) -> np.ndarray | None:
    """The array `genres` where it holds the names of numbered labels, taken out of the columns.

    As long as there are tracks, it is a name of each genre where it has each once and the labels are numbers.
    """
    found = columns.get("genres")
    if found is None or found.ndim != 1:
        return None
    label = next((columns[name] for name in NAMES["genre"] if name in columns), None)
    is_numbered = label is not None and label.dtype.kind in "iu" and found.dtype.kind in "US"
    if len(found) == n_tracks and not (is_numbered and len(np.unique(found)) == n_tracks):
        return None
    return columns.pop("genres")


def _texts(path: Path, name: str, values: np.ndarray, n_tracks: int, names: np.ndarray | None) -> list[str]:
    """A column as text; numbers of genres by their names."""
    if values.shape != (n_tracks,):
        shape = "x".join(map(str, values.shape)) or "one"
        raise KgenreError(f"{path}: `{name}` has {shape} values, and there are {n_tracks} tracks.")
    if name in NAMES["genre"] and values.dtype.kind == "f" and names is not None:
        raise KgenreError(f"{path}: `{name}` must be whole numbers into `genres`. Received: {values.dtype}.")
    if name in NAMES["genre"] and values.dtype.kind in "iu" and names is not None:
        if values.min() < 0 or values.max() >= len(names):
            raise KgenreError(
                f"{path}: `{name}` has numbers from {values.min()} to {values.max()}, and `genres` {len(names)} names."
            )
        values = names[values]
    if values.dtype.kind == "S":
        try:
            values = np.char.decode(values, "utf-8")
        except UnicodeDecodeError as error:
            raise KgenreError(
                f"{path}: `{name}` holds bytes that are not UTF-8. Write it as text, not bytes."
            ) from error
    if values.dtype.kind == "f":  # as pandas has whole numbers some of which are missing
        return ["" if np.isnan(value) else f"{value:g}" for value in values.tolist()]
    return [str(value).strip() for value in values.tolist()]


def _add_csv(table: pd.DataFrame, path: Path) -> dict[str, str]:
    """Fills what a CSV says of the tracks, in place; the parents of its genres.

    Ids that are numbers are compared as numbers, and written as the CSV has them: 002 is 2.
    """
    if not path.is_file():
        return {}
    try:
        rows = pd.read_csv(path, dtype="string", keep_default_na=False, encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise KgenreError(f"{path}: not a readable CSV ({str(error).splitlines()[0]}).") from error
    if "track_id" not in rows:
        raise KgenreError(f"{path}: needs the column track_id. Received: {', '.join(rows.columns)}.")
    rows.index = [_key(text) for text in rows["track_id"]]
    if rows.index.has_duplicates:
        raise KgenreError(f"{path}: has the track_id {rows.index[rows.index.duplicated()][0]} twice.")
    keys = [_key(text) for text in table["track_id"]]
    tree = path.with_name("genres.csv")
    titles, parents = read_genres(tree) if tree.is_file() else ({}, {})
    for column, known in NAMES.items():
        name = next((name for name in known if name in rows), None)
        if name is not None:
            told = rows[name].reindex(keys).fillna("").str.strip().to_list()
            told = [_titles(path, text, titles) for text in told] if column == "genres" else told
            table[column] = [new or old for new, old in zip(told, table[column])]
    return parents


def _key(text: str) -> str:
    text = text.strip()
    return str(int(text)) if text.isascii() and text.isdigit() else text


def _titles(path: Path, text: str, titles: Mapping[str, str]) -> str:
    """ "10|76" or "[10, 76]" of genre ids as their titles; names as they are."""
    numbers = re.findall(r"\d+", text)
    if not titles or re.sub(r"[\d\s|,\[\]]", "", text):
        return text
    if unknown := [number for number in numbers if number not in titles]:
        raise KgenreError(f"{path}: the genre {unknown[0]} is not in genres.csv beside it.")
    return join_genres(titles[number] for number in numbers)


def _split_name(path: Path, name: str) -> str:
    if name and name.lower() not in SPLIT_NAMES:
        raise KgenreError(f"{path}: `split` must be train, valid or test. Received: {name!r}.")
    return SPLIT_NAMES.get(name.lower(), "")
