"""Mixup: pairs of waveforms and of their labels."""

from dataclasses import dataclass

from pydantic import Field

from kgenre.augment.augmentation import Augmentation
from kgenre.core.errors import KgenreError
from kgenre.core.settings import Settings


class MixupSettings(Settings):
    """How evenly two waveforms are mixed."""

    # As published.
    mixup_alpha: float = Field(0.2, ge=0.01, le=100, description="a of the Beta(a, a) that shares are drawn from")


@dataclass(frozen=True)
class Mixup:
    """s x + (1 - s) y of each waveform x and its neighbour y in the batch, and of their labels.

    s is drawn from Beta(alpha, alpha) for each example: near 0 or 1 for a small alpha, uniform for 1.
    The plan has shuffled the tracks, so the neighbour is a random one; the last one's is the first.

    Args:
        alpha: float, positive.

    Raises:
        KgenreError: `alpha` not positive.

    Reference: Zhang et al. 2018.
    """

    alpha: float = 0.2

    def __post_init__(self):
        if not self.alpha > 0:
            raise KgenreError(f"`alpha` must be positive. Received: alpha={self.alpha}.")

    def draw(self, rng, n: int):
        """Shares of the first of each pair, float64 (n,) in [0, 1]."""
        return rng.beta(self.alpha, self.alpha, n)

    def apply(self, waveforms, labels, shares):
        """(batch, samples) or (batch, frames, bins), (batch, classes), (batch,) -> the first two mixed, float32."""
        import numpy as np

        def mixed(x):
            x = np.asarray(x, "float32")
            share = np.asarray(shares, "float32").reshape(-1, *(1,) * (x.ndim - 1))
            return share * x + (1 - share) * np.roll(x, -1, axis=0)

        return mixed(waveforms), mixed(labels)


def build(settings: MixupSettings, spec, seed: int) -> Mixup:
    return Mixup(settings.mixup_alpha)


MIXUP = Augmentation(
    MixupSettings, build, "batch", "two waveforms of a batch mixed, and their labels", "Zhang et al. 2018"
)
