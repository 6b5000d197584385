"""Sounds that are no music, drawn from a seed: noise, tones, and what is nearly silent."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

RATE, SECONDS = 22050, 10
LEVELS_DB, QUIET_DB = (-6, -20, -40), (-60, -70, -78)
COLOURS = {"white": 0.0, "pink": 0.5, "brown": 1.0}  # power of the frequency by which the amplitude falls
TIME = np.arange(RATE * SECONDS) / RATE


def write_sounds(folder: Path, seed: int = 0) -> dict[str, Path]:
    """Writes the sounds as FLAC files, as far as they are not there yet: {kind: folder}."""
    kinds = {"noise": noise, "tones": tones, "near silence": near_silence}
    for number, (kind, sounds) in enumerate(kinds.items()):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        for name, samples in sounds(np.random.default_rng([seed, number])):
            path = folder / kind / f"{name}.flac"
            if not path.exists():
                soundfile.write(path, samples.clip(-1, 1).astype("float32"), RATE)
    return {kind: folder / kind for kind in kinds}


def noise(rng: np.random.Generator) -> Iterator[tuple[str, np.ndarray]]:
    """Noise of three colours, mains hum, clicks and gusts, each at three levels."""
    for level in LEVELS_DB:
        gain = 10 ** (level / 20)
        for colour in COLOURS:
            yield f"{colour} {level} dB", gain * coloured(rng, COLOURS[colour])
        for hz in (50, 60):
            yield f"hum {hz} Hz {level} dB", gain * sum(tone(hz * k) / k for k in range(1, 9)) / 2
        for rate in (1, 8, 60):
            clicks = np.zeros(len(TIME))
            clicks[rng.integers(0, len(TIME), rate * SECONDS)] = rng.uniform(-1, 1, rate * SECONDS)
            yield f"{rate} clicks a second {level} dB", gain * clicks
        yield f"gusts {level} dB", gain * coloured(rng, 0.5) * (0.6 + 0.4 * tone(0.2))


def tones(rng: np.random.Generator) -> Iterator[tuple[str, np.ndarray]]:
    """Sines and squares of five pitches, a sweep, beeps, and a dial tone."""
    for hz in (100, 220, 440, 1000, 3000):
        yield f"sine {hz} Hz", 0.3 * tone(hz)
        yield f"square {hz} Hz", 0.2 * np.sign(tone(hz))
    yield "sweep", 0.3 * np.sin(2 * np.pi * (50 * TIME + 250 * TIME**2))
    yield "beeps", 0.3 * tone(800) * (TIME % 1 < 0.2)
    yield "dial tone", 0.2 * tone(350) + 0.2 * tone(440)


def near_silence(rng: np.random.Generator) -> Iterator[tuple[str, np.ndarray]]:
    """Noise and hum that hardly anyone hears; digital silence is refused by the reader."""
    for level in QUIET_DB:
        gain = 10 ** (level / 20)
        for colour in ("white", "pink"):
            yield f"{colour} {level} dB", gain * coloured(rng, COLOURS[colour])
        yield f"hum {level} dB", gain * tone(50)


def coloured(rng: np.random.Generator, power: float) -> np.ndarray:
    """Noise with a peak of 1 whose amplitude falls with that power of the frequency, float64 (samples,)."""
    spectrum = np.fft.rfft(rng.standard_normal(len(TIME)))
    spectrum[1:] /= np.fft.rfftfreq(len(TIME), 1 / RATE)[1:] ** power
    spectrum[0] = 0
    samples = np.fft.irfft(spectrum, len(TIME))
    return samples / np.abs(samples).max()


def tone(hz: float) -> np.ndarray:
    return np.sin(2 * np.pi * hz * TIME)
