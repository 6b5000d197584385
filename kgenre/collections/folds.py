"""Folds of a collection: each is tested once by a model that learnt from the others; groups are kept whole."""

import dataclasses

import numpy as np
import pandas as pd

from kgenre.collections.checks import is_known, join_recordings
from kgenre.collections.grouping import grouped_folds
from kgenre.collections.labels import strata
from kgenre.collections.protocols import PROTOCOLS
from kgenre.collections.settings import CollectionOptions
from kgenre.collections.splits import Collection, cover_train, labels_of, split_groups
from kgenre.core.errors import KgenreError
from kgenre.core.progress import SILENT, Progress


def check_folds(options: CollectionOptions, n_folds: int) -> None:
    """Raises KgenreError for fewer than two folds, or for folds of a split that is given."""
    if n_folds < 2:
        raise KgenreError(f"`folds` must be at least 2. Received: folds={n_folds}.")
    if options.protocol == "official":
        raise KgenreError(
            "Folds are splits of their own. Received: --folds with --protocol official. Leave one of them out."
        )


def fold_options(options: CollectionOptions) -> CollectionOptions:
    """The options with which a collection is loaded to be cut into folds: all tracks, whatever their given split."""
    return options.model_copy(update={"protocol": options.protocol or "track"})


def best_unit(table: pd.DataFrame) -> str:
    """What groups tracks best: the artist, else the album, where nearly all tracks have one; else the track."""
    return next((unit for unit in ("artist", "album") if is_known(table, unit)), "track")


def fold_collections(
    collection: Collection, n_folds: int, seed: int, protocol: str | None = None, progress: Progress = SILENT
) -> list[Collection]:
    """The collection once for each fold, which is its test split; valid is carved from the rest by group.

    Args:
        collection: loaded with `fold_options`; its own split does not count.
        n_folds: at least 2.
        protocol: a row of PROTOCOLS whose unit groups the tracks; None for `best_unit`.

    Raises:
        KgenreError: there are too few groups.
    """
    table = collection.table
    unit = PROTOCOLS[protocol].unit if protocol else best_unit(table)
    groups, note = table_groups(table, unit, progress)
    folds = grouped_folds(strata(table).to_numpy(), groups, n_folds, seed)
    if len(folds) < n_folds:
        raise KgenreError(
            f"{collection.name}: {n_folds} folds by {unit} need as many {unit}s, and a genre of as many tracks. "
            f"Received: {len(set(groups))} {unit}s, {strata(table).value_counts().max()} tracks of the largest genre. "
            "Lower --folds."
        )
    found = []
    for number, (rest, tested) in enumerate(folds, 1):
        split = np.full(len(table), "train", dtype=object)
        split[tested] = "test"
        split[rest[valid_rows(table.iloc[rest], groups[rest], seed)]] = "valid"
        cover_train(split, table["genres"], groups, movable=("valid",))
        _check_learnt(collection.name, table, split, f"fold {number} of {n_folds} by {unit}")
        sentence = f"fold {number} of {n_folds} by {unit}{note}, valid from the rest by {unit}, seed {seed}"
        own = table.assign(split=pd.array(split, dtype="string"))
        found.append(dataclasses.replace(collection, table=own, protocol=sentence))
    return found


def _check_learnt(name: str, table: pd.DataFrame, split: np.ndarray, fold: str) -> None:
    """Raises KgenreError where all tracks of a genre are tested, before any fold is trained."""
    if lost := sorted(set(labels_of(table)) - set(labels_of(table[split == "train"]))):
        raise KgenreError(
            f"{name}: folds need tracks of every genre to learn from. Received: {fold}, with all tracks of: "
            f"{', '.join(lost)}. Leave these genres out with --min-tracks-per-genre, or use --protocol track."
        )


def table_groups(table: pd.DataFrame, unit: str, progress: Progress = SILENT) -> tuple[np.ndarray, str]:
    """The group of each track by a protocol's unit, object (tracks,), and what the protocol's sentence says of it."""
    if unit == "slice":
        return table["path"].to_numpy(dtype=object), ""
    groups, sparse = split_groups(table, unit)
    note = f", but by track in {', '.join(sparse)} (fewer than 3 {unit}s)" if sparse else ""
    return join_recordings(table, groups, progress), note


def valid_rows(table: pd.DataFrame, groups: np.ndarray, seed: int) -> np.ndarray:
    """Row numbers of the tracks to validate on: one fold of three to ten, groups kept whole; none of too few groups.

    It is the fold that has most genres; of fewer folds, where none of many has them all.
    """
    genres = strata(table).to_numpy()
    best, most = np.zeros(0, int), 0
    per_genre = pd.Series(groups).groupby(genres).nunique()
    for n_folds in range(int(np.clip(per_genre.median(), 3, 10)), 2, -1):
        for rest, rows in grouped_folds(genres, groups, n_folds, seed):
            n_genres = len(set(genres[rows]))
            if n_genres > most and len(set(genres[rest])) == len(per_genre):
                best, most = rows, n_genres
        if most == len(per_genre):
            break
    return best
