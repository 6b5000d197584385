"""Exact nearest neighbours of tracks by the distance of their vectors.

One matrix product in blocks: 100 000 songs answer in some tenths of a second which are nearest to one of
them, without an index that would have to be built and kept.
"""

import numpy as np

BLOCK_MIB = 64  # of distances held at a time


def unit_vectors(vectors: np.ndarray) -> np.ndarray:
    """Rows scaled to length 1, float32; zero rows stay zero, values that are not finite count as zero or the largest.

    Args:
        vectors: float (n, d).
    """
    vectors = np.nan_to_num(np.asarray(vectors, "float32"))  # one bad track must not corrupt a map of all
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(lengths > 0, lengths, 1)


def k_nearest(queries: np.ndarray, vectors: np.ndarray, k: int, metric: str) -> tuple[np.ndarray, np.ndarray]:
    """The exact `k` nearest of `vectors` to each query, in ascending order of distance, then of row.

    Args:
        queries: float (queries, d), finite.
        vectors: float (n, d), finite.
        k: at most n.
        metric: "euclidean", or "cosine" (1 - cosine, of a zero vector 1).

    Returns:
        Rows int64 and distances float32, both (queries, k).
    """
    from sklearn import config_context
    from sklearn.neighbors import NearestNeighbors

    with config_context(working_memory=BLOCK_MIB):
        search = NearestNeighbors(algorithm="brute", metric=metric).fit(vectors)
        distances, rows = search.kneighbors(queries, k)
    order = np.lexsort((rows, distances), axis=1)
    return np.take_along_axis(rows, order, axis=1), np.take_along_axis(distances, order, axis=1).astype("float32")


def nearest(vectors: np.ndarray, rows, n: int) -> tuple[np.ndarray, np.ndarray]:
    """The nearest other rows of some rows by cosine distance, in ascending order.

    Args:
        vectors: float (songs, d).
        rows: int (queries,), or one, the rows whose neighbours are wanted.
        n: neighbours wanted.

    Returns:
        Rows int64 and distances float32 in [0, 2], both (queries, m) with m = min(n, songs - 1).
    """
    vectors, rows = unit_vectors(vectors), np.atleast_1d(np.asarray(rows, "int64"))
    n = min(n, len(vectors) - 1)
    found, distances = k_nearest(vectors[rows], vectors, n + 1, "cosine")
    own = found == rows[:, None]
    own[~own.any(axis=1), -1] = True  # more than n others are equal to the row: it was not among the first
    return found[~own].reshape(len(rows), n), distances[~own].reshape(len(rows), n)
