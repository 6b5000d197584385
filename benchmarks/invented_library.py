"""Libraries of invented tracks, filled through the store, with files that a scan takes for unchanged ones."""

import itertools
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kgenre.audio.slicing import SliceSpec
from kgenre.library.records import Track, TrackAnalysis
from kgenre.library.store import Library
from kgenre.model.tasks import Task
from kgenre.model.tasks.single_label import SingleLabel

GENRES = ("ambient", "blues", "classical", "electronic", "folk", "hip-hop", "jazz", "metal", "pop", "rock")
STYLES = 20  # clouds of albums
ALBUM_SPREAD, TRACK_SPREAD, SLICE_SPREAD = 0.7, 0.5, 0.1  # deviations of the values; of styles it is 1
AT_ONCE = 10_000  # tracks of a transaction
LINKS = 50_000  # names of one file; ext4 allows 65 000


@dataclass(frozen=True)
class InventedModel:
    """As much of a model as a space and a scan of unchanged files need."""

    name: str = "invented"
    identity: str = "invented-1"
    task: Task = SingleLabel(GENRES)
    slice_spec: SliceSpec = SliceSpec(16000, 80000, 80000)
    tag_names: tuple[str, ...] = tuple(f"tag {number}" for number in range(50))
    unsure: None = None


def fill(library: Library, music: Path, n: int, values: int, slices: int, model=None) -> None:
    """Adds `n` tracks, ten an album, to a library, and their files, which are empty, to a folder.

    Args:
        values: of an embedding.
        slices: of a track.
        model: whose space it is; InventedModel if not given.
    """
    model = model or InventedModel()
    rng, space = np.random.default_rng(0), library.open_space(model)
    styles, music = rng.standard_normal((STYLES, values), "float32"), music.resolve()
    paths = _make_files(music, n)
    for start in range(0, n, AT_ONCE):
        tracks = [_track(number, *next(paths)) for number in range(start, min(start + AT_ONCE, n))]
        albums = _around(styles[rng.integers(STYLES, size=-(-len(tracks) // 10))], ALBUM_SPREAD, rng)
        means = _around(np.repeat(albums, 10, axis=0)[: len(tracks)], TRACK_SPREAD, rng)
        with library.writing():
            library.add_root(os.fsencode(music))
            library.save(tracks)
            for track, mean in zip(tracks, means):
                library.save_analysis(space, track.audio_hash, _analysis(mean, slices, model, rng))


def _around(vectors: np.ndarray, deviation: float, rng: np.random.Generator) -> np.ndarray:
    return vectors + deviation * rng.standard_normal(vectors.shape, "float32")


def _analysis(mean: np.ndarray, slices: int, model, rng: np.random.Generator) -> TrackAnalysis:
    embeddings = _around(np.repeat(mean[None], slices, axis=0), SLICE_SPREAD, rng)
    probabilities = np.repeat(rng.dirichlet(np.ones(len(model.task.labels)))[None], slices, axis=0)
    return TrackAnalysis(
        np.arange(slices, dtype="float32"), embeddings, probabilities, rng.random(len(model.tag_names))
    )


def _track(number: int, path: str, about: os.stat_result) -> Track:
    digest, album = np.random.default_rng(number).bytes(16), number // 10  # hashes come in no order
    return Track(
        os.fsencode(path), about.st_size, about.st_mtime_ns, digest, digest, title=f"Title of song {number}",
        artist=f"Artist {album // 10}", album=f"Album {album}", year=1950 + album % 75,
        genre=GENRES[album % len(GENRES)], seconds=200.0 + number % 100, gain_db=-6.0,
    )  # fmt: skip


def _make_files(music: Path, n: int):
    """Path and status of each file, which is made now: links to few files, for a file system has only so many."""
    for first in itertools.count(0, LINKS):
        source = about = None
        for number in range(first, min(first + LINKS, n)):
            folder = f"{music}/Artist {number // 100}/Album {number // 10}"
            path = f"{folder}/{number % 10:02d} Title of song {number}.mp3"
            if number % 10 == 0:
                os.makedirs(folder)
            if source is None:
                Path(path).touch()
                source, about = path, os.stat(path)
            else:
                os.link(source, path)
            yield path, about
        if first + LINKS >= n:
            return
