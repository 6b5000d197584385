"""The messages between a scan and its reading processes; slices of audio travel as audio.track.Slice."""

from collections.abc import Callable
from dataclasses import dataclass

from kgenre.audio.facts import TrackFacts
from kgenre.audio.policy import DEFAULT_POLICY, ReadPolicy
from kgenre.audio.slicing import SliceSpec
from kgenre.audio.tags import Tags


@dataclass(frozen=True)
class Settings:
    """How the scan reads tracks: slices of one length at one sample rate, the policy, and at which niceness."""

    spec: SliceSpec
    policy: ReadPolicy = DEFAULT_POLICY
    niceness: int = 0


@dataclass(frozen=True)
class Background:
    """How a scan goes on beside other work in the same process.

    check: called at least once a second. It may wait, which pauses the scan, and what it raises ends it.
    changed: called with the paths of the tracks whose results have changed, after they are in the library.
    niceness: of the reading processes, absolute; in a process that is nicer already, its own.
    """

    check: Callable[[], None] = lambda: None
    changed: Callable[[list[bytes]], None] = lambda paths: None
    niceness: int = 0


@dataclass(frozen=True)
class Job:
    """A file to analyse, as the walk found it.

    gone: what it may be, {file hash: audio hash}: known files of its size and time that no longer exist, or itself.
    """

    path: bytes
    size: int
    mtime_ns: int
    gone: dict


@dataclass(frozen=True)
class About:
    """The first answer for a file. The process then waits to be told whether to read its audio.

    size, mtime_ns: of the file before it was read; they differ from the file's if it has been changed since.
    """

    size: int
    mtime_ns: int
    file_hash: bytes
    audio_hash: bytes
    tags: Tags


@dataclass(frozen=True)
class Alive:
    """Nothing to send yet, but work continues."""


@dataclass(frozen=True)
class Done:
    """The last answer for a track, after all its slices."""

    facts: TrackFacts


@dataclass(frozen=True)
class Failed:
    """The last answer for a file that cannot be used.

    again: the next scan tries it even if it is unchanged.
    of_sample: only spread slices were read, and all of the track may tell otherwise.
    """

    reason: str
    again: bool = False
    of_sample: bool = False


@dataclass(frozen=True)
class Ready:
    """The process has started and takes jobs."""


@dataclass(frozen=True)
class Free:
    """The process has finished its file."""


@dataclass(frozen=True)
class Ended:
    """The process has ended."""
