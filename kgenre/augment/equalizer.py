"""Random equaliser of a waveform, set while its crop is read."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import Field

from kgenre.augment.augmentation import Augmentation
from kgenre.core.errors import KgenreError
from kgenre.core.settings import Settings

if TYPE_CHECKING:  # `--help` can do without it
    import numpy as np

BANDS_HZ = (100, 300, 1000, 3000)  # gains are drawn at these, at 0 Hz and at half the sample rate


class EqualizerSettings(Settings):
    """How much louder or softer the bands."""

    # What two masters of a song differ by: two thirds of the gains are within 3 dB.
    equalizer_db: float = Field(3.0, ge=0, le=20, description="standard deviation of the gains of six bands, in dB")


@dataclass(frozen=True)
class Equalizer:
    """Six gains in dB, drawn from a normal distribution, linear in frequency between them.

    Args:
        equalizer_db: float, standard deviation in dB.
        sample_rate: int, Hz.

    Raises:
        KgenreError: `equalizer_db` negative.
    """

    equalizer_db: float
    sample_rate: int

    def __post_init__(self):
        if self.equalizer_db < 0:
            raise KgenreError(f"`equalizer_db` must not be negative. Received: equalizer_db={self.equalizer_db}.")

    def draw(self, rng, n: int) -> "np.ndarray":
        """The seed of each curve, a whole number as float64 (n,): a crop has one value, a curve six gains."""
        return rng.integers(0, 2**32, n).astype("float64")

    def reads(self, samples: int, seed: float) -> int:
        return samples

    def apply(self, waveform: "np.ndarray", seed: float, samples: int) -> "np.ndarray":
        """Waveform (n,) -> float32 (samples,)."""
        import numpy as np

        gains = draw_gains(np.random.default_rng(int(seed)), self.equalizer_db)
        return equalised(waveform, self.sample_rate, gains)[:samples].astype("float32")


def draw_gains(rng, deviation_db: float) -> "np.ndarray":
    """Gains in dB, (6,), for `equalised`: drawn from a normal distribution about 0."""
    return rng.normal(0, deviation_db, len(BANDS_HZ) + 2)


def equalised(samples: "np.ndarray", rate: int, gains_db: "np.ndarray") -> "np.ndarray":
    """The samples with six gains in dB, at 0 Hz, BANDS_HZ and half the rate, linear between them."""
    import numpy as np

    spectrum = np.fft.rfft(samples)
    hz = np.linspace(0, rate / 2, len(spectrum))
    gain = np.interp(hz, [0, *BANDS_HZ, max(rate / 2, BANDS_HZ[-1] + 1)], gains_db)
    return np.fft.irfft(spectrum * 10 ** (gain / 20), len(samples))


def build(settings: EqualizerSettings, spec, seed: int) -> Equalizer:
    return Equalizer(settings.equalizer_db, spec.sample_rate)


EQUALIZER = Augmentation(
    EqualizerSettings, build, "crop", "bands of frequency louder or softer", "Schlüter and Grill 2015"
)
