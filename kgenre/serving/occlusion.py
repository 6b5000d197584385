"""What in a slice's spectrogram decided its genre: by occlusion, which asks the model alone and works with any.

The slice is cut into cells, parts of its time times bands of its frequencies. Each cell in turn is silenced
in the short-time Fourier transform, the slice resynthesised without it, and the model asked again: what the
probability of the genre loses is the cell's heat.

Reference:
    Zeiler & Fergus, "Visualizing and understanding convolutional networks", 2014, section 4.2.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

EDGES_HZ = (0.0, 100.0, 200.0, 400.0, 800.0, 1600.0, 3200.0, 6400.0, 24000.0)
PARTS = 10  # of the slice's time
FRAME_SECONDS = 0.046
BATCH = 16
SPECTROGRAM_BANDS, SPECTROGRAM_FRAMES = 64, 240
SPECTROGRAM_DB = 70.0  # between black and white
REMAINS = 0.01  # of a silenced cell's amplitude: -40 dB, for a model that takes logarithms may dislike zeros


@dataclass(frozen=True)
class Heat:
    """heat: (bands, parts), lowest band first, loss of probability. edges_hz: (bands + 1,).
    spectrogram: uint8 (64, frames), a log-frequency spectrogram from 50 Hz to edges_hz[-1], lowest first."""

    probability: float
    heat: np.ndarray
    edges_hz: np.ndarray
    spectrogram: np.ndarray


def heat_map(predict: Callable, samples: np.ndarray, sample_rate: int, label: int) -> Heat:
    """
    Args:
        predict: slices float32 (n, samples) -> probabilities (n, classes), embeddings.
        samples: float32 (samples,), one slice of the model's length.
        sample_rate: Hz.
        label: number of the genre that is asked for.
    """
    from scipy.signal import ShortTimeFFT
    from scipy.signal.windows import hann

    size = 2 ** round(np.log2(FRAME_SECONDS * sample_rate))
    stft = ShortTimeFFT(hann(size, sym=False), hop=size // 4, fs=sample_rate)
    spectrum = stft.stft(samples)  # (bins, frames)
    edges = np.array([edge for edge in EDGES_HZ if edge < sample_rate / 2] + [sample_rate / 2])
    bands = np.clip(np.searchsorted(edges, stft.f, side="right") - 1, 0, len(edges) - 2)
    parts = np.clip((stft.t(len(samples)) * sample_rate / len(samples) * PARTS).astype(int), 0, PARTS - 1)
    cells = [(band, part) for band in range(len(edges) - 1) for part in range(PARTS)]

    def without(cell) -> np.ndarray:
        keep = np.where((bands[:, None] == cell[0]) & (parts[None, :] == cell[1]), REMAINS, 1.0)
        return stft.istft(spectrum * keep, k1=len(samples)).astype("float32")

    whole = float(np.asarray(predict(samples[None])[0])[0, label])
    heat = np.zeros((len(edges) - 1, PARTS))
    for start in range(0, len(cells), BATCH):
        asked = cells[start : start + BATCH]
        answers, _ = predict(np.stack([without(cell) for cell in asked]))
        for cell, answer in zip(asked, answers):
            heat[cell] = whole - float(answer[label])
    return Heat(whole, heat, edges, log_spectrogram(np.abs(spectrum), stft.f))


def log_spectrogram(magnitude: np.ndarray, hz: np.ndarray) -> np.ndarray:
    """Magnitudes (bins, frames) -> uint8 (SPECTROGRAM_BANDS, at most SPECTROGRAM_FRAMES): log frequency, decibels."""
    centres = np.geomspace(50.0, hz[-1], SPECTROGRAM_BANDS)
    rows = np.clip(np.searchsorted(hz, centres), 0, len(hz) - 1)
    columns = np.linspace(0, magnitude.shape[1] - 1, min(SPECTROGRAM_FRAMES, magnitude.shape[1])).astype(int)
    db = 20 * np.log10(np.maximum(magnitude[np.ix_(rows, columns)], 1e-8))
    return np.rint(255 * np.clip((db - db.max()) / SPECTROGRAM_DB + 1, 0, 1)).astype("uint8")
