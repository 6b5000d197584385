"""Splits of a collection into train, valid and test, by artist where artists are known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from kgenre.audio.fragments import whole_file
from kgenre.audio.slicing import SliceSpec
from kgenre.collections.checks import (
    MOST_UNKNOWN,
    SPLITS,
    check_given,
    check_protocol,
    check_unit,
    is_known,
    join_recordings,
)
from kgenre.collections.grouping import group_ids, grouped_folds
from kgenre.collections.labels import SINGLE, strata
from kgenre.collections.protocols import PROTOCOLS
from kgenre.collections.settings import CollectionOptions
from kgenre.collections.slices import cut_tracks
from kgenre.core.errors import KgenreError
from kgenre.core.genres import split_genres
from kgenre.core.progress import SILENT, Progress
from kgenre.model.tasks import Task, make_task


@dataclass(frozen=True)
class Collection:
    """Tracks with a split, and how the split was made.

    table: DataFrame with collections.tables.COLUMNS.
    protocol: one sentence on how the split was made.
    task: "single" or "multi": whether `genre` or `genres` is what a track is labelled with.
    parents: {genre: its parent}, both among the labels; empty where the labels are a flat list.
    leaky: what makes metrics of this split too high, for a report that says LEAKY; "" if nothing is known to.
    left_out: {path or track id: cause} of what was there and is not among the tracks.
    """

    name: str
    table: pd.DataFrame
    protocol: str
    task: str = SINGLE
    parents: Mapping[str, str] = field(default_factory=dict)
    leaky: str = ""
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
    options: CollectionOptions | None = None,
    slice_spec: SliceSpec | None = None,
    progress: Progress = SILENT,
) -> Collection:
    """The collection split by the protocol of the options; without one, as given, or by artist, album or track.

    Args:
        table: with COLUMNS. Tracks without a split in a table that gives one to others are left out of a given split.
        given_split: who gave it, to complete "split ...".
        options: CollectionOptions.
        slice_spec: SliceSpec of the slices that random-slice deals.

    Raises:
        KgenreError: the protocol needs what the table does not have, or leaks without `allow_leak`; or the given split
            has a track on two sides.
    """
    options = options or CollectionOptions()
    chosen = options.protocol or default_protocol(table)
    check_protocol(name, table, chosen, options.allow_leak)
    unit, leaky = PROTOCOLS[chosen].unit, PROTOCOLS[chosen].leaky
    if unit == "":
        table, sentence = _given(table, given_split)
        leaky = check_given(name, table, options.allow_leak, progress)
    elif unit == "slice":
        table = cut_tracks(name, table, slice_spec, progress)
        table = table.assign(split=pd.array(deal(strata(table).to_numpy(), seed), dtype="string"))
        sentence = f"slices of {slice_spec.slice_seconds:.3g} s dealt at random, whatever their track, seed {seed}"
    else:
        table, sentence = _made(name, table, unit, seed, options.protocol is not None, progress)
    return Collection(name, table.reset_index(drop=True), sentence, task, parents or {}, leaky)


def default_protocol(table: pd.DataFrame) -> str:
    """The given split; else artist, album or track, the first that nearly all tracks have."""
    if (table["split"] != "").any():
        return "official"
    return next((unit for unit in ("artist", "album") if is_known(table, unit)), "track")


def _given(table: pd.DataFrame, given_split: str) -> tuple[pd.DataFrame, str]:
    given = table[table["split"] != ""]
    left_out = len(table) - len(given)
    return given, f"split {given_split}" + (f"; {left_out} tracks without a split left out" if left_out else "")


def _made(
    name: str, table: pd.DataFrame, unit: str, seed: int, asked: bool, progress: Progress
) -> tuple[pd.DataFrame, str]:
    """A new split by `unit`; what is the same recording stays on one side, too."""
    groups, sparse = split_groups(table, unit)
    groups = join_recordings(table, groups, progress)
    split = np.array(assign(strata(table).to_numpy(), groups, seed), dtype=object)
    cover_train(split, table["genres"], groups)
    note = f", but by track in {', '.join(sparse)} (fewer than 3 {unit}s)" if sparse else ""
    unknown = (table[unit] == "").mean() if unit != "track" else 0
    if asked and unknown:
        note += f", unknown of {unknown:.1%}, which are split by track"
    if asked and unit == "track" and (table["artist"] != "").any():
        note += ", artists ignored"
    if (table["split"] != "").any():
        note += ", the given split ignored"
    table = table.assign(split=pd.array(split, dtype="string"))
    check_unit(name, table[~strata(table).isin(sparse)], unit)
    return table, f"split by {unit}{note}, seed {seed}"


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


def deal(genres: np.ndarray, seed: int) -> np.ndarray:
    """One of SPLITS for each row, at random within its genre: a tenth each is valid and test."""
    order = np.random.default_rng(seed).permutation(len(genres))
    number = pd.Series(genres[order]).groupby(genres[order]).cumcount().to_numpy() % 10
    split = np.full(len(genres), "train", dtype=object)
    split[order[number == 1]] = "valid"  # after the first, for a genre of one row is train
    split[order[number == 2]] = "test"
    return split


def spread(split: np.ndarray, genres: np.ndarray, groups: np.ndarray) -> None:
    """Moves a rare genre's smallest groups to the splits that have none of it, train first, in place."""
    for genre in sorted(set(genres)):
        for name in SPLITS:
            counts = {other: pd.Series(groups[(genres == genre) & (split == other)]).value_counts() for other in SPLITS}
            donor = max(SPLITS, key=lambda other: len(counts[other]))
            if len(counts[name]) == 0 and (len(counts[donor]) > 1 or name == "train"):
                split[groups == counts[donor].sort_index().idxmin()] = name


