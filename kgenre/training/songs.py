"""The tracks of a training without labels: any folder of music, or a collection; and their split by groups."""

import os
from pathlib import Path

import numpy as np
import pandas as pd

from kgenre.audio.inputs import ARRAYS, SPECTROGRAM, SPECTROGRAMS, WAVEFORM
from kgenre.audio.tags import read_all_tags
from kgenre.audio.walk import find_files
from kgenre.collections import find_dataset, labelled_tracks
from kgenre.collections.checks import SPLITS, is_known, join_recordings
from kgenre.collections.datasets.array_tables import array_rows
from kgenre.collections.grouping import group_ids, grouped_folds
from kgenre.collections.labels import strata
from kgenre.collections.prepared import is_prepared
from kgenre.collections.spectrogram_facts import FACTS, MANIFEST
from kgenre.collections.tables import COLUMNS
from kgenre.core.errors import KgenreError
from kgenre.core.progress import SILENT, Progress

FOLDS = 10  # of which one is valid and one test
LEAST_TRACKS = len(SPLITS)


def load_songs(data: str, input: str = WAVEFORM, progress: Progress = SILENT) -> pd.DataFrame:
    """The tracks of a folder, whatever lies how deep in it, or of a dataset, manifest or prepared set.

    Args:
        input: what a track is, audio or a spectrogram.

    Returns:
        Table with collections.tables.COLUMNS and `kind`, by which agreement is told: the first folder below the one
        that is named, or the genre; genres themselves are left empty, for they are not learnt. In a folder, `album` is
        the folder that a song lies in, and `artist` that of its tags. `track_id` names a track wherever the collection
        lies.

    Raises:
        KgenreError: nothing of that name, or fewer than three tracks.
    """
    place = Path(data.removeprefix(f"{SPECTROGRAMS}:")).expanduser()
    if place.suffix.lower() == ARRAYS:
        table = array_rows(place)[0].assign(kind="", genre="", genres="")
    elif _is_plain_folder(data, place, input):
        table = _of_folder(place.resolve(), input, progress)
    else:
        table = _of_collection(data, progress)
    if len(table) < LEAST_TRACKS:
        raise KgenreError(
            f"{data}: without labels at least {LEAST_TRACKS} songs are needed, one each to train, to choose the epoch "
            f"and to test. Received: {len(table)}. Name a folder of music with --data."
        )
    return table.astype("string")


def _is_plain_folder(data: str, place: Path, input: str) -> bool:
    """Whether `data` names a folder of files, without a table of its tracks."""
    if not place.is_dir() or is_prepared(place):
        return False
    if input == SPECTROGRAM:
        return not any((place / name).is_file() for name in (MANIFEST, FACTS))
    return find_dataset(data) is None


def _of_folder(folder: Path, input: str, progress: Progress) -> pd.DataFrame:
    rows = []
    for file in find_files(folder, input):
        name = file.relative_to(folder)
        kind = name.parts[0] if len(name.parts) > 1 else "."
        rows.append({"path": str(file), "album": str(name.parent), "track_id": name.as_posix(), "kind": kind})
    table = pd.DataFrame(rows, columns=[*COLUMNS, "kind"]).fillna("")
    table["artist"] = [tag.artist for tag in read_all_tags(list(table["path"]), progress)]
    return table


def _of_collection(data: str, progress: Progress) -> pd.DataFrame:
    tracks, _ = labelled_tracks(data, progress=progress)
    table = tracks.table.assign(kind=strata(tracks.table), genre="", genres="")
    if table["track_id"].duplicated().any():
        table["track_id"] = [os.path.relpath(path, os.path.commonpath(list(table["path"]))) for path in table["path"]]
    return table


def split_songs(
    table: pd.DataFrame, seed: int, progress: Progress = SILENT, splits: tuple[str, ...] = SPLITS, least: int = 1
) -> tuple[pd.DataFrame, str]:
    """The table with `split` and `group`, and one sentence on how it was split.

    A split that the collection gives is kept. Else a tenth each is valid and test, whole groups: artists, or albums and
    folders, the first that nearly all tracks have, that makes ten groups, and whose groups are small enough: a part
    of half a tenth is the least. Else single tracks. A recording that is there twice is in one group.

    Args:
        splits: those that are needed; tracks that the collection gives to another are left out.
        least: tracks that each of them needs.

    Raises:
        KgenreError: one of them has fewer.
    """
    others = ~table["split"].isin(("", *splits))
    table = table[~others].reset_index(drop=True)
    without = f"; {others.sum()} others are left out" if others.any() else ""
    units = [unit for unit in ("artist", "album") if is_known(table, unit)]
    grouped = ((unit, join_recordings(table, group_ids(table, unit), progress)) for unit in (*units, "track"))
    candidates = (found for found in grouped if len(set(found[1])) >= FOLDS or found[0] == "track")
    if set(splits) <= set(table["split"]):
        _, groups = next(candidates)
        table = table.assign(group=pd.array(groups, dtype="string"))
        given = table[table["split"] != ""].reset_index(drop=True)
        _check_counts(given, splits, least)
        return given, f"split given by the collection{without}"
    for found in candidates:
        unit, groups = found
        split = _deal(table["kind"].to_numpy(), groups, seed, splits, least)
        if min((split == name).sum() for name in splits[1:]) >= len(table) / FOLDS / 2:
            break
    table = table.assign(group=pd.array(groups, dtype="string"), split=pd.array(split, dtype="string"))
    _check_counts(table, splits, least)
    name = "folder or album" if unit == "album" else unit
    part = "a tenth each is valid and test" if splits == SPLITS else f"a tenth is {splits[-1]}"
    return table, f"{part}, split by {name}, seed {seed}{without}"


def _check_counts(table: pd.DataFrame, splits: tuple[str, ...], least: int) -> None:
    for name in splits:
        if (n := int((table["split"] == name).sum())) < least:
            raise KgenreError(
                f"too few songs for the {name} split, which needs {least} or more. Received: {n} of {len(table)}. "
                "Name more music with --data, or another split."
            )


def _deal(kinds: np.ndarray, groups: np.ndarray, seed: int, splits: tuple[str, ...], least: int = 1) -> np.ndarray:
    """One of `splits` for each track; a tenth, or as many tenths as hold `least` tracks, for each but the first.

    Groups of more than two tenths are left to the first, if there are others.
    """
    split = np.full(len(groups), splits[0], dtype=object)
    if pd.Series(kinds).value_counts().max() < FOLDS:  # folds need as many tracks of some kind
        kinds = np.full(len(groups), "")
    folds = grouped_folds(kinds, groups, FOLDS, seed)
    if len(folds) < len(splits):
        number = np.unique(groups, return_inverse=True)[1] % len(splits)
        return np.array(splits, dtype=object)[number]
    rest = iter(sorted(folds, key=lambda fold: len(fold[1]) > 2 * len(groups) / FOLDS))
    for name in splits[1:]:
        while (split == name).sum() < least and (fold := next(rest, None)):
            split[fold[1]] = name
    return split
