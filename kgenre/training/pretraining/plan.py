"""The plan of a pre-training's epochs: crops in pairs of one song."""

from dataclasses import dataclass

import numpy as np

from kgenre.training.plan import TrainingPlan


@dataclass(frozen=True)
class PairPlan(TrainingPlan):
    """As TrainingPlan, with crops 2k and 2k + 1 of an epoch of one track, at positions of their own.

    `crops_per_track` and `batch_size` are even.
    """

    def epoch(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng([self.seed, epoch])
        n = self.steps * self.batch_size
        shown = np.repeat(np.arange(self.n_tracks), self.crops_per_track // 2)
        return np.repeat(np.resize(rng.permutation(shown), n // 2), 2), rng.random(n)
