"""Exact neighbours of songs and the way from one song to another, by cosine distance of their vectors.

One matrix product in blocks: 100 000 songs answer in some tenths of a second what is nearest to one of
them, with no index to build or keep.
"""

import numpy as np

from kgenre.core.errors import KgenreError

BLOCK_BYTES = 64 << 20  # of distances that are held at a time
COPY_DISTANCE = 0.01  # 1 - cosine; the same song as flac and as mp3 is nearer,
COPY_SHARE = 0.05  # and nearer than this share of the way
DETOUR = 1.05  # how much farther from an end than the ends from each other a song on the way may be
MIN_ARC = 0.5  # radians; between songs that are all but alike the way may go round by others


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


def path_between(vectors: np.ndarray, first: int, last: int, n: int) -> np.ndarray:
    """Rows of `n` songs that lead from one to the other, both ends among them, in order of progress.

    Waypoints lie on the arc between the two vectors at equal angles; each takes the nearest song that is not
    on the way yet. No graph is needed, and the steps do not crowd where songs lie close together. Left out are
    detours, and what is all but an end itself, as the same song in another format is.

    Args:
        vectors: (songs, d).
        first, last: rows of the ends, different.
        n: songs of the path, at least 2; fewer come where there are not so many.

    Returns:
        Rows int64 (m,), m at most n.
    """
    if first == last:
        raise KgenreError("A path leads from one song to another. Received: the same song twice.")
    if n < 2:
        raise KgenreError(f"A path has at least its two ends. Received: a length of {n}.")
    vectors = unit(vectors)
    n = min(n, len(vectors))
    ends = vectors[[first, last]]
    angles = np.arccos(np.clip(vectors @ ends.T, -1, 1))  # (songs, 2)
    whole = angles[last, 0]
    copies = min(COPY_DISTANCE, COPY_SHARE * (1 - np.cos(whole)))
    free = (angles > np.arccos(1 - copies)).all(axis=1) & (angles <= DETOUR * max(whole, MIN_ARC)).all(axis=1)
    free[[first, last]] = False
    between = []
    for waypoint in _arc(*ends, n)[1:-1]:
        if free.any():
            between.append(int(np.argmax(np.where(free, vectors @ waypoint, -np.inf))))
            free[between[-1]] = False
    progress = angles[:, 0] / np.maximum(angles.sum(axis=1), 1e-6)
    return np.array([first, *sorted(between, key=lambda row: progress[row]), last], "int64")


def _arc(a: np.ndarray, b: np.ndarray, n: int) -> np.ndarray:
    """`n` points from a to b at equal angles; a straight line where they are parallel or opposite."""
    share = np.linspace(0, 1, n, dtype="float32")[:, None]
    angle = np.arccos(np.clip(a @ b, -1, 1))
    if np.sin(angle) < 1e-4:
        return (1 - share) * a + share * b
    return (np.sin((1 - share) * angle) * a + np.sin(share * angle) * b) / np.sin(angle)
