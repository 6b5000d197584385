"""What a library keeps, a dataclass each, and how it is written in the tables."""

import json
from dataclasses import dataclass, fields

import numpy as np

from kgenre.audio.slicing import SliceSpec

FLOAT16_MAX = 65504.0


def slices_in_words(slices_per_track: int | None) -> str:
    if slices_per_track is None:
        return "all"
    return f"at most {slices_per_track} slice{'s' if slices_per_track > 1 else ''}"


@dataclass(frozen=True)
class Space:
    """The vectors of one model with one number of slices per track.

    slices_per_track: as of audio.track.ReadPolicy; None for all.
    """

    id: int
    name: str
    identity: str
    config_hash: str
    labels: tuple[str, ...]
    slice_spec: SliceSpec
    slices_per_track: int | None

    @property
    def extent(self) -> str:
        """How much of a track was analysed, in words."""
        return slices_in_words(self.slices_per_track)


@dataclass(frozen=True)
class Track:
    """What is kept of a file that can be used. `note` tells what is odd about it, "" if nothing."""

    path: bytes
    size: int
    mtime_ns: int
    file_hash: bytes
    audio_hash: bytes
    title: str = ""
    artist: str = ""
    album: str = ""
    year: int | None = None
    genre: str = ""
    seconds: float | None = None
    gain_db: float | None = None
    note: str = ""


@dataclass(frozen=True)
class TrackAnalysis:
    """What a model said of a track: starts (slices,) in seconds, embeddings (slices, d), probabilities
    (slices, classes)."""

    starts: np.ndarray
    embeddings: np.ndarray
    probabilities: np.ndarray

    def means(self) -> list[bytes]:
        """Mean embedding and mean probabilities, as they are kept: float32."""
        parts = (self.embeddings, self.probabilities)
        return [part.mean(axis=0, dtype="float64").astype("<f4").tobytes() for part in parts]

    def slices(self) -> list[bytes]:
        """Starts, embeddings and probabilities of the slices, as they are kept: float32, float16, float16."""
        parts = (self.embeddings, self.probabilities)
        rounded = [np.clip(part, -FLOAT16_MAX, FLOAT16_MAX).astype("<f2").tobytes() for part in parts]
        return [self.starts.astype("<f4").tobytes(), *rounded]


@dataclass(frozen=True)
class KnownFile:
    """What a scan needs to know of a path that the library holds."""

    id: int
    size: int
    mtime_ns: int
    state: str
    analysed: bool  # its audio has vectors in the space asked for,
    analysis_failed: bool  # or the space's model can make nothing of it
    file_hash: bytes | None
    audio_hash: bytes | None  # None where it could not be used


_COLUMNS = ["reason" if field.name == "note" else field.name for field in fields(Track)]
SAVE = (
    f"INSERT INTO tracks ({', '.join(_COLUMNS)}, state) VALUES ({', '.join('?' * len(_COLUMNS))}, 'ok') "
    f"ON CONFLICT (path) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in _COLUMNS)}, state = 'ok'"
)


def space_of(number: int, name: str, identity: str, config_hash: str, config: str) -> Space:
    config = json.loads(config)
    spec = SliceSpec(*(config[part] for part in ("sample_rate", "slice_samples", "hop_samples")))
    return Space(number, name, identity, config_hash, tuple(config["labels"]), spec, config["slices_per_track"])


def slices_of(starts: bytes, embeddings: bytes, probabilities: bytes, n_classes: int):
    starts = np.frombuffer(starts, "<f4")
    embeddings = np.frombuffer(embeddings, "<f2").reshape(len(starts), -1).astype("float32")
    return starts, embeddings, np.frombuffer(probabilities, "<f2").reshape(len(starts), n_classes).astype("float32")


def as_text(text: str) -> str:
    """Text as SQLite can hold it: without half characters and NULs, which tags and file names may have."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", " ")
