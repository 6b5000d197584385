"""What a scan and its reading processes say to each other."""

from dataclasses import dataclass

import numpy as np

from kgenre.audio.slicing import SliceSpec
from kgenre.audio.tags import Tags


@dataclass(frozen=True)
class Settings:
    """How to read tracks: sample rate and slices, and windows a track (None for whole tracks)."""

    spec: SliceSpec
    windows: int | None = None


@dataclass(frozen=True)
class Job:
    """A file to listen to, as the walk found it.

    gone: the files of its size and time that are not there any more, {file hash: audio hash}.
    """

    path: bytes
    size: int
    mtime_ns: int
    gone: dict


@dataclass(frozen=True)
class About:
    """First answer. The reader then waits to be told whether the audio is wanted."""

    file_hash: bytes
    audio_hash: bytes
    tags: Tags


@dataclass(frozen=True)
class Window:
    """A slice, float32 (slice_samples,), and the second that it starts at."""

    start: float
    samples: np.ndarray


@dataclass(frozen=True)
class Alive:
    """Nothing to tell yet, but work goes on."""


@dataclass(frozen=True)
class Done:
    """The last answer for a track whose windows were all given."""

    seconds: float
    gain_db: float
    note: str


@dataclass(frozen=True)
class Failed:
    """The last answer for a file that cannot be used. `again`: the next scan shall try it even if unchanged."""

    reason: str
    again: bool = False


@dataclass(frozen=True)
class Ready:
    """The process runs."""


@dataclass(frozen=True)
class Free:
    """The file is done with."""


@dataclass(frozen=True)
class Ended:
    """The process is gone."""
