"""The messages between a scan and its reading processes; slices of audio travel as audio.track.Slice."""

from dataclasses import dataclass

from kgenre.audio.facts import TrackFacts
from kgenre.audio.policy import DEFAULT_POLICY, ReadPolicy
from kgenre.audio.slicing import SliceSpec
from kgenre.audio.tags import Tags


@dataclass(frozen=True)
class Settings:
    """How the scan reads tracks: slices of one length at one sample rate, and the policy."""

    spec: SliceSpec
    policy: ReadPolicy = DEFAULT_POLICY


@dataclass(frozen=True)
class Job:
    """A file to analyse, as the walk found it.

    gone: known files of the same size and time that no longer exist, {file hash: audio hash}.
    """

    path: bytes
    size: int
    mtime_ns: int
    gone: dict


@dataclass(frozen=True)
class About:
    """The first answer for a file. The process then waits to be told whether to read its audio."""

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
    """The last answer for a file that cannot be used. `again`: the next scan tries it even if it is unchanged."""

    reason: str
    again: bool = False


@dataclass(frozen=True)
class Ready:
    """The process has started and takes jobs."""


@dataclass(frozen=True)
class Free:
    """The process has finished its file."""


@dataclass(frozen=True)
class Ended:
    """The process has ended."""
