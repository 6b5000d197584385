"""Exact nearest neighbours of one track among very many, from two bytes a value.

A million vectors of 200 values have 382 MiB as int16, and 763 MiB as float32. A query reads all of them once, block by
block, which takes half as long as one product over float32. What rounding may hide is known beforehand, so the few
vectors that could be among the nearest are read as they are and compared. There is no index to build and to keep in
step: docs/scaling.md has what other ways take.
"""

import threading
from collections.abc import Callable, Iterator

import numpy as np

from kgenre.embeddings.neighbours import unit_vectors

LARGEST = 32767  # of int16; no value of a unit vector is above 1
BLOCK_ROWS = 1024  # converted at a time: 0.8 MB of 200 values, which stay in the cache of a core
EXACT_ROWS = 8192  # read at a time to be compared


class CompactVectors:
    """Vectors scaled to length 1, (n, d), rounded to multiples of 1 / LARGEST. Any thread may use them.

    Args:
        n, d: vectors and their values.
        exact: rows int64 (m,), ascending -> the vectors themselves, float (m, d), of any length. They may be newer
            than what was put: those that a search reads are then put, and it begins again.

    Attributes:
        version: another one after each change.
    """

    def __init__(self, n: int, d: int, exact: Callable[[np.ndarray], np.ndarray]):
        self.codes, self.exact, self._lock = np.zeros((n, d), "int16"), exact, threading.Lock()
        self.version = 0

    @classmethod
    def of(cls, vectors: np.ndarray) -> "CompactVectors":
        """Of vectors (n, d) that stay in memory."""
        vectors = np.asarray(vectors, "float32")
        made = cls(*vectors.shape, vectors.__getitem__)
        made.put(slice(None), vectors)
        return made

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def error(self) -> float:
        """How far `cosines` may be from the truth.

        Each value is off by half a step at most, so a vector by sqrt(d) halves (Cauchy and Schwarz); and float32 sums
        of d products, of unit vectors that are rounded themselves.
        """
        d = self.codes.shape[1]
        return 0.5 * d**0.5 / LARGEST + (2 * d + 8) * 2.0**-24

    def keep_first(self, n: int) -> None:
        """Drops the vectors from the n-th on, which were never put."""
        self.codes = self.codes[:n]

    def put(self, rows, vectors: np.ndarray) -> None:
        """Replaces vectors: float (m, d), of any length."""
        codes = np.rint(unit_vectors(vectors) * LARGEST)
        with self._lock:  # no search sees half of a vector
            self.codes[rows] = codes
            self.version += 1

    def units(self, rows: np.ndarray) -> np.ndarray:
        """The exact vectors of ascending rows, scaled to length 1: float64 (m, d); zeros of what is gone by now."""
        vectors = np.nan_to_num(np.asarray(self.exact(np.asarray(rows, "int64")), "float32")).astype("float64")
        vectors = vectors if vectors.size else np.zeros((len(rows), self.codes.shape[1]))
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors / np.where(lengths > 0, lengths, 1)

    def cosines(self, direction: np.ndarray) -> np.ndarray:
        """Cosines of all vectors with a direction (d,) of length 1 at most, within `error`: float32 (n,)."""
        scaled = (np.asarray(direction, "float64") / LARGEST).astype("float32")
        cosines = np.empty(len(self), "float32")
        block = np.empty((BLOCK_ROWS, len(scaled)), "float32")
        with self._lock:
            for start in range(0, len(self), BLOCK_ROWS):
                codes = self.codes[start : start + BLOCK_ROWS]
                np.copyto(block[: len(codes)], codes)
                np.dot(block[: len(codes)], scaled, out=cosines[start : start + len(codes)])
        return cosines

    def compared(
        self, rows: np.ndarray, direction: np.ndarray, cosines: np.ndarray
    ) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Ascending rows in parts of EXACT_ROWS, their `units`, and the exact cosines of these with a direction.

        Args:
            cosines: what `cosines` gave for all. A vector that is farther from it than `error` was replaced where it is
                stored; it is put.
        """
        for start in range(0, len(rows), EXACT_ROWS):
            part = rows[start : start + EXACT_ROWS]
            units = self.units(part)
            exact = units @ direction
            replaced = np.abs(exact - cosines[part]) > self.error
            if replaced.any():
                self.put(part[replaced], units[replaced])
            yield part, units, exact

    def nearest(self, row: int, n: int, allowed: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """The exact nearest others of a row by cosine distance, in ascending order of distance, then of row.

        If a_n is the n-th largest of the rounded cosines, n true ones are at least a_n - error, so none of the n
        nearest has a rounded one below a_n - 2 error: those are compared as they are. A zero vector is near to none.

        Args:
            row: whose neighbours are wanted.
            n: of them at most.
            allowed: bool (vectors,), which others are of interest; None for all.

        Returns:
            Rows int64 and distances float32 in [0, 2], both (m,) with m <= n.
        """
        direction = self.units([row])[0]
        if not direction.any():
            return np.empty(0, "int64"), np.empty(0, "float32")
        version, found = None, None
        while version != self.version:
            version, found = self.version, self._nearest(row, direction, n, allowed)
        return found

    def _nearest(self, row, direction, n, allowed) -> tuple[np.ndarray, np.ndarray]:
        """`nearest` as long as no vector changes."""
        cosines = self.cosines(direction)
        if allowed is not None:
            cosines[~allowed] = -np.inf
        cosines[row] = -np.inf
        n = min(n, int(np.isfinite(cosines).sum()))
        if n < 1:
            return np.empty(0, "int64"), np.empty(0, "float32")
        least = np.partition(cosines, len(cosines) - n)[len(cosines) - n]
        rows = np.flatnonzero(cosines >= least - 2 * self.error)
        # float64 rounded to float32: equal vectors have equal distances, wherever they are.
        parts = [1 - exact for _, _, exact in self.compared(rows, direction, cosines)]
        distances = np.concatenate(parts).astype("float32")
        order = np.lexsort((rows, distances))[:n]
        return rows[order], np.maximum(distances[order], 0)
