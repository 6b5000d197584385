"""Altered copies of a track: a head fitted on them depends less on speed, equaliser, level, noise and length."""

import numpy as np

from kgenre.augment.equalizer import draw_gains, equalised


def altered(samples: np.ndarray, rate: int, rng) -> np.ndarray:
    """A copy as another pressing, player or rip of the song might sound, drawn from `rng`.

    Args:
        samples: float32 (samples,).
        rate: Hz.
        rng: numpy.random.Generator.

    Returns:
        float32, of another length.
    """
    import soxr

    samples = soxr.resample(samples, rate, rate * rng.uniform(0.88, 1.14))  # speed and pitch together
    samples = equalised(samples, rate, draw_gains(rng, 3.0))
    if rng.random() < 0.15:  # a source of 8 or 11 kHz
        low = rng.choice([8000, 11025])
        samples = soxr.resample(soxr.resample(samples, rate, low), low, rate)
    if rng.random() < 0.2:  # an excerpt so short that it is repeated
        length = int(rng.uniform(1, 2.5) * rate)
        start = rng.integers(max(1, len(samples) - length))
        samples = np.resize(samples[start : start + length], max(length, 3 * rate))
    samples = samples * 10 ** (rng.uniform(-12, 6) / 20)
    noise = 10 ** (rng.uniform(-80, -40) / 20) * rng.standard_normal(len(samples))
    return (samples + noise).astype("float32")
