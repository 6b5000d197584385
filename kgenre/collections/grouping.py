"""Groups of tracks that no split and no fold may separate, and folds that keep them whole.

Two songs by one artist share voice, studio and sound: a model that trained on one and is evaluated on the other
is tested on the artist, not on the genre.
"""

import warnings

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold

Fold = tuple[np.ndarray, np.ndarray]


def group_ids(table: pd.DataFrame, unit: str, unknown: np.ndarray | None = None) -> np.ndarray:
    """The group of each track: its artist or album, whatever the case of its letters.

    Args:
        table: tracks, as a Collection's.
        unit: "artist", "album", or "track" for groups of one track.
        unknown: group ids (tracks,) to use where the unit is ""; None makes such a track a group of its own.

    Returns:
        object (tracks,).
    """
    unknown = table["path"].to_numpy(dtype=object) if unknown is None else unknown
    if unit == "track":
        return unknown
    return np.where(table[unit] == "", unknown, f"{unit}:" + table[unit].str.casefold())


def numbered_neighbours(table: pd.DataFrame) -> np.ndarray:
    """The genre and the tens of the number that ends the track id, object (tracks,): "jazz.00019" -> "jazz-1".

    In collections that name no artists, as GTZAN, neighbours by number are often by one artist.
    """
    number = table["track_id"].str.extract(r"(\d+)$")[0].fillna("0").astype(int) // 10
    return (table["genre"] + "-" + number.astype(str)).to_numpy(dtype=object)


def grouped_folds(labels, groups: np.ndarray, n_folds: int, seed: int) -> list[Fold]:
    """Folds with about the same share of each label, each group whole on one side.

    Args:
        labels: genre of each track, (tracks,).
        groups: group of each track, (tracks,).
        n_folds: at most so many; fewer where there are fewer groups, or fewer tracks of every label.

    Returns:
        Pairs of row numbers, (to fit, to validate), neither empty; no folds where two are not possible.
    """
    n_folds = min(n_folds, len(set(groups)), pd.Series(labels).value_counts().max())
    if n_folds < 2:
        return []
    folds = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings(action="ignore"):  # about labels of fewer tracks than folds
        pairs = list(folds.split(labels, labels, groups))
    return [(fit, validate) for fit, validate in pairs if len(fit) and len(validate)]
