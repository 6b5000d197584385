"""The plan of the epochs: which crops of which tracks, in which order, and what augmentations draw for them."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from kgenre.audio.decoders import AudioError
from kgenre.audio.open_reader import Reader
from kgenre.core.progress import SILENT, Progress
from kgenre.training.crops import FIXED
from kgenre.training.settings import RunSettings


@dataclass(frozen=True, eq=False)
class FixedSlices:
    """All slices that tracks are cut into, one track after the other.

    tracks: int64 (slices,), the number of each slice's track. positions: float64 (slices,), as `crop` takes them.
    """

    tracks: np.ndarray
    positions: np.ndarray


@dataclass(frozen=True)
class TrainingPlan:
    """Which crops each epoch shows, drawn from seed and epoch alone.

    An epoch shows every track `crops_per_track` times at random positions, in random order, and is filled up to whole
    batches, and these to a whole number of updates. Balanced, it shows as many crops, but of each genre as often, and
    of the tracks of a genre as often, as whole numbers allow. Of fixed slices it shows each so often, where else it
    shows a track.

    genres: the label number of each track, to balance by; none for every track as often.
    n_steps: steps of an epoch, if they are not those that show each crop once: fewer show some of the crops, drawn
        again each epoch, and more show some of them more than once.
    accumulate: steps an update.
    fixed: the slices that are shown in place of random ones.
    """

    n_tracks: int
    crops_per_track: int
    batch_size: int
    seed: int
    genres: tuple[int, ...] = ()
    n_steps: int | None = None
    accumulate: int = 1
    fixed: FixedSlices | None = field(default=None, compare=False)

    @property
    def n_crops(self) -> int:
        """Crops that show each as often as it is to be shown."""
        return (self.n_tracks if self.fixed is None else len(self.fixed.tracks)) * self.crops_per_track

    @property
    def steps(self) -> int:
        an_update = self.batch_size * self.accumulate
        return self.n_steps or -(-self.n_crops // an_update) * self.accumulate

    def epoch(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """Track numbers and positions in [0, 1]: int64 (steps * batch_size,), float64 of the same shape."""
        rng = np.random.default_rng([self.seed, epoch])
        shown = self._balanced(rng) if self.genres else np.arange(self.n_crops) // self.crops_per_track
        order = np.resize(rng.permutation(shown), self.steps * self.batch_size)
        if self.fixed is not None:
            return self.fixed.tracks[order], self.fixed.positions[order]
        return order, rng.random(len(order))

    def _balanced(self, rng: np.random.Generator) -> np.ndarray:
        """Numbers of tracks or of fixed slices, int64 (n_crops,), of each genre as many, give or take one."""
        genres, n = np.array(self.genres), self.n_crops
        if self.fixed is not None:
            genres = genres[self.fixed.tracks]
        present = rng.permutation(np.unique(genres))  # so that the one crop more goes to another each epoch
        shares = np.full(len(present), n // len(present))
        shares[: n % len(present)] += 1
        numbers = (rng.permutation(np.flatnonzero(genres == genre)) for genre in present)
        return np.concatenate([np.resize(own, share) for own, share in zip(numbers, shares)])

    def draws(self, epoch: int, changes: dict) -> np.ndarray:
        """What each change draws for each crop, float64 (steps * batch_size, changes).

        Each draws from seed, epoch and its own name: it draws the same whatever else is listed.
        """
        n = self.steps * self.batch_size
        columns = [
            change.draw(np.random.default_rng([self.seed, epoch, *name.encode()]), n)
            for name, change in changes.items()
        ]
        return np.stack(columns, axis=1) if columns else np.zeros((n, 0))


def training_plan(
    settings: RunSettings, strata, reader: Reader, paths: Sequence[str], progress: Progress = SILENT
) -> TrainingPlan:
    """The plan of epochs for train tracks, of which fixed slices need the lengths.

    Args:
        strata: their label numbers, (tracks,).
    """
    training, fixed, times = settings.training, None, 1
    if settings.crops == FIXED:
        with progress.task("measuring tracks", len(paths), "tracks") as advance:
            fixed = fixed_slices(reader, paths, settings.reader.workers, advance)
    else:
        times = settings.cropping.crops_per_track
    return TrainingPlan(
        len(strata),
        times,
        training.batch_size,
        training.seed,
        genres=tuple(strata) if training.balanced else (),
        n_steps=training.steps_per_epoch,
        accumulate=training.accumulate,
        fixed=fixed,
    )


def fixed_slices(
    reader: Reader, paths: Sequence[str], workers: int, advance: Callable[[], None] = lambda: None
) -> FixedSlices:
    """The slices that `reader.slices` cuts of each track, by the length that its header states; one at least.

    Of a track that cannot be read there is one, and what happens to it is decided where it is read.
    """

    def positions(path: str) -> np.ndarray:
        try:
            return reader.spec.positions(reader.length(path))
        except AudioError:
            return np.zeros(1)
        finally:
            advance()

    with ThreadPoolExecutor(workers) as pool:
        found = list(pool.map(positions, paths))
    counts = [len(own) for own in found]
    return FixedSlices(np.repeat(np.arange(len(found)), counts), np.concatenate([np.zeros(0), *found]))
