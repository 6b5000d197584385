"""Constant-Q transform, and the chroma features made of it."""

import keras
import librosa
import numpy as np
from keras import ops

from kgenre.core.errors import KgenreError
from kgenre.features.layers.chroma import unit_maximum
from kgenre.features.layers.stft import by_frame, constant, decibels, frame_count, tiny

C1_HZ = 32.70319566257483
LEAKAGE = 1e-7  # share of an octave's energy that its product may leave out


class CqtKernel:
    """|CQT| of frames, by filters in the frequency domain.

    One FFT as long as the longest filter serves all octaves: a multi-rate pyramid saves arithmetic but
    adds the error of its decimation filters at every octave, and the FFT is the smaller part of the
    time at these hops. A filter's spectrum is narrow, so each octave is a small dense product.

    Args:
        sample_rate: int, Hz.
        n_bins, bins_per_octave: int.
        fmin: float, Hz, centre of the lowest bin.
    """

    def __init__(self, sample_rate: int, n_bins: int, bins_per_octave: int, fmin: float):
        hz = librosa.cqt_frequencies(n_bins, fmin=fmin, bins_per_octave=bins_per_octave)
        if hz[-1] * 2 ** (1 / bins_per_octave) > sample_rate / 2:
            raise KgenreError(
                "The highest bin must be below half the sample rate. "
                f"Received: {hz[-1]:.0f} Hz at sample_rate={sample_rate}. Take fewer bins or a lower fmin."
            )
        alpha = librosa.filters._relative_bandwidth(freqs=hz)
        lengths, _ = librosa.filters.wavelet_lengths(freqs=hz, sr=sample_rate, filter_scale=1, alpha=alpha)
        self.n_fft = 2 ** int(np.ceil(np.log2(lengths.max())))
        self.blocks = []
        for low in range(0, n_bins, bins_per_octave):
            part = slice(low, low + bins_per_octave)
            halvings = (n_bins - 1 - low) // bins_per_octave
            spectra = self._spectra(hz[part], alpha[part], sample_rate, halvings)
            self.blocks.append(self._block(spectra / np.sqrt(lengths[part, None])))

    def _spectra(self, hz, alpha, sample_rate: int, halvings: int) -> np.ndarray:
        """The filters of an octave as librosa makes them, at the rate that it has been decimated to.

        Lengths are rounded at that rate, which is what tells librosa's transform from one at the full
        rate (4e-3 of the largest value). A bin of the DFT is as wide at both rates, so the spectrum of
        the decimated filter is the low end of the full one.
        """
        filters, lengths = librosa.filters.wavelet(
            freqs=hz, sr=sample_rate / 2**halvings, filter_scale=1, norm=1, alpha=alpha
        )
        n_fft = self.n_fft >> halvings
        spectra = np.fft.fft(librosa.util.pad_center(filters, size=n_fft, axis=1), axis=1)[:, : n_fft // 2 + 1]
        return spectra * lengths[:, None] / n_fft  # 1 / n_fft is Parseval's, the length is librosa's scale

    @staticmethod
    def _block(spectra: np.ndarray):
        energy = (np.abs(spectra) ** 2).sum(axis=0).cumsum()
        low, high = np.searchsorted(energy, energy[-1] * np.array([LEAKAGE / 2, 1 - LEAKAGE / 2]))
        part = spectra[:, low : high + 1].T
        return int(low), int(high) + 1, part.real.astype("float32"), part.imag.astype("float32")

    def __call__(self, frames):
        """Frames (n, n_fft) -> magnitudes (n, n_bins)."""
        real, imaginary = ops.rfft(frames)
        octaves = []
        for low, high, a, b in self.blocks:
            x, y = real[:, low:high], imaginary[:, low:high]
            a, b = constant(a, real), constant(b, real)
            squared = ops.square(ops.matmul(x, a) - ops.matmul(y, b)) + ops.square(ops.matmul(x, b) + ops.matmul(y, a))
            # The gradient of a root has no bound at 0.
            octaves.append(ops.sqrt(ops.maximum(squared, tiny(1e-20, squared))))
        return ops.concatenate(octaves, axis=-1)


@keras.saving.register_keras_serializable(package="kgenre")
class Cqt(keras.layers.Layer):
    """Magnitude of the constant-Q transform, in dB below the example's maximum.

    Args:
        sample_rate: int, Hz.
        hop_length: int, samples between frames.
        n_bins, bins_per_octave: int.
        fmin: float, Hz, centre of the lowest bin.
        top_db: float or None, dB, range kept below the maximum; None leaves the magnitudes as they are.

    Input shape: (batch, samples), float in [-1, 1].
    Output shape: (batch, 1 + samples // hop_length, n_bins), float32; dB in [-top_db, 0], silence is 0.

    Raises:
        KgenreError: bins above half the sample rate.

    Reference: `librosa.cqt(y, sr=sr, sparsity=0, tuning=0)`, to 1e-3 of the largest magnitude, except in
        frames whose filters reach over an end of the signal, where its decimation rings: 1e-2
        (tests/test_features.py).
    """

    def __init__(
        self, sample_rate=22050, hop_length=1024, n_bins=84, bins_per_octave=12, fmin=C1_HZ, top_db=80.0, **kwargs
    ):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.sample_rate, self.hop_length, self.n_bins = sample_rate, hop_length, n_bins
        self.bins_per_octave, self.fmin, self.top_db = bins_per_octave, fmin, top_db
        self.kernel = CqtKernel(sample_rate, n_bins, bins_per_octave, fmin)

    def call(self, waveform):
        waveform = ops.cast(waveform, "float32")
        frames = frame_count(waveform.shape[1], self.kernel.n_fft, self.hop_length)
        magnitude = by_frame(waveform, self.kernel, self.kernel.n_fft, self.hop_length, frames)
        return magnitude if self.top_db is None else decibels(ops.square(magnitude), self.top_db)

    def compute_output_shape(self, input_shape):
        samples = input_shape[1]
        frames = None if samples is None else frame_count(samples, self.kernel.n_fft, self.hop_length)
        return (input_shape[0], frames, self.n_bins)

    def get_config(self):
        names = ("sample_rate", "hop_length", "n_bins", "bins_per_octave", "fmin", "top_db")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable(package="kgenre")
class ChromaCqt(keras.layers.Layer):
    """Constant-Q energy in the 12 pitch classes from C, over 7 octaves of 36 bins.

    Each frame is scaled to a maximum of 1; or, with `cens`, made robust to dynamics: its shares of the
    frame's sum are counted above 0.4, 0.2, 0.1 and 0.05, smoothed over time by a Hann window, and
    scaled to length 1.

    Args:
        sample_rate: int, Hz.
        hop_length: int, samples between frames.
        cens: bool.
        smooth_frames: int, length of the Hann window of `cens`.

    Input shape: (batch, samples), float in [-1, 1].
    Output shape: (batch, 1 + samples // hop_length, 12), float32 in [0, 1]; silence is finite.

    Reference: `librosa.feature.chroma_cqt` and `chroma_cens` with tuning=0, to 1e-2 and 1e-3
        (tests/test_features.py); Müller and Ewert 2011.
    """

    OCTAVES, BINS = 7, 36

    def __init__(self, sample_rate=22050, hop_length=1024, cens=False, smooth_frames=41, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.sample_rate, self.hop_length, self.cens, self.smooth_frames = sample_rate, hop_length, cens, smooth_frames
        n_bins = self.OCTAVES * self.BINS
        self.cqt = Cqt(sample_rate, hop_length, n_bins, self.BINS, top_db=None)
        fold = librosa.filters.cq_to_chroma(n_bins, bins_per_octave=self.BINS, n_chroma=12, fmin=C1_HZ)
        self.fold = fold.T.astype("float32")  # (252, 12)

    def build(self, input_shape):
        self.cqt.build(input_shape)

    def call(self, waveform):
        magnitude = self.cqt(waveform)
        chroma = ops.matmul(magnitude, constant(self.fold, magnitude))  # (batch, frames, 12)
        return self.energy_normalized(chroma) if self.cens else unit_maximum(chroma)

    def energy_normalized(self, chroma):
        """Quantized, smoothed, scaled to length 1: (batch, frames, 12) -> the same shape."""
        floor = tiny(1e-12, chroma)
        share = chroma / ops.maximum(ops.sum(chroma, axis=-1, keepdims=True), floor)
        counts = sum(ops.cast(share > step, "float32") * 0.25 for step in (0.4, 0.2, 0.1, 0.05))
        matrix = constant(smoothing_matrix(chroma.shape[1], self.smooth_frames), counts)
        smooth = ops.einsum("ij,bjc->bic", matrix, counts)
        return smooth / ops.maximum(ops.sqrt(ops.sum(ops.square(smooth), axis=-1, keepdims=True)), floor)

    def compute_output_shape(self, input_shape):
        batch, frames, _ = self.cqt.compute_output_shape(input_shape)
        return (batch, frames, 12)

    def get_config(self):
        names = ("sample_rate", "hop_length", "cens", "smooth_frames")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def smoothing_matrix(frames: int, length: int) -> np.ndarray:
    """Convolution over time with a Hann window of sum 1, zeros beyond the ends: float32 (frames, frames)."""
    from scipy.ndimage import convolve1d

    window = np.hanning(length + 2)
    return convolve1d(np.eye(frames), window / window.sum(), axis=0, mode="constant").astype("float32")
