"""Recomputes the golden files and prints the largest change: python tests/golden/update.py

Run it after a change that is meant to change the values, and check that the printed change is the intended one.
"""

from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parent
SAMPLE_RATE = 22050


def music(seconds: float = 3.0) -> np.ndarray:
    """Two chords that decay, a rising tone and noise, float32 (samples,)."""
    time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    chords = [(220.0, 277.18, 329.63), (174.61, 220.0, 349.23)]
    struck = [np.exp(-4 * (time - 1.5 * i).clip(0)) * (time >= 1.5 * i) for i in range(2)]
    notes = sum(envelope * np.sin(2 * np.pi * hz * time) for envelope, chord in zip(struck, chords) for hz in chord)
    rise = np.sin(2 * np.pi * (300 * time + 900 * time**2))
    noise = np.random.RandomState(0).standard_normal(len(time))  # its stream never changes, default_rng's may
    return (0.2 * notes + 0.05 * rise + 1e-3 * noise).astype("float32")


def logmel() -> np.ndarray:
    """LogMel of `music`, 32 bands: (frames, 32) dB."""
    from kgenre.features.layers.logmel import LogMel

    return np.asarray(LogMel(SAMPLE_RATE, n_mels=32)(music()[None]))[0]


def zoom() -> np.ndarray:
    """`zoom` of a small spectrogram by three pairs of factors: (3, 12, 20, 1)."""
    from kgenre.augment.layers.zoom import zoom as zoom_spectrogram

    spectrogram = np.random.RandomState(1).random_sample((12, 20, 1)).astype("float32")
    factors = np.float32([0.7, 1.0, 1.25]), np.float32([1.3, 0.9, 0.8])
    return np.asarray(zoom_spectrogram(np.stack([spectrogram] * 3), *factors))


GOLDEN = {"logmel": logmel, "zoom": zoom}


def load(name: str) -> np.ndarray:
    with np.load(FOLDER / f"{name}.npz") as file:
        return file["values"]


def main() -> None:
    for name, compute in GOLDEN.items():
        values = compute()
        path = FOLDER / f"{name}.npz"
        if not path.is_file():
            print(f"{name}: new, {values.shape}")
        elif (before := load(name)).shape != values.shape:
            print(f"{name}: shape {before.shape} -> {values.shape}")
        else:
            print(f"{name}: largest change {np.abs(values - before).max():.3g}")
        np.savez_compressed(path, values=values)


if __name__ == "__main__":
    main()
