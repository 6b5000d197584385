"""Masks over bands of frequency and of time."""

from pydantic import Field

from kgenre.augment.augmentation import Augmentation
from kgenre.core.settings import Settings


class SpecAugmentSettings(Settings):
    """How wide the masks."""

    # Two masks of up to 15 % each way hide a quarter of the spectrogram on average.
    mask_share: float = Field(
        0.15, ge=0, le=1, description="share of height or width that one of the four masks takes at most"
    )


def build(settings: SpecAugmentSettings, spec, seed: int):
    from kgenre.augment.layers.random_layers import SpecAugment

    return SpecAugment(settings.mask_share, seed=seed, name="specaugment")


SPECAUGMENT = Augmentation(
    SpecAugmentSettings, build, "spectrogram", "bands of frequency and of time masked", "Park et al. 2019"
)
