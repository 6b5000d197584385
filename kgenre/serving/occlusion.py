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


class Cells:
    """A slice cut into cells, which can be silenced.

    Args:
        samples: float32 (samples,). sample_rate: Hz.

    Attributes:
        edges_hz: (bands + 1,). shape: (bands, parts). spectrum: complex (bins, frames).
    """

    def __init__(self, samples: np.ndarray, sample_rate: int):
        from scipy.signal import ShortTimeFFT
        from scipy.signal.windows import hann

        size = 2 ** round(np.log2(FRAME_SECONDS * sample_rate))
        self.stft = ShortTimeFFT(hann(size, sym=False), hop=size // 4, fs=sample_rate)
        self.spectrum, self._samples = self.stft.stft(samples), len(samples)
        self.edges_hz = np.array([edge for edge in EDGES_HZ if edge < sample_rate / 2] + [sample_rate / 2])
        self.shape = (len(self.edges_hz) - 1, PARTS)
        times = self.stft.t(len(samples)) * sample_rate / len(samples)  # in [0, 1] but for the padding
        self._bands = np.clip(np.searchsorted(self.edges_hz, self.stft.f, side="right") - 1, 0, self.shape[0] - 1)
        self._parts = np.clip((times * PARTS).astype(int), 0, PARTS - 1)

    def without(self, mask: np.ndarray) -> np.ndarray:
        """The slice resynthesised without the cells of a mask: bool (bands, parts) -> float32 (samples,)."""
        keep = np.where(mask[np.ix_(self._bands, self._parts)], REMAINS, 1.0)  # (bins, frames)
        return self.stft.istft(self.spectrum * keep, k1=self._samples).astype("float32")


def heat_map(predict: Callable, samples: np.ndarray, sample_rate: int, label: int) -> Heat:
    """
    Args:
        predict: slices float32 (n, samples) -> probabilities (n, classes), embeddings.
        samples: float32 (samples,), one slice of the model's length.
        sample_rate: Hz.
        label: number of the genre that is asked for.
    """
    cells = Cells(samples, sample_rate)
    whole = float(np.asarray(predict(samples[None])[0])[0, label])
    heat = np.zeros(cells.shape)
    single = np.eye(heat.size, dtype=bool).reshape(-1, *heat.shape)  # (cells, bands, parts)
    for start in range(0, len(single), BATCH):
        asked = single[start : start + BATCH]
        answers, _ = predict(np.stack([cells.without(mask) for mask in asked]))
        for mask, answer in zip(asked, answers):
            heat[mask] = whole - float(answer[label])
    return Heat(whole, heat, cells.edges_hz, log_spectrogram(np.abs(cells.spectrum), cells.stft.f))


def log_spectrogram(magnitude: np.ndarray, hz: np.ndarray) -> np.ndarray:
    """Magnitudes (bins, frames) -> uint8 (SPECTROGRAM_BANDS, at most SPECTROGRAM_FRAMES): log frequency, decibels."""
    centres = np.geomspace(50.0, hz[-1], SPECTROGRAM_BANDS)
    rows = np.clip(np.searchsorted(hz, centres), 0, len(hz) - 1)
    columns = np.linspace(0, magnitude.shape[1] - 1, min(SPECTROGRAM_FRAMES, magnitude.shape[1])).astype(int)
    db = 20 * np.log10(np.maximum(magnitude[np.ix_(rows, columns)], 1e-8))
    return np.rint(255 * np.clip((db - db.max()) / SPECTROGRAM_DB + 1, 0, 1)).astype("uint8")
