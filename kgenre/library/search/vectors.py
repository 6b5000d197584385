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
