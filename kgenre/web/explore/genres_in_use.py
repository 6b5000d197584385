"""The genres that the page shows, and what becomes of them when the analyses of some tracks change."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from kgenre.embeddings.compact_vectors import CompactVectors
from kgenre.library import head
from kgenre.library.records import Space
from kgenre.library.search.vectors import row_of
from kgenre.library.store import Library
from kgenre.model.aggregate import aggregate
from kgenre.model.unsure import is_unsure


class GenresInUse(NamedTuple):
    """The retrained heads, the last in use, and its prediction for all tracks, or the model's own: replaced together.

    heads: the others are what undoing goes back to.
    version: how many entries of Explorer.refined it includes. A page that receives two keeps the one with the higher
        version, whichever comes last, and asks for what has changed since then.
    """

    heads: tuple[head.Head, ...]
    prediction: head.Prediction
    version: int

    @property
    def head(self) -> head.Head | None:
        """The head in use; None for the model's own."""
        return self.heads[-1] if self.heads else None

    @property
    def learned_from(self) -> list[int]:
        """How many tracks each of the heads learned from."""
        return [one.learned_from for one in self.heads]


def refreshed(
    library: Library,
    space: Space,
    ids: np.ndarray,
    vectors: CompactVectors,
    genres: GenresInUse,
    changed: Iterable[int],
) -> GenresInUse:
    """Genres with what the library now has of some tracks, whose `vectors`, of `ids`, are replaced too.

    The given genres stay as they are, for other threads may be reading them. Tracks that are in none of them are left
    out.
    """
    before, rule, in_use = genres.prediction, head.load_rule(library, space), genres.head
    probabilities, unsure = before.probabilities.copy(), before.unsure.copy()
    for track in changed:
        means = library.means_of(space, track)
        if means is None:
            continue
        if (row := row_of(ids, track)) is not None:
            vectors.put([row], means[0][None])
        answer = means[1] if in_use is None else aggregate(in_use(*library.slices(space, track)[1:]))
        if (row := row_of(before.ids, track)) is not None:
            doubt = is_unsure(rule, answer, means[0]) & head.is_same_answer(space, means[1], answer)
            probabilities[row], unsure[row] = answer, doubt
    return genres._replace(prediction=before._replace(probabilities=probabilities, unsure=unsure))