def cover_train(split: np.ndarray, genres: Sequence[str], groups: np.ndarray, movable=("test", "valid")) -> None:
    """Moves to train the smallest group of each genre that has no track there, in place.

    Of several genres a track, strata tell of one alone: the others may be where they cannot be learnt.

    Args:
        genres: all of a track, as core.genres joins them.
        movable: the splits that groups are taken from.
    """
    own = [set(split_genres(text)) for text in genres]
    for genre in sorted(set().union(*own)):
        rows = np.array([genre in each for each in own])
        counts = pd.Series(groups[rows & np.isin(split, movable)]).value_counts()
        if len(counts) and not (split[rows] == "train").any() and (split == "train").any():
            split[groups == counts.sort_index().idxmin()] = "train"


def artist_overlap(rows: pd.DataFrame, train: pd.DataFrame) -> str:
    """One sentence on the share of `rows` that are by an artist of `train`, or that the artists are unknown."""
    if len(rows) == 0 or len(train) == 0:
        return "none: no tracks to compare"
    same = track_share(rows, train)
    prefix = f"{same:.1%} of the tracks themselves were trained on; " if same else ""
    shared = artist_share(rows, train)
    if shared is None and same:
        return f"{same:.1%} of the tracks themselves were trained on, so the metrics are optimistic; artists unknown"
    if shared is None:
        return "artists unknown, so the overlap is unknown and the metrics may be optimistic"
    unknown, of_train = (rows["artist"] == "").mean(), (train["artist"] == "").mean()
    note = f"; the artist is unknown for {unknown:.1%} of them and for {of_train:.1%} of the training tracks"
    return f"{prefix}{shared:.1%} of the tracks have an artist that was trained on{note if unknown + of_train else ''}"


def track_share(rows: pd.DataFrame, train: pd.DataFrame) -> float:
    """The share of `rows` that are, or are parts of, files of `train`."""
    return float(rows["path"].map(whole_file).isin(set(train["path"].map(whole_file))).mean())


def artist_share(rows: pd.DataFrame, train: pd.DataFrame) -> float | None:
    """The share of `rows` that are by an artist of `train`; None where too few artists are known."""
    if max((table["artist"] == "").mean() for table in (rows, train)) > MOST_UNKNOWN:
        return None
    known = set(train["artist"].str.casefold()) - {""}
    return float(rows["artist"].str.casefold().isin(known).mean())


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
