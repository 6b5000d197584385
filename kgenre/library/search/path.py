"""The path from one song to another, by cosine distance of their vectors."""

import numpy as np

from kgenre.core.errors import KgenreError
from kgenre.embeddings.compact_vectors import CompactVectors

COPY_DISTANCE = 0.01  # 1 - cosine: the same song as flac and as mp3 is nearer than this,
COPY_SHARE = 0.05  # and nearer than this share of the distance between the two ends
MAX_DETOUR = 1.05  # farthest that a song on the path may be from an end, relative to the distance of the ends
MIN_ARC = 0.5  # radians: between two almost equal songs the path may leave their neighbourhood this far


def path_between(
    vectors: CompactVectors, first: int, last: int, n: int, allowed: np.ndarray | None = None
) -> np.ndarray:
    """Rows of `n` songs that lead from one song to another, both included, in order.

    Waypoints lie on the arc between the two vectors at equal angles; each takes the nearest song that is not on
    the path yet. No graph is needed, and the steps do not crowd where many songs lie close together. Detours are
    left out, and so is what almost equals an end, such as the same song in another format.

    Args:
        vectors: of the songs.
        first, last: rows of the two ends.
        n: songs of the path, at least 2.
        allowed: bool (songs,), which others may be on the path; None for all.

    Returns:
        Rows int64 (m,); m is less than n where there are not enough songs between the two.

    Raises:
        KgenreError: the two ends are the same song, or `n` is below 2.
    """
    if first == last:
        raise KgenreError("A path needs two different songs. Received: the same song twice. Name another one.")
    if n < 2:
        raise KgenreError(f"A path needs at least 2 songs, its ends. Received: a length of {n}.")
    ends = np.concatenate([vectors.units([end]) for end in (first, last)])
    mask = np.ones(len(vectors), bool) if allowed is None else allowed.copy()
    mask[[first, last]] = False
    corridor = _Corridor(vectors, ends, mask)
    between = {}
    for waypoint in _arc(*ends, min(n, 2 + np.count_nonzero(mask)))[1:-1]:
        row, angles = corridor.nearest(waypoint)
        if row is None:
            break
        corridor.drop(row)
        between[row] = angles[0] / max(angles.sum(), 1e-6)
    return np.array([first, *sorted(between, key=between.get), last], "int64")


class _Corridor:
    """The songs that may be on a path: by rounded cosines those that surely or possibly may, and exactly on demand."""

    def __init__(self, vectors: CompactVectors, ends: np.ndarray, allowed: np.ndarray):
        self.vectors, self.ends, self.allowed = vectors, ends, allowed
        arc = np.arccos(np.clip(ends[0] @ ends[1], -1, 1))
        self.below = 1 - min(COPY_DISTANCE, COPY_SHARE * (1 - np.cos(arc)))
        self.least = np.cos(min(MAX_DETOUR * max(arc, MIN_ARC), np.pi))
        self._divide()

    def _divide(self) -> None:
        self.version, error = self.vectors.version, self.vectors.error
        cosines = np.stack([self.vectors.cosines(end) for end in self.ends], axis=1)  # (songs, 2)
        self.surely, self.possibly = (self.allowed & self._fits(cosines, slack) for slack in (-error, error))

    def _fits(self, cosines: np.ndarray, slack: float) -> np.ndarray:
        return ((cosines < self.below + slack) & (cosines >= self.least - slack)).all(axis=1)

    def drop(self, row: int) -> None:
        """Leaves a song out from now on."""
        self.allowed[row] = self.surely[row] = self.possibly[row] = False

    def nearest(self, waypoint: np.ndarray) -> tuple[int | None, np.ndarray]:
        """The song nearest to a waypoint, and its angles with the two ends; None where there is none left."""
        found = self._nearest(waypoint)
        while self.version != self.vectors.version:  # vectors were replaced meanwhile
            self._divide()
            found = self._nearest(waypoint)
        return found

    def _nearest(self, waypoint: np.ndarray) -> tuple[int | None, np.ndarray]:
        cosines = self.vectors.cosines(waypoint)
        least = cosines[self.surely].max(initial=-np.inf) - 2 * self.vectors.error
        rows = np.flatnonzero(self.possibly & (cosines >= least))
        row, angles, largest = None, np.zeros(2), -np.inf
        for part, units, exact in self.vectors.compared(rows, waypoint, cosines):
            with_ends = units @ self.ends.T
            exact[~self._fits(with_ends, 0.0)] = -np.inf
            best = int(np.argmax(exact))
            if exact[best] > largest:
                row, angles, largest = int(part[best]), np.arccos(np.clip(with_ends[best], -1, 1)), exact[best]
        return row, angles


def _arc(a: np.ndarray, b: np.ndarray, n: int) -> np.ndarray:
    """`n` points from a to b at equal angles, (n, d); on a straight line where they are parallel or opposite."""
    share = np.linspace(0, 1, n)[:, None]
    angle = np.arccos(np.clip(a @ b, -1, 1))
    if np.sin(angle) < 1e-4:
        return (1 - share) * a + share * b
    return (np.sin((1 - share) * angle) * a + np.sin(share * angle) * b) / np.sin(angle)
