"""FMA's tracks.csv and genres.csv as a table of tracks."""

import csv
import os
import re
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from kgenre.collections.datasets.dataset import Tracks
from kgenre.collections.tables import COLUMNS, finish_table
from kgenre.core.errors import KgenreError
from kgenre.core.genres import SEPARATOR, join_genres

SPLITS = {"training": "train", "validation": "valid", "test": "test"}
# Of the first two of the three header rows; the third names the index.
FIELDS = {
    "split": ("set", "split"), "subset": ("set", "subset"), "genre": ("track", "genre_top"),
    "genres": ("track", "genres_all"), "artist": ("artist", "name"), "artist_id": ("artist", "id"),
    "album": ("album", "title"), "album_id": ("album", "id"),
}  # fmt: skip
NO_FILE = "in tracks.csv, but not among the files"


def read_fma(name: str, audio: Path, metadata: Path, subsets: tuple[str, ...], faults: Mapping[str, str]) -> Tracks:
    """The tracks of an edition of FMA that have a file, with the official split.

    Args:
        name: of the edition.
        audio: folder with 000/000002.mp3 and so on.
        metadata: folder with tracks.csv and genres.csv.
        subsets: values of ('set', 'subset') that the edition has.
        faults: {track id: cause} of tracks that are left out anyhow, whether or not they have a file.

    Raises:
        KgenreError: a table of another form, or no file of any track.
    """
    titles, parents = read_genres(metadata / "genres.csv")
    tracks = _read_tracks(metadata / "tracks.csv")
    tracks = tracks[tracks["subset"].isin(subsets)]
    there = _track_ids(audio)
    absent = ~(tracks.index.isin(there) | tracks.index.isin(list(faults)))
    if absent.sum() + tracks.index.isin(list(faults)).sum() == len(tracks):
        raise KgenreError(
            f"{name}: none of the {len(tracks)} tracks of {metadata / 'tracks.csv'} has a file such as "
            f"{audio}/000/000002.mp3. Remove {audio} and type `kgenre datasets {name} --download`."
        )
    left_out = dict.fromkeys(tracks.index[absent], NO_FILE)
    table = finish_table(_as_table(tracks[~absent], audio, titles), name)
    return Tracks(table, parents, left_out, given_split="given by FMA")


def read_genres(path: Path) -> tuple[dict[str, str], dict[str, str]]:
    """{genre id: its title}, each title once, and {title: title of its parent}.

    Raises:
        KgenreError: unreadable, or another form.
    """
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig").set_index("genre_id")
        ids, names, above = list(table.index), list(table["title"]), list(table["parent"])
    except (OSError, ValueError, KeyError) as error:
        raise _unreadable(path, error) from error
    names = [title.strip().replace(SEPARATOR, "/") for title in names]
    titles = {number: f"{title} ({number})" if names.count(title) > 1 else title for number, title in zip(ids, names)}
    parents = {titles[number]: titles[parent] for number, parent in zip(ids, above) if parent in titles}
    return titles, parents


def _read_tracks(path: Path) -> pd.DataFrame:
    """FIELDS of tracks.csv as text, "" where unknown, by track id of six digits."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.reader(file)
            columns = list(zip(next(rows), next(rows)))
        places = {field: columns.index(head) for field, head in FIELDS.items()}
        table = pd.read_csv(
            path, header=None, skiprows=3, usecols=[0, *places.values()], dtype=str, keep_default_na=False
        )
    except (OSError, ValueError, StopIteration) as error:
        raise _unreadable(path, error) from error
    table = table.rename(columns={place: field for field, place in places.items()})
    if not table[0].str.fullmatch(r"\d{1,6}").all():
        raise KgenreError(f"{path}: a track id must be a number of six digits at most. Take the published file.")
    return table.set_index(table.pop(0).str.zfill(6))


def _as_table(tracks: pd.DataFrame, audio: Path, titles: Mapping[str, str]) -> pd.DataFrame:
    ids, folder = tracks.index, str(audio.resolve())
    table = pd.DataFrame({
        "path": [f"{folder}/{number[:3]}/{number}.mp3" for number in ids],
        "genre": tracks["genre"].to_numpy(),
        "genres": [_titles(number, text, titles) for number, text in zip(ids, tracks["genres"])],
        "split": [SPLITS.get(split, "") for split in tracks["split"]],
        "artist": _named(tracks["artist"], tracks["artist_id"]),
        "album": _named(tracks["album"], tracks["album_id"]),
        "track_id": ids,
    })  # fmt: skip
    return table[COLUMNS].astype("string")


def _titles(track: str, text: str, titles: Mapping[str, str]) -> str:
    """ "[76, 103]" as titles."""
    numbers = re.findall(r"\d+", text)
    if unknown := [number for number in numbers if number not in titles]:
        raise KgenreError(
            f"tracks.csv: track {track} has the genre {unknown[0]}, which genres.csv lacks. "
            "Take both from one fma_metadata.zip."
        )
    return join_genres(titles[number] for number in numbers)


def _named(names: pd.Series, ids: pd.Series) -> list[str]:
    """Name and id: two artists of one name are two. An unknown one is ""; albums without a title have the id -1."""
    return ["" if number in ("", "-1") else f"{name.strip()} [{number}]".lstrip() for name, number in zip(names, ids)]


def _track_ids(audio: Path) -> set[str]:
    """The ids of the files that are there: a stat for each of 100 000 would take a minute on a slow disk."""
    folders = [entry.path for entry in os.scandir(audio) if re.fullmatch(r"\d{3}", entry.name) and entry.is_dir()]
    names = (entry.name for folder in folders for entry in os.scandir(folder))
    return {name.removesuffix(".mp3") for name in names if name.endswith(".mp3")}


def _unreadable(path: Path, error: BaseException) -> KgenreError:
    cause = getattr(error, "strerror", None) or (str(error).splitlines() or ["it ends in its header"])[0]
    return KgenreError(f"{path}: not a readable table of FMA ({cause}). Take it from fma_metadata.zip.")
