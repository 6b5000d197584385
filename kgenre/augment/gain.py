"""Random gain of the waveform."""

from pydantic import Field

from kgenre.augment.augmentation import Augmentation
from kgenre.core.settings import Settings


class GainSettings(Settings):
    """How much louder or softer."""

    # Most of what decades of mastering differ by.
    gain_db: float = Field(6.0, ge=0, le=60, description="dB up or down at most")


def build(settings: GainSettings, spec, seed: int):
    from kgenre.augment.layers.random_layers import RandomGain

    return RandomGain(settings.gain_db, seed=seed, name="gain")


GAIN = Augmentation(
    GainSettings, build, "waveform", "louder or softer, which features in dB do not see", "Schlüter and Grill 2015"
)
