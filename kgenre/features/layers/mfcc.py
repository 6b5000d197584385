"""Mel-frequency cepstral coefficients with their deltas."""

import keras
import numpy as np
from keras import ops

from kgenre.features.layers.logmel import LogMel
from kgenre.features.layers.stft import AMIN, by_frame, constant, tiny


@keras.saving.register_keras_serializable(package="kgenre")
class Mfcc(keras.layers.Layer):
    """Orthonormal DCT-II of the log-mel spectrum in dB, and its slopes over time.

    The decibels are absolute, clipped at 80 dB below the example's maximum. A delta of order k is the
    k-th derivative of a polynomial of order k fitted to 9 frames (Savitzky-Golay); at the ends the
    polynomial of the first and last 9 frames goes on.

    Args:
        sample_rate, n_fft, hop_length, n_mels: as LogMel.
        n_mfcc: int, coefficients kept.
        deltas: 0, 1 or 2, orders of slopes appended.

    Input shape: (batch, samples), float in [-1, 1].
    Output shape: (batch, 1 + samples // hop_length, n_mfcc * (1 + deltas)), float32.

    Reference: `librosa.feature.mfcc` and `librosa.feature.delta(mode="interp")`, to 1e-2 of a
        coefficient, whose range is some hundred dB (tests/test_features.py).
    """

    WIDTH = 9

    def __init__(self, sample_rate=22050, n_fft=2048, hop_length=512, n_mels=128, n_mfcc=20, deltas=2, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.sample_rate, self.n_fft, self.hop_length = sample_rate, n_fft, hop_length
        self.n_mels, self.n_mfcc, self.deltas = n_mels, n_mfcc, deltas
        factor = 10 / np.log(10)
        self.mel = LogMel(sample_rate, n_fft, hop_length, n_mels, log="offset", offset=0.0, factor=factor)
        from scipy.fft import dct

        self.basis = dct(np.eye(n_mels), axis=0, norm="ortho")[:n_mfcc].T.astype("float32")  # (n_mels, n_mfcc)

    def build(self, input_shape):
        self.mel.build(input_shape)

    def call(self, waveform):
        waveform = ops.cast(waveform, "float32")
        frames = self.mel.frame_count(waveform.shape[1])
        mel = by_frame(waveform, self.mel.mel_power, self.n_fft, self.hop_length, frames)  # (batch, frames, n_mels)
        level = 10.0 * ops.log10(ops.maximum(mel, tiny(AMIN, mel)))
        level = ops.maximum(level, ops.max(level, axis=(1, 2), keepdims=True) - 80.0)
        coefficients = ops.matmul(level, constant(self.basis, level))  # (batch, frames, n_mfcc)
        slopes = [self.delta(coefficients, order) for order in range(1, self.deltas + 1)]
        return ops.concatenate([coefficients, *slopes], axis=-1)

    def delta(self, x, order: int):
        """Slopes of the given order: (batch, frames, n) -> the same shape; needs 9 frames, else 0."""
        frames = x.shape[1]
        if frames < self.WIDTH:
            return ops.zeros_like(x)
        return ops.einsum("ij,bjn->bin", constant(savgol_matrix(frames, self.WIDTH, order), x), x)

    def compute_output_shape(self, input_shape):
        batch, frames, _ = self.mel.compute_output_shape(input_shape)
        return (batch, frames, self.n_mfcc * (1 + self.deltas))

    def get_config(self):
        names = ("sample_rate", "n_fft", "hop_length", "n_mels", "n_mfcc", "deltas")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def savgol_matrix(frames: int, width: int, order: int) -> np.ndarray:
    """The Savitzky-Golay filter as a matrix, float32 (frames, frames): scipy's, applied to unit impulses."""
    from scipy.signal import savgol_filter

    return savgol_filter(np.eye(frames), width, polyorder=order, deriv=order, axis=0, mode="interp").astype("float32")
