"""The vectors of a library's tracks for searches, without holding them as they are stored."""

import numpy as np

from kgenre.embeddings.compact_vectors import CompactVectors
from kgenre.library.records import Space
from kgenre.library.store import Library


def load_vectors(library: Library, space: Space) -> tuple[np.ndarray, CompactVectors]:
    """Ids int64 (n,), ascending, and the mean embedding of each; those that a search compares are read again."""
    with library.reading():
        n, done, vectors = library.n_tracks(), 0, CompactVectors.of(np.zeros((0, 0)))
        ids = np.empty(n, "int64")
        for part, means in library.vector_blocks(space):
            if not done:
                vectors = CompactVectors(n, means.shape[1], lambda rows: library.vectors_of(space, ids[rows]))
            to = slice(done, done + len(part))
            ids[to] = part
            vectors.put(to, means)
            done = to.stop
    vectors.keep_first(done)
    return ids[:done], vectors


def one_of_each(first: np.ndarray, usable: np.ndarray) -> np.ndarray:
    """The first usable row of each audio: bool (tracks,).

    Args:
        first: int64 (tracks,), row of the first copy of the same audio.
        usable: bool (tracks,).
    """
    rows = np.flatnonzero(usable)
    _, found = np.unique(first[rows], return_index=True)
    mask = np.zeros(len(first), bool)
    mask[rows[found]] = True
    return mask


def first_copies(library: Library, ids: np.ndarray) -> np.ndarray:
    """For each of ascending ids the row of the first copy of the same audio, its own if there is none: (tracks,)."""
    first, copies = np.arange(len(ids)), library.copies()
    pairs = np.array(list(copies.items()), "int64").reshape(-1, 2)
    pairs = pairs[np.isin(pairs, ids).all(axis=1)]
    first[np.searchsorted(ids, pairs[:, 0])] = np.searchsorted(ids, pairs[:, 1])
    return first
