"""The plan of the epochs: which crops of which tracks, in which order, and what augmentations draw for them."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class TrainingPlan:
    """Which crops each epoch shows, drawn from seed and epoch alone.

    An epoch shows every track `crops_per_track` times at random positions, in random order, and is
    filled up to whole batches. Balanced, it shows as many crops, but of each genre as often, and of the
    tracks of a genre as often, as whole numbers allow.

    genres: the label number of each track, to balance by; none for every track as often.
    n_steps: steps of an epoch, if they are not those that show each crop once: fewer show some of the crops, drawn
        again each epoch, and more show some of them more than once.
    """

    n_tracks: int
    crops_per_track: int
    batch_size: int
    seed: int
    genres: tuple[int, ...] = ()
    n_steps: int | None = None

    @property
    def steps(self) -> int:
        return self.n_steps or -(-self.n_tracks * self.crops_per_track // self.batch_size)

    def epoch(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """Track numbers and positions in [0, 1]: int64 (steps * batch_size,), float64 of the same shape."""
        rng = np.random.default_rng([self.seed, epoch])
        shown = self._balanced(rng) if self.genres else np.repeat(np.arange(self.n_tracks), self.crops_per_track)
        order = np.resize(rng.permutation(shown), self.steps * self.batch_size)
        return order, rng.random(len(order))

    def _balanced(self, rng: np.random.Generator) -> np.ndarray:
        """Track numbers, int64 (n_tracks * crops_per_track,), of each genre as many, give or take one."""
        genres, n = np.array(self.genres), self.n_tracks * self.crops_per_track
        present = rng.permutation(np.unique(genres))  # so that the one crop more goes to another each epoch
        shares = np.full(len(present), n // len(present))
        shares[: n % len(present)] += 1
        tracks = (rng.permutation(np.flatnonzero(genres == genre)) for genre in present)
        return np.concatenate([np.resize(own, share) for own, share in zip(tracks, shares)])

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
