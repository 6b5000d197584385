"""The songs that the default network is fitted to: long enough, of any kind, in random order, a tenth held out."""

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
    """A song, its number among those that are long enough, and whether it is held out."""

    path: str
    number: int
    held_out: bool

    def samples(self, rate: int) -> np.ndarray:
        """Its beginning, float32 (n,); empty if it cannot be decoded."""
        try:
            return read_samples(self.path, rate, SECONDS).samples
        except AudioError:
            return np.zeros(0, "float32")


def drawn_songs(paths: Sequence[str], most: int, seed: int) -> list[DrawnSong]:
    """At most `most` songs of 20 s or more in random order, every tenth held out."""
    songs = long_songs(paths)
    order = np.random.default_rng(seed).permutation(len(songs))[:most]
    return [DrawnSong(songs[index], int(index), place % 10 == 0) for place, index in enumerate(order)]


def long_songs(paths: Sequence[str]) -> list[str]:
    """Those of 20 s or more by their headers, each file once, by the first of its names."""
    songs = {}
    for path in paths:
        with contextlib.suppress(AudioError):
            if probe(path).seconds >= SHORTEST_SECONDS:
                songs.setdefault(os.path.realpath(path), path)
    return list(songs.values())
