"""Gaussian noise on the spectrogram."""

from pydantic import Field

from kgenre.augment.augmentation import Augmentation
from kgenre.core.settings import Settings


class NoiseSettings(Settings):
    """How loud the noise."""

    # 0.05 is 4 dB of 80.
    noise_std: float = Field(0.05, ge=0, le=1, description="standard deviation in a spectrogram of [0, 1]")


def build(settings: NoiseSettings, spec, seed: int):
    from kgenre.augment.layers.random_layers import SpectrogramNoise

    return SpectrogramNoise(settings.noise_std, seed=seed, name="noise")


NOISE = Augmentation(NoiseSettings, build, "spectrogram", "Gaussian noise on the spectrogram", "ATML GTZAN")
