"""The path from one song to another, by cosine distance of their vectors."""

import numpy as np

from kgenre.core.errors import KgenreError
from kgenre.embeddings.neighbours import unit_vectors

COPY_DISTANCE = 0.01  # 1 - cosine: the same song as flac and as mp3 is nearer than this,
COPY_SHARE = 0.05  # and nearer than this share of the distance between the two ends
MAX_DETOUR = 1.05  # farthest that a song on the path may be from an end, relative to the distance of the ends
MIN_ARC = 0.5  # radians: between two almost equal songs the path may leave their neighbourhood this far


def path_between(vectors: np.ndarray, first: int, last: int, n: int) -> np.ndarray:
    """Rows of `n` songs that lead from one song to another, both included, in order.

    Waypoints lie on the arc between the two vectors at equal angles; each takes the nearest song that is not on
    the path yet. No graph is needed, and the steps do not crowd where many songs lie close together. Detours are
    left out, and so is what almost equals an end, such as the same song in another format.

    Args:
        vectors: float (songs, d).
        first, last: rows of the two ends.
        n: songs of the path, at least 2.

    Returns:
        Rows int64 (m,); m is less than n where there are not enough songs between the two.

    Raises:
        KgenreError: the two ends are the same song, or `n` is below 2.
    """
    if first == last:
        raise KgenreError("A path needs two different songs. Received: the same song twice. Name another one.")
    if n < 2:
        raise KgenreError(f"A path needs at least 2 songs, its ends. Received: a length of {n}.")
    vectors = unit_vectors(vectors)
    n = min(n, len(vectors))
    ends = vectors[[first, last]]
    angles = np.arccos(np.clip(vectors @ ends.T, -1, 1))  # (songs, 2)
    arc = angles[last, 0]
    copies = min(COPY_DISTANCE, COPY_SHARE * (1 - np.cos(arc)))
    free = (angles > np.arccos(1 - copies)).all(axis=1) & (angles <= MAX_DETOUR * max(arc, MIN_ARC)).all(axis=1)
    free[[first, last]] = False
    between = []
    for waypoint in _arc(*ends, n)[1:-1]:
        if free.any():
            between.append(int(np.argmax(np.where(free, vectors @ waypoint, -np.inf))))
            free[between[-1]] = False
    progress = angles[:, 0] / np.maximum(angles.sum(axis=1), 1e-6)
    return np.array([first, *sorted(between, key=lambda row: progress[row]), last], "int64")


def _arc(a: np.ndarray, b: np.ndarray, n: int) -> np.ndarray:
    """`n` points from a to b at equal angles, (n, d); on a straight line where they are parallel or opposite."""
    share = np.linspace(0, 1, n, dtype="float32")[:, None]
    angle = np.arccos(np.clip(a @ b, -1, 1))
    if np.sin(angle) < 1e-4:
        return (1 - share) * a + share * b
    return (np.sin((1 - share) * angle) * a + np.sin(share * angle) * b) / np.sin(angle)
