"""Exact neighbours of songs and the way from one song to another, by cosine distance of their vectors.

One matrix product in blocks: 100 000 songs answer in some tenths of a second what is nearest to one of
them, with no index to build or keep.
"""

import numpy as np

from kgenre.errors import KgenreError

BLOCK_BYTES = 64 << 20  # of distances that are held at a time


def unit(vectors: np.ndarray) -> np.ndarray:
    """Rows scaled to length 1, float32; a row of zeros stays one."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.where(lengths > 0, lengths, 1)).astype("float32")


def nearest(vectors: np.ndarray, rows, n: int) -> tuple[np.ndarray, np.ndarray]:
    """The nearest other rows of some rows: 1 - cosine, ascending, of equal ones the lower row first.

    Args:
        vectors: (songs, d).
        rows: which of them to answer for, (queries,).
        n: neighbours wanted.

    Returns:
        Rows int64 and distances float32 in [0, 2], both (queries, m) with m = min(n, songs - 1).
    """
    vectors, rows = unit(vectors), np.atleast_1d(np.asarray(rows, "int64"))
    n = min(n, len(vectors) - 1)
    found, distances = np.empty((len(rows), n), "int64"), np.empty((len(rows), n), "float32")
    step = max(1, BLOCK_BYTES // (4 * len(vectors)))
    for first in range(0, len(rows), step):
        block = rows[first : first + step]
        away = 1 - vectors[block] @ vectors.T  # (block, songs)
        away[np.arange(len(block)), block] = np.inf
        best = (
            np.argpartition(away, n - 1, axis=1)[:, :n] if 0 < n < len(vectors) - 1 else np.argsort(away, axis=1)[:, :n]
        )
        values = np.take_along_axis(away, best, axis=1)
        order = np.lexsort((best, values), axis=1)
        found[first : first + step] = np.take_along_axis(best, order, axis=1)
        distances[first : first + step] = np.take_along_axis(values, order, axis=1)
    return found, np.clip(distances, 0, 2)


def song_path(vectors: np.ndarray, first: int, last: int, n: int) -> np.ndarray:
    """Rows of `n` songs that lead from one to the other in even steps, both ends among them.

    Waypoints lie on the arc between the two vectors at equal angles; each takes the nearest song that is not
    on the way yet. No graph is needed, and the steps do not crowd where songs lie close together.

    Args:
        vectors: (songs, d).
        first, last: rows of the ends, different.
        n: songs of the path, at least 2; fewer come where there are not so many.

    Returns:
        Rows int64 (min(n, songs),).
    """
    if first == last or n < 2:
        raise KgenreError(f"A path needs two different songs and a length of at least 2. Received: length {n}.")
    vectors = unit(vectors)
    n = min(n, len(vectors))
    waypoints = _arc(vectors[first], vectors[last], n)[1:-1]
    free = np.ones(len(vectors), bool)
    free[[first, last]] = False
    path = [first]
    for waypoint in waypoints:
        path.append(int(np.argmax(np.where(free, vectors @ waypoint, -np.inf))))
        free[path[-1]] = False
    return np.array([*path, last], "int64")


def _arc(a: np.ndarray, b: np.ndarray, n: int) -> np.ndarray:
    """`n` points from a to b at equal angles; a straight line where they are parallel or opposite."""
    share = np.linspace(0, 1, n, dtype="float32")[:, None]
    angle = np.arccos(np.clip(a @ b, -1, 1))
    if np.sin(angle) < 1e-4:
        return (1 - share) * a + share * b
    return (np.sin((1 - share) * angle) * a + np.sin(share * angle) * b) / np.sin(angle)
