"""The vectors of a library's tracks for searches, without holding them as they are stored."""

import numpy as np

from kgenre.core.errors import KgenreError
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


def nearest_songs(
    vectors: CompactVectors, row: int, n: int, allowed: np.ndarray, name: str
) -> tuple[np.ndarray, np.ndarray]:
    """As `CompactVectors.nearest`.

    Args:
        name: of the song, for the error.

    Raises:
        KgenreError: the song has no vector, or only zeros.
    """
    rows, distances = vectors.nearest(row, n, allowed)
    if not len(rows) and not vectors.units([row]).any():
        raise KgenreError(f"{name}: no song is near to it, for its vector is zero. Name another song.")
    return rows, distances


def row_of(ids: np.ndarray, track: int) -> int | None:
    """The row of a track among ascending ids, if it has one."""
    at = int(np.searchsorted(ids, track))
    return at if at < len(ids) and ids[at] == track else None
