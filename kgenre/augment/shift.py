"""Circular shift of the spectrogram in time."""

from pydantic import Field

from kgenre.augment.augmentation import Augmentation
from kgenre.core.settings import Settings


class ShiftSettings(Settings):
    """How far in time."""

    # Any place of the circle.
    shift_share: float = Field(0.5, ge=0, le=0.5, description="share of the width at most, either way")


def build(settings: ShiftSettings, spec, seed: int):
    from kgenre.augment.layers.random_layers import TimeShift

    return TimeShift(settings.shift_share, seed=seed, name="shift")


SHIFT = Augmentation(
    ShiftSettings, build, "spectrogram", "rotated in time, the end before the beginning", "Piczak 2015"
)
