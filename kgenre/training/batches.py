"""Training crops, numbered: what a table of tracks and a plan give for each place of the endless sequence of epochs.

Any crop may be asked for at any time, by several threads at once; `loaders.py` makes batches of them for each backend.
Shuffling is done by the plan on pairs of (track, position), so it holds no audio at all.
"""

import functools
import sys
import threading
from collections.abc import Iterable, Iterator

import numpy as np

from kgenre.audio import decode as audio
from kgenre.audio.open_reader import Reader
from kgenre.training.plan import TrainingPlan

ENDLESS = sys.maxsize  # items, of a source without an end: 300 000 years at a million crops a second
DRAWN_SUBSTITUTES = 64  # where so many fail, nearly all do, and any other will do
EPOCHS_KEPT = 2  # whose order is in memory: at its end an epoch is read together with the next one


class TrainingCrops:
    """Random access to the crops of a plan: item k -> (crop, label, what the changes of whole batches draw for it).

    crop: float32, of a slice's shape. label: int32 (), or float32 (classes,). The values drawn: float64 (changes,).
    What item k is depends on the plan alone, not on what was asked before nor by how many threads. Where a file fails,
    tracks that are drawn from the epoch for item k take its place, and `reader.failures` names it.

    Args:
        labels: whole numbers (tracks,), or shares of the classes (tracks, classes), which `of_batch` asks for. Of
            labels that change within a track, a function (number, position) -> float32 (n,).
        first_epoch: epoch of item 0, from 0.
        of_crop, of_batch: {name: change} of build_augmentations, for a crop and for a batch.
        n_steps: batches that there are; ENDLESS crops if not given.
    """

    def __init__(
        self,
        reader: Reader,
        paths,
        labels,
        plan: TrainingPlan,
        first_epoch: int = 0,
        of_crop: dict | None = None,
        of_batch: dict | None = None,
        n_steps: int | None = None,
    ):
        self.reader, self.paths, self.plan, self.first_epoch = reader, list(paths), plan, first_epoch
        self.of_crop, self.of_batch, self.n_steps = of_crop or {}, of_batch or {}, n_steps
        self.label_of = labels if callable(labels) else _of_tracks(labels)
        self.example = np.asarray(self.label_of(0, 0.0))
        self.lock, self.kept_epoch = threading.Lock(), functools.lru_cache(EPOCHS_KEPT)(self._epoch)

    def __len__(self) -> int:
        return ENDLESS if self.n_steps is None else self.n_steps * self.plan.batch_size

    def __getitem__(self, item) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        epoch, place = divmod(int(item), self.plan.steps * self.plan.batch_size)
        with self.lock:  # or each thread would draw a new epoch for itself
            tracks, positions, drawn = self.kept_epoch(self.first_epoch + epoch)
        of_crop, of_batch = np.split(drawn[place], [len(self.of_crop)])
        seed = [self.plan.seed, self.first_epoch + epoch, place]
        crop, label = self._crop(_with_substitutes(tracks, positions, place, seed, len(self.paths)), of_crop)
        return crop, label, of_batch

    def changed_batch(self, slices: np.ndarray, labels: np.ndarray, drawn: np.ndarray) -> tuple:
        """Slices and labels of a batch after the changes of whole batches, of the values drawn (batch, changes)."""
        for column, change in enumerate(self.of_batch.values()):
            slices, labels = change.apply(slices, labels, drawn[:, column])
        return slices, labels

    def _epoch(self, epoch: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return *self.plan.epoch(epoch), self.plan.draws(epoch, {**self.of_crop, **self.of_batch})

    def _crop(self, order: Iterable[tuple[int, float]], drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The first crop that can be read, of numbers of tracks and positions in this order."""
        changes = list(zip(self.of_crop.values(), drawn))
        for number, position in order:
            path = self.paths[number]
            if path in self.reader.failures:
                continue
            try:
                return changed_crop(self.reader, path, position, changes), self.label_of(number, position)
            except audio.AudioError as error:
                self.reader.failures[path] = error.cause
        # None can be read: the epoch's end reports it.
        return np.zeros(self.reader.spec.shape, "float32"), np.zeros_like(self.example)


def _with_substitutes(
    tracks: np.ndarray, positions: np.ndarray, place: int, seed: list[int], n_tracks: int
) -> Iterator[tuple[int, float]]:
    """Track and position of a place of an epoch, then those that may take its place; each track at least once.

    They are drawn from the whole epoch: where a shard is lost, no song stands for all of its tracks, and genres keep
    their shares.
    """
    rng = np.random.default_rng(seed)
    for own in [place, *rng.integers(len(tracks), size=DRAWN_SUBSTITUTES)]:
        yield int(tracks[own]), float(positions[own])
    for number in rng.permutation(n_tracks).tolist():
        yield number, 0.0


def _of_tracks(labels):
    """(number, position) -> the label of the track, wherever in it."""
    labels = np.asarray(labels)
    labels = labels.astype("int32" if labels.ndim == 1 else "float32")
    return lambda number, position: labels[number]


def changed_crop(reader: Reader, path: str, position: float, changes: list) -> np.ndarray:
    """A crop of a track with changes applied in order, each given as (change, value): float32, of a slice's shape.

    From the last to the first, each says how much it must be given, so that none has to pad.
    """
    sizes = [reader.spec.slice_samples]
    for change, value in reversed(changes):
        sizes.append(change.reads(sizes[-1], value))
    waveform = reader.crop(path, position, sizes.pop())
    for change, value in changes:
        waveform = change.apply(waveform, value, sizes.pop())
    return waveform
