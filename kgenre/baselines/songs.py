"""The songs that the default network is fitted to: long ones of any music, drawn, a tenth of them held out."""

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kgenre.audio.decode import probe
from kgenre.audio.decoders import AudioError
from kgenre.audio.track import read_samples

SHORTEST_SECONDS = 20.0  # what is shorter is an effect or a jingle more often than a song
SECONDS = 120.0  # of a song, from its beginning


@dataclass(frozen=True)
class DrawnSong:
    """A song, its number among the long ones, and whether it is held out."""

    path: str
    number: int
    held_out: bool

    def samples(self, rate: int) -> np.ndarray:
        """Its beginning, float32 (n,); nothing if it cannot be decoded."""
        try:
            return read_samples(self.path, rate, SECONDS).samples
        except AudioError:
            return np.zeros(0, "float32")


def drawn_songs(paths: Sequence[str], most: int, seed: int) -> list[DrawnSong]:
    """Songs of 20 s at least, in an order of chance, every tenth held out."""
    songs = long_songs(paths)
    order = np.random.default_rng(seed).permutation(len(songs))[:most]
    return [DrawnSong(songs[index], int(index), place % 10 == 0) for place, index in enumerate(order)]


def long_songs(paths: Sequence[str]) -> list[str]:
    """Those of 20 s at least by their headers; of several names of a file the first."""
    songs = {}
    for path in paths:
        with contextlib.suppress(AudioError):
            if probe(path).seconds >= SHORTEST_SECONDS:
                songs.setdefault(os.path.realpath(path), path)
    return list(songs.values())
