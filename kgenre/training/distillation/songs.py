"""The tracks that a student learns from: any folder of music, or a collection; and their split by groups."""

import os
from pathlib import Path

import numpy as np
import pandas as pd

from kgenre.audio.walk import find_audio_files
from kgenre.collections import find_dataset, labelled_tracks
from kgenre.collections.checks import SPLITS, is_known, join_recordings
from kgenre.collections.grouping import group_ids, grouped_folds
from kgenre.collections.labels import strata
from kgenre.collections.tables import COLUMNS
from kgenre.core.errors import KgenreError
from kgenre.core.progress import SILENT, Progress

FOLDS = 10  # of which one is valid and one test
LEAST_TRACKS = len(SPLITS)


def load_songs(data: str, progress: Progress = SILENT) -> pd.DataFrame:
    """The tracks of a folder, whatever lies how deep in it, or of a dataset or manifest.

    Returns:
        Table with collections.tables.COLUMNS and `kind`, by which agreement is told: the first folder below the one
        that is named, or the genre; genres themselves are left empty, for a student does not learn them. In a
        folder, `album` is the folder that a song lies in. `track_id` names a track wherever the collection lies.

    Raises:
        KgenreError: nothing of that name, or fewer than three tracks.
    """
    if Path(data).is_dir() and find_dataset(data) is None:
        table = _of_folder(Path(data).resolve())
    else:
        table = _of_collection(data, progress)
    if len(table) < LEAST_TRACKS:
        raise KgenreError(
            f"{data}: a student needs at least {LEAST_TRACKS} songs, one each to train, to choose the epoch and to "
            f"test. Received: {len(table)}. Name a folder of music with --data."
        )
    return table


def _of_folder(folder: Path) -> pd.DataFrame:
    rows = []
    for file in find_audio_files(folder):
        name = file.relative_to(folder)
        kind = name.parts[0] if len(name.parts) > 1 else "."
        rows.append({"path": str(file), "album": str(name.parent), "track_id": name.as_posix(), "kind": kind})
    return pd.DataFrame(rows, columns=[*COLUMNS, "kind"]).astype("string").fillna("")


def _of_collection(data: str, progress: Progress) -> pd.DataFrame:
    tracks, _ = labelled_tracks(data, progress=progress)
    table = tracks.table.assign(kind=strata(tracks.table), genre="", genres="")
    if table["track_id"].duplicated().any():
        table["track_id"] = [os.path.relpath(path, os.path.commonpath(list(table["path"]))) for path in table["path"]]
    return table.astype("string")


def split_songs(table: pd.DataFrame, seed: int, progress: Progress = SILENT) -> tuple[pd.DataFrame, str]:
    """The table with `split` and `group`, and one sentence on how it was split.

    A split that the collection gives is kept. Else a tenth each is valid and test, whole groups: artists, or albums and
    folders, the first that nearly all tracks have and that makes ten groups; else single tracks. A recording that is
    there twice is in one group.
    """
    units = [unit for unit in ("artist", "album") if is_known(table, unit)]
    candidates = ((unit, join_recordings(table, group_ids(table, unit), progress)) for unit in (*units, "track"))
    unit, groups = next(found for found in candidates if len(set(found[1])) >= FOLDS or found[0] == "track")
    table = table.assign(group=pd.array(groups, dtype="string"))
    if set(SPLITS) <= set(table["split"]):
        return table[table["split"] != ""].reset_index(drop=True), "split given by the collection"
    table["split"] = pd.array(_deal(table["kind"].to_numpy(), groups, seed), dtype="string")
    name = "folder or album" if unit == "album" else unit
    return table, f"a tenth each is valid and test, split by {name}, seed {seed}"


def _deal(kinds: np.ndarray, groups: np.ndarray, seed: int) -> np.ndarray:
    """One of SPLITS for each track."""
    split = np.full(len(groups), "train", dtype=object)
    if pd.Series(kinds).value_counts().max() < FOLDS:  # folds need as many tracks of some kind
        kinds = np.full(len(groups), "")
    folds = grouped_folds(kinds, groups, FOLDS, seed)
    if len(folds) < LEAST_TRACKS:
        number = np.unique(groups, return_inverse=True)[1] % LEAST_TRACKS
        return np.array(SPLITS, dtype=object)[number]
    for name, (_, rows) in zip(SPLITS[1:], folds):
        split[rows] = name
    return split
