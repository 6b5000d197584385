"""Which genres of a collection count: its task, the level of a tree of genres, and those with enough tracks."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from kgenre.collections.datasets.dataset import Tracks
from kgenre.collections.settings import CollectionOptions
from kgenre.core.errors import KgenreError
from kgenre.core.genres import join_genres, split_genres

SINGLE, MULTI = "single", "multi"  # rows of kgenre.model.tasks.TASKS


def label(name: str, tracks: Tracks, options: CollectionOptions) -> tuple[Tracks, str]:
    """The tracks with the genres that count, and the task.

    Args:
        name: of the collection, for errors.
        tracks: as read.
        options: CollectionOptions. Without a task, it is "single" where every track has one main genre, else "multi".

    Returns:
        Tracks whose `genres`, and whose `genre` of a single-label task, hold genres that count; and the task's name.

    Raises:
        KgenreError: `level` of a flat list or of a single-label task, or fewer than two genres remain.
    """
    table = tracks.table
    task = options.task or (SINGLE if (table["genre"] != "").all() else MULTI)
    if options.level == "all" and not tracks.parents:
        raise KgenreError(f"{name}: has no tree of genres. Received: level=all. Use --level top.")
    if options.level == "all" and task == SINGLE:
        raise KgenreError(f"{name}: a track has several genres at the level `all`. Add --task multi.")
    top = options.level == "top"
    table = table.assign(genres=[_at_level(text, tracks.parents, top) for text in table["genres"]])
    if top and tracks.parents:
        table["genre"] = pd.array([_at_level(genre, tracks.parents, top) for genre in table["genre"]], dtype="string")
    parents = {} if top else tracks.parents
    labelled, left_out = _single(table, options) if task == SINGLE else _multi(table, options, parents)
    genres = {genre for text in labelled["genres"] for genre in split_genres(text)}
    if len(genres) < 2:
        raise KgenreError(
            f"{name}: at least two genres are needed. Received: {', '.join(sorted(genres)) or 'none'}"
            f"{_with_options(options)}."
        )
    kept = {child: parent for child, parent in parents.items() if {child, parent} <= genres}
    left_out = {**tracks.left_out, **left_out}
    return replace(tracks, table=labelled.reset_index(drop=True), parents=kept, left_out=left_out), task


def _at_level(text: str, parents: Mapping[str, str], top: bool) -> str:
    """The genres with all that they imply; or only the top ones of these."""
    every = [ancestor for genre in split_genres(text) for ancestor in (genre, *ancestors(genre, parents))]
    return join_genres(genre for genre in every if not (top and genre in parents))


def ancestors(genre: str, parents: Mapping[str, str]) -> list[str]:
    """Its parent, its parent's parent and so on; a circle ends where it closes."""
    found = []
    while (genre := parents.get(genre)) is not None and genre not in found:
        found.append(genre)
    return found


def _single(table: pd.DataFrame, options: CollectionOptions) -> tuple[pd.DataFrame, dict[str, str]]:
    counts = table["genre"].value_counts()
    rare = table["genre"].map(counts) < options.min_tracks_per_genre
    none = table["genre"] == ""
    left_out = dict.fromkeys(table.loc[rare & ~none, "path"], _rare(options))
    left_out |= dict.fromkeys(table.loc[none, "path"], "no genre, or several of which none is the main one.")
    table = table[~rare & ~none]
    return table.assign(genres=table["genre"]), left_out


def _multi(table: pd.DataFrame, options: CollectionOptions, parents) -> tuple[pd.DataFrame, dict[str, str]]:
    counts = Counter(genre for text in table["genres"] for genre in split_genres(text))
    frequent = {genre for genre, count in counts.items() if count >= options.min_tracks_per_genre}
    genres = [join_genres(genre for genre in split_genres(text) if genre in frequent) for text in table["genres"]]
    table = table.assign(genres=pd.array(genres, dtype="string"))
    table["genre"] = table["genre"].where(table["genre"].isin(frequent), "")
    return table[table["genres"] != ""], dict.fromkeys(table.loc[table["genres"] == "", "path"], _rare(options))


def _rare(options: CollectionOptions) -> str:
    n = options.min_tracks_per_genre
    return f"none of its genres has {n} tracks." if n > 1 else "no genre."


def _with_options(options: CollectionOptions) -> str:
    n = options.min_tracks_per_genre
    return f" that has {n} tracks. Lower --min-tracks-per-genre" if n > 1 else ""


def strata(table: pd.DataFrame) -> pd.Series:
    """The genre by which a track is counted in splits and folds: the rarest of its genres that count.

    Not its main one: under a tree of genres that is the root, and the leaves would be anywhere.
    """
    counts = Counter(genre for text in table["genres"] for genre in split_genres(text))
    rarest = [min(split_genres(text), key=lambda genre: (counts[genre], genre), default="") for text in table["genres"]]
    return pd.Series(rarest, index=table.index, dtype="string")
