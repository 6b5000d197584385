"""Records of a library, a dataclass each, and how they are stored in its tables."""

import json
from dataclasses import dataclass, field, fields
from typing import NamedTuple

import numpy as np

from kgenre.audio.policy import ReadPolicy
from kgenre.audio.slicing import SliceSpec
from kgenre.model.aggregate import aggregate
from kgenre.model.tasks import Task, task_from

FLOAT16_MAX = 65504.0


@dataclass(frozen=True)
class Space:
    """The analyses by one model of tracks that were read in one way. `tags` are the names of its model's tags."""

    id: int
    name: str
    identity: str
    config_hash: str
    task: Task
    slice_spec: SliceSpec
    policy: ReadPolicy
    tags: tuple[str, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of its model's genres."""
        return self.task.labels


@dataclass(frozen=True)
class Track:
    """A file that can be used. `note` describes what is wrong with it, "" if nothing is."""

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
    """A model's output for a track: starts (slices,) in seconds, embeddings (slices, d), probabilities
    (slices, classes), and the probabilities of its tags in the whole track, (tags,)."""

    starts: np.ndarray
    embeddings: np.ndarray
    probabilities: np.ndarray
    tags: np.ndarray = field(default_factory=lambda: np.zeros(0, "float32"))

    def means(self) -> list[bytes]:
        """Mean embedding, mean probabilities and tags as they are stored: float32, float32, float16."""
        means = [aggregate(part).astype("<f4").tobytes() for part in (self.embeddings, self.probabilities)]
        return [*means, self.tags.astype("<f2").tobytes()]

    def slices(self) -> list[bytes]:
        """Starts, embeddings and probabilities of the slices as they are stored: float32, float16, float16."""
        parts = (self.embeddings, self.probabilities)
        rounded = [np.clip(part, -FLOAT16_MAX, FLOAT16_MAX).astype("<f2").tobytes() for part in parts]
        return [self.starts.astype("<f4").tobytes(), *rounded]


class KnownFile(NamedTuple):
    """What a scan needs to know about a path that is in the library. A tuple: a scan reads one for every file."""

    id: int
    size: int
    mtime_ns: int
    state: str
    analysed: bool  # whether its audio has vectors in the given space
    analysis_failed: bool  # whether the space's model cannot analyse its audio
    file_hash: bytes | None
    audio_hash: bytes | None  # None if the file cannot be used
    provisional: bool  # whether these vectors are of the first pass


_COLUMNS = ["reason" if field.name == "note" else field.name for field in fields(Track)]
SAVE_TRACK = (
    f"INSERT INTO tracks ({', '.join(_COLUMNS)}, state) VALUES ({', '.join('?' * len(_COLUMNS))}, 'ok') "
    f"ON CONFLICT (path) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in _COLUMNS)}, state = 'ok'"
)


def space_from_row(number: int, name: str, identity: str, config_hash: str, config: str) -> Space:
    config = json.loads(config)
    spec = SliceSpec(*(config[part] for part in ("sample_rate", "slice_samples", "hop_samples")))
    policy = ReadPolicy(config["slices_per_track"], config["decoder"], config.get("first_slices"))
    return Space(number, name, identity, config_hash, task_from(config), spec, policy, tuple(config["tags"]))


def slices_from_row(starts: bytes, embeddings: bytes, probabilities: bytes, n_classes: int):
    """Starts (slices,), embeddings (slices, d) and probabilities (slices, n_classes), float32."""
    starts = np.frombuffer(starts, "<f4")
    embeddings = np.frombuffer(embeddings, "<f2").reshape(len(starts), -1).astype("float32")
    return starts, embeddings, np.frombuffer(probabilities, "<f2").reshape(len(starts), n_classes).astype("float32")


def as_text(text: str) -> str:
    """Text that SQLite can store: without lone surrogates and NULs, which tags and file names may have."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", " ")
