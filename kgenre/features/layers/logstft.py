"""Log-frequency spectrogram: the short-time spectrum read off at frequencies of equal ratio."""

import keras
import numpy as np
from keras import ops

from kgenre.core.errors import KgenreError
from kgenre.features.layers.stft import BandMatrix, by_frame, decibels, frame_count, hann, power_spectrum


@keras.saving.register_keras_serializable(package="kgenre")
class LogStft(keras.layers.Layer):
    """Power spectrum at log-spaced frequencies, linearly between bins, in dB below the example's maximum.

    Args:
        sample_rate: int, Hz.
        n_fft, hop_length: int, samples of a frame and between frames.
        n_bins: int, frequencies.
        fmin: float, Hz, the lowest frequency, above 0.
        fmax: float or None, Hz, the highest; None is half the sample rate.
        top_db: float, dB, range kept below the maximum.

    Input shape: (batch, samples), float in [-1, 1].
    Output shape: (batch, 1 + samples // hop_length, n_bins), float32 dB in [-top_db, 0]; silence is 0.

    Raises:
        KgenreError: frequencies that do not rise.

    Reference: numpy.interp on librosa.stft's power, to 1e-2 dB (tests/test_features.py): a bin deep
        between partials is all rounding, where a mel band averages it away.
    """

    def __init__(
        self, sample_rate=22050, n_fft=2048, hop_length=512, n_bins=128, fmin=32.7, fmax=None, top_db=80.0, **kwargs
    ):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.sample_rate, self.n_fft, self.hop_length = sample_rate, n_fft, hop_length
        self.n_bins, self.fmin, self.fmax, self.top_db = n_bins, fmin, fmax, top_db
        top = sample_rate / 2 if fmax is None else fmax
        if not 0 < fmin < top <= sample_rate / 2:
            raise KgenreError(
                "`fmin_hz` of a log-frequency spectrogram must be above 0 and below `fmax_hz`, and that at most half "
                f"the sample rate. Received: fmin_hz={fmin}, fmax_hz={top}, sample_rate_hz={sample_rate}."
            )
        self.window = hann(n_fft, n_fft)
        bins = log_hz(sample_rate, n_bins, fmin, fmax) * n_fft / sample_rate
        self.read_off = BandMatrix(np.maximum(0, 1 - np.abs(bins[:, None] - np.arange(n_fft // 2 + 1))))

    def call(self, waveform):
        waveform = ops.cast(waveform, "float32")
        frames = frame_count(waveform.shape[1], self.n_fft, self.hop_length)
        return decibels(by_frame(waveform, self.power_at, self.n_fft, self.hop_length, frames), self.top_db)

    def power_at(self, frames):
        """Frames (n, n_fft) -> power at the frequencies (n, n_bins)."""
        return self.read_off(power_spectrum(frames, self.window))

    def compute_output_shape(self, input_shape):
        samples = input_shape[1]
        frames = None if samples is None else frame_count(samples, self.n_fft, self.hop_length)
        return (input_shape[0], frames, self.n_bins)

    def get_config(self):
        names = ("sample_rate", "n_fft", "hop_length", "n_bins", "fmin", "fmax", "top_db")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def log_hz(sample_rate, n_bins, fmin, fmax) -> np.ndarray:
    """The frequencies that are read off: float64 (n_bins,) Hz."""
    return np.geomspace(fmin, sample_rate / 2 if fmax is None else fmax, n_bins)
