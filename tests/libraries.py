"""Libraries of invented tracks for tests and measurements, filled through the store without any audio."""

import hashlib
import os
from dataclasses import dataclass, field

import numpy as np

from kgenre.audio.slicing import SliceSpec
from kgenre.library.records import Track, TrackAnalysis
from kgenre.library.store import Library
from kgenre.model.aggregate import SliceOutputs
from kgenre.model.tasks import Task
from kgenre.model.tasks.single_label import SingleLabel
from kgenre.model.unsure import UnsureRule
from kgenre.serving.model import Model
from kgenre.serving.tags import TagLayer
from kgenre.web.explore import head_plan

LABELS = ("blues", "classical", "hip-hop", "jazz", "metal", "vocal")
SINGLE = SingleLabel(LABELS)


@dataclass
class LevelModel(Model):
    """A model for scans, at once ready: the embedding of a slice is its mean, deviation and peak.

    analysed: number of slices of each call. It stops as Ctrl-C would at call number `stops_at`.
    """

    identity: str = "level-1"
    name: str = "level"
    task: SingleLabel = SingleLabel(("loud", "quiet"))
    slice_spec: SliceSpec = SliceSpec(8000, 8000, 4000)
    stops_at: int | None = None
    answers_nan: bool = False  # whether loud slices are answered with NaN
    analysed: list = field(default_factory=list)

    def __call__(self, slices):
        self.analysed.append(len(slices))
        if len(self.analysed) == self.stops_at:
            raise KeyboardInterrupt
        embeddings = np.stack([slices.mean(axis=1), slices.std(axis=1), np.abs(slices).max(axis=1)], axis=1)
        if self.answers_nan:
            embeddings[embeddings[:, 2] > 0.8] = np.nan
        loud = np.clip(embeddings[:, 2], 0, 1)
        return SliceOutputs(np.stack([loud, 1 - loud], axis=1), embeddings)


class DoubtingModel(LevelModel):
    """LevelModel with a tag of loud songs, and unsure of what is neither quite loud nor quite quiet."""

    tag_layer = TagLayer(("noisy",), np.array([[0], [0], [8]], "float32"), np.array([-4], "float32"))
    unsure = UnsureRule(0.88)


@dataclass(frozen=True)
class InventedModel:
    """As much of a model as a space needs."""

    name: str = "invented"
    identity: str = "invented-1"
    task: Task = SINGLE
    slice_spec: SliceSpec = SliceSpec(8000, 16000, 16000)
    tag_names: tuple[str, ...] = ()


class LoudModel(InventedModel):
    """It knows only how loud a slice is."""

    def __call__(self, slices):
        level = np.abs(slices).mean(axis=1, keepdims=True).clip(0, 1)
        return level.repeat(len(LABELS), axis=1) / len(LABELS), None


def make_library(
    path, n: int, d: int = 16, seed: int = 0, slices: int = 3, root: str = "/music", task: Task = SINGLE,
    tags: tuple[str, ...] = (),
) -> Library:  # fmt: skip
    """A library of `n` tracks: ten an album, each label a cluster of its own, some without tags, one in 50 failed.

    Args:
        path: the file.
        n: tracks that can be used, up to 100 000.
        d: length of the embeddings, at least as many as there are labels.
        seed: of all that is drawn.
        slices: of each track.
        root: folder that the paths begin with; nothing is there.
        task: of the model; its labels are LABELS.
        tags: names of the model's tags.

    Returns:
        Library, with one space of InventedModel.
    """
    rng = np.random.default_rng(seed)
    library = Library(path)
    space = library.open_space(InventedModel(task=task, tag_names=tags))
    with library.writing():
        library.add_root(os.fsencode(root))
        for number in range(n):
            genre = (number // 10) % len(LABELS)  # an album is of one genre
            embeddings = rng.normal(0, 0.3, (slices, d)) + 2.0 * (np.arange(d) == genre)
            probabilities = rng.dirichlet(np.ones(len(LABELS)) + 8.0 * (np.arange(len(LABELS)) == genre), slices)
            track = invented_track(number, genre, root)
            library.save([track])
            starts = 2.0 * np.arange(slices)
            drawn = np.random.default_rng([seed, number]).random(len(tags))  # by itself: the rest stays as it is
            library.save_analysis(space, track.audio_hash, TrackAnalysis(starts, embeddings, probabilities, drawn))
        for number in range(0, n, 50):
            library.save_failure(f"{root}/broken/{number}.mp3".encode(), 1, 1, "empty file: 0 bytes. Replace the file.")
    return library


def retrained(explorer) -> dict:
    """Retrains the head of an Explorer on its corrections, as the page does: what is then shown of genres."""
    return head_plan.apply(explorer, head_plan.preview(explorer, False)["plan"])


def invented_track(number: int, genre: int, root: str = "/music") -> Track:
    album = number // 10
    tagged = number % 7 > 0
    path = os.fsencode(f"{root}/{LABELS[genre]}/Album {album}/{number % 10:02d} Söng {number}.mp3")
    digest = hashlib.blake2b(path, digest_size=16).digest()
    return Track(
        path, 1000 + number, 10**18 + number, digest, digest,
        title=f"Söng {number}" if tagged else "", artist=f"Artist {album // 3}" if tagged else "",
        album=f"Album {album}" if tagged else "", year=1950 + album % 75 if tagged else None,
        genre=LABELS[(genre + (number % 11 == 0)) % len(LABELS)] if tagged else "",
        seconds=120.0 + number % 300, gain_db=-6.0 + number % 12,
    )  # fmt: skip
