"""What robustness is measured against: alterations of a track that leave its genre as it is.

To add one, give it a row in CONDITIONS.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from kgenre.audio.mp3 import through_mp3
from kgenre.augment.stretch import stretched

FULL_RATE = 44100  # Hz, at which tracks are coded: most songs have it


@dataclass(frozen=True)
class Condition:
    """One row of CONDITIONS.

    kind: what rows of a kind have in common, for people. name: of the row.
    alter: samples float32 (n,), sample rate in Hz, NumPy's generator -> float32 (m,).
    full_rate: whether it is given the track at FULL_RATE, as a file has it, rather than at the model's rate.
    """

    kind: str
    name: str
    alter: Callable[[np.ndarray, int, np.random.Generator], np.ndarray]
    full_rate: bool = False


def mp3(samples: np.ndarray, rate: int, rng: np.random.Generator, kbit: int) -> np.ndarray:
    return through_mp3(samples, rate, kbit)


def white_noise(samples: np.ndarray, rate: int, rng: np.random.Generator, snr_db: float) -> np.ndarray:
    """The sum with noise of the same power at all frequencies, `snr_db` below the track's own power."""
    return _with_noise(samples, rng.standard_normal(len(samples)), snr_db)


def pink_noise(samples: np.ndarray, rate: int, rng: np.random.Generator, snr_db: float) -> np.ndarray:
    """The same with noise whose power is inverse to the frequency, as that of rooms and traffic roughly is."""
    spectrum = np.fft.rfft(rng.standard_normal(len(samples)))
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
    spectrum[0] = 0.0
    return _with_noise(samples, np.fft.irfft(spectrum, len(samples)), snr_db)


def _with_noise(samples: np.ndarray, noise: np.ndarray, snr_db: float) -> np.ndarray:
    power, own = np.mean(samples.astype("float64") ** 2), np.mean(noise**2)
    level = np.sqrt(power / max(own, 1e-12) * 10 ** (-snr_db / 10))
    return fitted((samples + level * noise).astype("float32"))


def fitted(samples: np.ndarray) -> np.ndarray:
    """Turned down to [-1, 1] where it is louder: clipping would be another alteration."""
    return samples / max(1.0, float(np.abs(samples).max(initial=0.0)))


def speed(samples: np.ndarray, rate: int, rng: np.random.Generator, factor: float) -> np.ndarray:
    """`factor` times as fast and as high, as a turntable does it."""
    import soxr

    return np.clip(soxr.resample(samples, rate * factor, rate, quality="HQ"), -1.0, 1.0).astype("float32")


def tempo(samples: np.ndarray, rate: int, rng: np.random.Generator, factor: float) -> np.ndarray:
    """`factor` times as fast at the same pitch."""
    return np.clip(stretched(samples, rate, factor), -1.0, 1.0)


def middle_cut(samples: np.ndarray, rate: int, rng: np.random.Generator, seconds: float) -> np.ndarray:
    """So many seconds from the middle; all of a track that is shorter."""
    length = min(len(samples), round(seconds * rate))
    first = (len(samples) - length) // 2
    return samples[first : first + length]


def gain(samples: np.ndarray, rate: int, rng: np.random.Generator, db: float) -> np.ndarray:
    return (samples * 10 ** (db / 20)).astype("float32")


def _row(kind: str, name: str, alter: Callable, value: float, full_rate: bool = False) -> Condition:
    # By its place, after the generator: each of the functions has a name of its own for it.
    return Condition(kind, name, functools.partial(_call, alter, value), full_rate)


def _call(alter: Callable, value: float, samples: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
    return alter(samples, rate, rng, value)


UNTOUCHED = Condition("untouched", "as it is", lambda samples, rate, rng: samples)
CONDITIONS = (
    *(_row("MP3", f"{kbit} kbit/s", mp3, kbit, full_rate=True) for kbit in (320, 192, 128, 64, 32)),
    *(_row("white noise", f"{db} dB SNR", white_noise, db) for db in (30, 20, 10, 0)),
    *(_row("pink noise", f"{db} dB SNR", pink_noise, db) for db in (30, 20, 10, 0)),
    *(_row("speed", f"x {factor:.2f}", speed, factor) for factor in (0.9, 0.95, 1.05, 1.1)),
    *(_row("tempo alone", f"x {factor:.2f}", tempo, factor) for factor in (0.9, 1.1)),
    *(_row("length", f"{seconds} s", middle_cut, seconds) for seconds in (10, 3, 1)),
    _row("level", "-20 dB", gain, -20.0),
)
