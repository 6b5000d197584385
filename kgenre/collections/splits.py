"""Splits of a collection into train, valid and test, by artist where artists are known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from kgenre.collections.grouping import group_ids, grouped_folds
from kgenre.collections.labels import SINGLE, strata
from kgenre.core.errors import KgenreError
from kgenre.core.genres import split_genres
from kgenre.model.tasks import Task, make_task

SPLITS = ("train", "valid", "test")
KNOWN_SHARE = 0.9  # a unit is used when at least this share of the tracks has it
MOST_UNKNOWN = 0.5  # beyond this share of tracks without an artist, the overlap says nothing


@dataclass(frozen=True)
class Collection:
    """Tracks with a split, and how the split was made.

    table: DataFrame with collections.tables.COLUMNS.
    protocol: one sentence on how the split was made.
    task: "single" or "multi": whether `genre` or `genres` is what a track is labelled with.
    parents: {genre: its parent}, both among the labels; empty where the labels are a flat list.
    left_out: {path or track id: cause} of what was there and is not among the tracks.
    """

    name: str
    table: pd.DataFrame
    protocol: str
    task: str = SINGLE
    parents: Mapping[str, str] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)

    @property
    def labels(self) -> list[str]:
        return labels_of(self.table)

    def make_task(self, labels: Sequence[str]) -> Task:
        """The task, for these of the labels, with their tree."""
        number = {label: i for i, label in enumerate(labels)}
        parents = [number.get(self.parents.get(label), -1) for label in labels]
        return make_task(self.task, labels, {} if self.task == SINGLE else {"parents": parents})

    def rows(self, split: str) -> pd.DataFrame:
        return self.table[self.table["split"] == split].reset_index(drop=True)


def labels_of(table: pd.DataFrame) -> list[str]:
    """The genres of the tracks, sorted."""
    return sorted({genre for text in table["genres"] for genre in split_genres(text)})


def with_split(
    name: str,
    table: pd.DataFrame,
    seed: int = 0,
    task: str = SINGLE,
    parents: Mapping[str, str] | None = None,
    given_split: str = "given by the manifest",
) -> Collection:
    """The collection with its given split, or one made by artist, else album, else track.

    Tracks without a split in a table that gives one to others are left out of all three.
    """
    if (table["split"] != "").any():
        given = table[table["split"] != ""].reset_index(drop=True)
        left_out = len(table) - len(given)
        note = f"; {left_out} tracks without a split left out" if left_out else ""
        return Collection(name, given, f"split {given_split}{note}", task, parents or {})
    unit = next((unit for unit in ("artist", "album") if (table[unit] != "").mean() >= KNOWN_SHARE), "track")
    groups, sparse = split_groups(table, unit)
    table = table.assign(split=pd.array(assign(strata(table).to_numpy(), groups, seed), dtype="string"))
    note = f", but by track in {', '.join(sparse)} (fewer than 3 {unit}s)" if sparse else ""
    return Collection(name, table, f"split by {unit}{note}, seed {seed}", task, parents or {})


def split_groups(table: pd.DataFrame, unit: str) -> tuple[np.ndarray, list[str]]:
    """The group of each track, and the genres whose groups are too few for three splits: theirs are single tracks."""
    groups = group_ids(table, unit)
    if unit == "track":
        return groups, []
    genres = strata(table)
    counts = pd.Series(groups).groupby(genres.to_numpy()).nunique()
    sparse = sorted(counts[counts < len(SPLITS)].index)
    return np.where(genres.isin(sparse), group_ids(table, "track"), groups), sparse


def assign(genres: np.ndarray, groups: np.ndarray, seed: int) -> list[str]:
    """One of SPLITS for each track: two folds of three to ten for valid and test, groups kept whole.

    There are as many folds as the median genre has groups, so that one rare genre does not decide for all.
    """
    split = np.full(len(genres), "train", dtype=object)
    if len(set(groups)) < 3 or pd.Series(genres).value_counts().max() < 3:  # too few for valid and test
        return list(split)
    per_genre = pd.Series(groups).groupby(genres).nunique()
    folds = grouped_folds(genres, groups, int(np.clip(per_genre.median(), 3, 10)), seed)
    for name, (_, rows) in zip(("test", "valid"), folds):
        split[rows] = name
    spread(split, genres, groups)
    return list(split)


def spread(split: np.ndarray, genres: np.ndarray, groups: np.ndarray) -> None:
    """Moves a rare genre's smallest groups to the splits that have none of it, train first, in place."""
    for genre in sorted(set(genres)):
        for name in SPLITS:
            counts = {other: pd.Series(groups[(genres == genre) & (split == other)]).value_counts() for other in SPLITS}
            donor = max(SPLITS, key=lambda other: len(counts[other]))
            if len(counts[name]) == 0 and (len(counts[donor]) > 1 or name == "train"):
                split[groups == counts[donor].sort_index().idxmin()] = name


def artist_overlap(rows: pd.DataFrame, train: pd.DataFrame) -> str:
    """One sentence on the share of `rows` that are by an artist of `train`, or that the artists are unknown."""
    if len(rows) == 0 or len(train) == 0:
        return "none: no tracks to compare"
    same = rows["path"].isin(train["path"]).mean()
    prefix = f"{same:.1%} of the tracks themselves were trained on; " if same else ""
    unknown, of_train = (rows["artist"] == "").mean(), (train["artist"] == "").mean()
    if max(unknown, of_train) > MOST_UNKNOWN:
        return f"{prefix}artists unknown, so the overlap is unknown and the metrics may be optimistic"
    known = set(train["artist"].str.casefold()) - {""}
    shared = rows["artist"].str.casefold().isin(known).mean()
    note = f"; the artist is unknown of {unknown:.1%} of them and of {of_train:.1%} of the trained tracks"
    return f"{prefix}{shared:.1%} of the tracks have an artist that was trained on{note if unknown + of_train else ''}"


def trainable_genres(tracks: pd.DataFrame, name: str) -> list[str]:
    """The genres of the train rows, sorted.

    Raises:
        KgenreError: no valid and test rows, fewer than two genres, or a genre without train rows.
    """
    labels = labels_of(tracks[tracks["split"] == "train"])
    lost = sorted(set(labels_of(tracks)) - set(labels))
    step = "Add tracks (three a genre at least), or give a `split` in a manifest."
    if (tracks["split"] == "train").all():
        raise KgenreError(f"{name}: training needs valid or test tracks. Received: no valid and no test tracks. {step}")
    if lost or len(labels) < 2:
        no_train = f"no train tracks of: {', '.join(lost)}"
        received = no_train if lost else f"train tracks of: {', '.join(labels) or 'none'}"
        raise KgenreError(
            f"{name}: at least two genres, each with train tracks, are needed. Received: {received}. {step}"
        )
    return labels
