"""Decoded audio kept in memory, up to a number of bytes."""

import threading

import numpy as np


class AudioCache:
    """Decoded tracks, float32, up to `limit` bytes in all; thread-safe. What came first stays.

    Nothing is evicted: over passes that visit every track once, a cache that drops its oldest entry would drop
    each just before its next use.
    """

    def __init__(self, limit: int):
        self.limit, self.used = limit, 0
        self.tracks: dict[str, np.ndarray] = {}
        self.lock = threading.Lock()

    def get(self, path: str) -> np.ndarray | None:
        return self.tracks.get(path)

    def has_room(self, n_bytes: float) -> bool:
        return self.used + n_bytes <= self.limit

    def add(self, path: str, samples: np.ndarray) -> None:
        with self.lock:
            if path not in self.tracks and self.has_room(samples.nbytes):
                self.tracks[path] = samples
                self.used += samples.nbytes
