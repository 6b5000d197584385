"""Splits of a collection into train, valid and test, by artist where artists are known."""

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold

from kgenre.core.errors import KgenreError

SPLITS = ("train", "valid", "test")
KNOWN_SHARE = 0.9  # a unit is used when at least this share of the tracks has it


@dataclass(frozen=True)
class Collection:
    """Tracks with a split, and how they came by it.

    table: DataFrame with path, genre, split, artist, album, track_id.
    protocol: one sentence on how the split was made.
    """

    name: str
    table: pd.DataFrame
    protocol: str

    @property
    def labels(self) -> list[str]:
        return sorted(self.table["genre"].unique())

    def rows(self, split: str) -> pd.DataFrame:
        return self.table[self.table["split"] == split].reset_index(drop=True)


def with_split(name: str, table: pd.DataFrame, seed: int = 0) -> Collection:
    """The collection with its given split, or one made by artist, else album, else track.

    Tracks without a split in a table that gives one to others are left out of all three.
    """
    if (table["split"] != "").any():
        given = table[table["split"] != ""].reset_index(drop=True)
        left_out = len(table) - len(given)
        note = f"; {left_out} tracks without a split left out" if left_out else ""
        return Collection(name, given, f"split given by the manifest{note}")
    unit = next((unit for unit in ("artist", "album") if (table[unit] != "").mean() >= KNOWN_SHARE), "track")
    groups, loose = split_groups(table, unit)
    table = table.assign(split=pd.array(assign(table["genre"].to_numpy(), groups, seed), dtype="string"))
    note = f", but by track in {', '.join(loose)} (fewer than 3 {unit}s)" if loose else ""
    return Collection(name, table, f"split by {unit}{note}, seed {seed}")


def split_groups(table: pd.DataFrame, unit: str) -> tuple[np.ndarray, list[str]]:
    """A group for each track, which no split may part; and the genres with too few groups to do so."""
    own = table["path"].to_numpy(dtype=object)
    if unit == "track":
        return own, []
    groups = np.where(table[unit] == "", own, unit + ":" + table[unit].str.casefold())
    counts = pd.Series(groups).groupby(table["genre"].to_numpy()).nunique()
    loose = sorted(counts[counts < len(SPLITS)].index)
    return np.where(table["genre"].isin(loose), own, groups), loose


def assign(genres: np.ndarray, groups: np.ndarray, seed: int) -> list[str]:
    """One of SPLITS for each track: two folds of three to ten for valid and test, groups kept whole.

    There are as many folds as the median genre has groups, so that one rare genre does not decide for all.
    """
    split = np.full(len(genres), "train", dtype=object)
    if len(set(groups)) < 3 or pd.Series(genres).value_counts().max() < 3:  # nothing to choose on, nothing to test on
        return list(split)
    per_genre = pd.Series(groups).groupby(genres).nunique()
    folds = StratifiedGroupKFold(int(np.clip(per_genre.median(), 3, 10)), shuffle=True, random_state=seed)
    with warnings.catch_warnings(action="ignore"):  # about genres of fewer tracks than folds
        for name, (_, rows) in zip(("test", "valid"), folds.split(genres, genres, groups)):
            split[rows] = name
    spread(split, genres, groups)
    return list(split)


def spread(split: np.ndarray, genres: np.ndarray, groups: np.ndarray) -> None:
    """Moves a rare genre's smallest groups to the splits that lack it, train before all, in place."""
    for genre in sorted(set(genres)):
        for name in SPLITS:
            counts = {other: pd.Series(groups[(genres == genre) & (split == other)]).value_counts() for other in SPLITS}
            donor = max(SPLITS, key=lambda other: len(counts[other]))
            if len(counts[name]) == 0 and (len(counts[donor]) > 1 or name == "train"):
                split[groups == counts[donor].sort_index().idxmin()] = name


def artist_overlap(rows: pd.DataFrame, train: pd.DataFrame) -> str:
    """One sentence: the share of `rows` whose artist is also in `train`, "unknown" where artists are."""
    if len(rows) == 0 or len(train) == 0:
        return "none: no tracks to compare"
    same = rows["path"].isin(train["path"]).mean()
    prefix = f"{same:.1%} of the tracks themselves were trained on; " if same else ""
    if (rows["artist"] == "").mean() > 1 - KNOWN_SHARE or (train["artist"] == "").mean() > 1 - KNOWN_SHARE:
        return f"{prefix}artists unknown, so the overlap is unknown and the figure may be optimistic"
    known = set(train["artist"].str.casefold()) - {""}
    shared = rows["artist"].str.casefold().isin(known).mean()
    return f"{prefix}{shared:.1%} of the tracks have an artist that was trained on"


def trainable_genres(tracks, name: str) -> list[str]:
    """The genres of the train rows; every other row must be of one of them."""
    labels = sorted(tracks.loc[tracks["split"] == "train", "genre"].unique())
    lost = sorted(set(tracks["genre"]) - set(labels))
    if (tracks["split"] == "train").all():
        raise KgenreError(
            f"{name}: no valid and no test tracks: nothing to choose the epoch on and to judge by. "
            "Add tracks (three a genre at least), or give a `split` in the manifest."
        )
    if lost or len(labels) < 2:
        received = (
            f"no train tracks of: {', '.join(lost)}" if lost else f"train tracks of: {', '.join(labels) or 'none'}"
        )
        raise KgenreError(
            f"{name}: at least two genres, each with train tracks, are needed. Received: {received}. "
            "Add tracks (three a genre at least), or give a `split` in a manifest."
        )
    return labels
