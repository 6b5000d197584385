"""The genres that the page shows, and what becomes of them when the analyses of some tracks change."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from kgenre.library import head
from kgenre.library.records import Space
from kgenre.library.store import Library
from kgenre.model.aggregate import aggregate
from kgenre.model.unsure import is_unsure


class GenresInUse(NamedTuple):
    """The head in use, None for the model's own, and its prediction for all tracks: replaced together.

    version: how many entries of Explorer.refined it includes. A page that receives two keeps the one with the higher
        version, whichever comes last, and asks for what has changed since then.
    """

    head: head.Head | None
    prediction: head.Prediction
    version: int


def refreshed(
    library: Library, space: Space, ids: np.ndarray, vectors: np.ndarray, genres: GenresInUse, changed: Iterable[int]
) -> tuple[np.ndarray, GenresInUse]:
    """Vectors (n, d) of `ids`, and genres, with what the library now has of some tracks.

    The given arrays stay as they are, for other threads may be reading them. Tracks that are in none of them are left
    out.
    """
    before, rule = genres.prediction, head.load_rule(library, space) if genres.head is None else None
    vectors, probabilities, unsure = vectors.copy(), before.probabilities.copy(), before.unsure.copy()
    for track in changed:
        means = library.means_of(space, track)
        if means is None:
            continue
        _set_row(ids, vectors, track, means[0])
        own = means[1] if genres.head is None else aggregate(genres.head(library.slices(space, track)[1]))
        _set_row(before.ids, probabilities, track, own)
        _set_row(before.ids, unsure, track, is_unsure(rule, own, means[0]))
    return vectors, genres._replace(prediction=before._replace(probabilities=probabilities, unsure=unsure))


def _set_row(ids: np.ndarray, values: np.ndarray, track: int, row) -> None:
    """Sets the row of a track, if it has one; `ids` are ascending."""
    at = int(np.searchsorted(ids, track))
    if at < len(ids) and ids[at] == track:
        values[at] = row
