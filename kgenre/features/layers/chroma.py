"""Chroma of the short-time spectrum: energy by pitch class."""

import keras
import numpy as np
from keras import ops

from kgenre.features.layers.stft import BandMatrix, by_frame, frame_count, hann, power_spectrum, tiny

TINY = np.float32(1.1754944e-38)  # librosa leaves a frame alone whose norm is below this


@keras.saving.register_keras_serializable(package="kgenre")
class ChromaStft(keras.layers.Layer):
    """Energy of the power spectrum in the 12 pitch classes from C, each frame scaled to a maximum of 1.

    Args:
        sample_rate: int, Hz.
        n_fft, hop_length: int, samples of a frame and between frames.
        n_chroma: int, classes in an octave.

    Input shape: (batch, samples), float in [-1, 1].
    Output shape: (batch, 1 + samples // hop_length, n_chroma), float32 in [0, 1]; silence is 0.

    Reference: `librosa.feature.chroma_stft(y=y, sr=sr, tuning=0)`, to 1e-3 (tests/test_features.py).
    """

    def __init__(self, sample_rate=22050, n_fft=2048, hop_length=512, n_chroma=12, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        import librosa

        self.sample_rate, self.n_fft, self.hop_length, self.n_chroma = sample_rate, n_fft, hop_length, n_chroma
        self.window = hann(n_fft, n_fft)
        # The filters overlap all over the spectrum: one dense block.
        self.filters = BandMatrix(librosa.filters.chroma(sr=sample_rate, n_fft=n_fft, n_chroma=n_chroma), groups=1)

    def call(self, waveform):
        waveform = ops.cast(waveform, "float32")
        frames = frame_count(waveform.shape[1], self.n_fft, self.hop_length)
        return unit_maximum(by_frame(waveform, self.fold, self.n_fft, self.hop_length, frames))

    def fold(self, frames):
        """Frames (n, n_fft) -> energy by class (n, n_chroma)."""
        return self.filters(power_spectrum(frames, self.window))

    def compute_output_shape(self, input_shape):
        samples = input_shape[1]
        frames = None if samples is None else frame_count(samples, self.n_fft, self.hop_length)
        return (input_shape[0], frames, self.n_chroma)

    def get_config(self):
        names = ("sample_rate", "n_fft", "hop_length", "n_chroma")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def unit_maximum(x):
    """Scales the last axis to a largest magnitude of 1, as librosa's norm=inf; zeros stay zeros."""
    largest = ops.max(ops.abs(x), axis=-1, keepdims=True)
    return x / ops.where(largest < tiny(TINY, largest), ops.ones_like(largest), largest)
