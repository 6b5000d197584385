"""Whether two tracks are one recording: their log-mel envelopes, laid over each other where they agree best.

The mean embedding of a track tells what sounds alike, which for two sonatas on one piano is as near as for a quieter
copy of one of them. The course of the bands over time tells them apart: it is the same in a copy at another level, rate
or bit rate, with noise, or cut at an end, and in no other performance.
"""

import numpy as np
from scipy import fft

from kgenre.audio.policy import AUTO
from kgenre.audio.track import read_samples

SAMPLE_RATE_HZ = 8000  # what is left of a copy at a low bit rate, too
HOP_SECONDS = 0.05
WINDOW_SAMPLES = 1024
N_BANDS, FMIN_HZ, FMAX_HZ = 24, 100.0, 3600.0
MAX_SECONDS = 60.0  # of a track that are compared, from its beginning
FLOOR = 1e-3  # of the mean power of a track: lower bands are noise that a copy need not have
MIN_OVERLAP = 0.5  # of the shorter track, that must lie on the longer one


def envelope(path: str, decoder: str = AUTO) -> np.ndarray:
    """Log-mel bands of a track without the mean of each: float16 (bands, frames), a frame every 50 ms.

    Gain and equalising move the mean of a band alone, so they leave no trace.

    Raises:
        AudioError: the track cannot be used.
    """
    import librosa

    samples = read_samples(path, SAMPLE_RATE_HZ, MAX_SECONDS, decoder).samples
    hop = round(HOP_SECONDS * SAMPLE_RATE_HZ)
    shape = {"n_fft": WINDOW_SAMPLES, "hop_length": hop, "n_mels": N_BANDS, "fmin": FMIN_HZ, "fmax": FMAX_HZ}
    power = librosa.feature.melspectrogram(y=samples, sr=SAMPLE_RATE_HZ, **shape)
    bands = np.log(power + FLOOR * power.mean() + 1e-12)
    return (bands - bands.mean(axis=1, keepdims=True)).astype("float16")


def match(a: np.ndarray, b: np.ndarray) -> float:
    """Correlation of two envelopes in [-1, 1] at the shift at which it is largest; 0 where either does not vary.

    Args:
        a, b: float (bands, frames), as `envelope` gives.
    """
    a, b = np.float32(a), np.float32(b)
    n_a, n_b = a.shape[1], b.shape[1]
    size = fft.next_fast_len(n_a + n_b - 1, real=True)
    product = fft.irfft((fft.rfft(a, size) * fft.rfft(b, size).conj()).sum(axis=0), size)
    shifts = np.arange(1 - n_b, n_a)  # frame t of b lies on frame t + shift of a
    first, last = np.maximum(shifts, 0), np.minimum(n_a, n_b + shifts)
    power = _sums(a, first, last) * _sums(b, first - shifts, last - shifts)
    usable = (last - first >= MIN_OVERLAP * min(n_a, n_b)) & (power > 1e-9)
    if not usable.any():
        return 0.0
    return float(np.clip((product[shifts[usable]] / np.sqrt(power[usable])).max(), -1, 1))


def _sums(bands: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Sum of squares of the frames from `first` to before `last`, for each pair of them."""
    running = np.concatenate([[0.0], (bands.astype("float64") ** 2).sum(axis=0).cumsum()])
    return running[last] - running[first]
