"""Short-time Fourier transform in keras.ops, and what the features share around it."""

import contextlib
import contextvars
from collections.abc import Iterator

import keras
import numpy as np
from keras import ops

AMIN = 1e-10  # librosa's floor under the power before a logarithm
CACHED_FRAMES = 320  # at once on a CPU: 2.6 MB of 2048 samples. 128 are as fast, 1292 take 1.35 times as long
_CONVERTED = contextvars.ContextVar("converted", default=False)
_QUANTIZED = contextvars.ContextVar("quantized", default=False)


@contextlib.contextmanager
def traced_for_conversion(quantized: bool) -> Iterator[None]:
    """Within it, layers are traced for a converter: the same values, from operations that LiteRT has built in.

    Args:
        quantized: the converter quantizes weights; `constant` then keeps those of features out of its reach.
    """
    tokens = (_CONVERTED, _CONVERTED.set(True)), (_QUANTIZED, _QUANTIZED.set(quantized))
    try:
        yield
    finally:
        for variable, token in tokens:
            variable.reset(token)


def constant(matrix: np.ndarray, beside):
    """A matrix that a spectrum, `beside`, is multiplied with: itself, except where weights are being quantized.

    A product with 8-bit weights rounds the spectrum to 8 bits too, 48 dB, which is less than music has. The converter
    quantizes constants only, so there the matrix is multiplied by a 1 that it cannot know.
    """
    return matrix * _unknown_one(beside) if _QUANTIZED.get() else matrix


def tiny(value: float, beside):
    """A positive number that float16 has no room for, below 6e-8, in a computation with the tensor `beside`.

    Where weights are being quantized it is made of its logarithm, for as a constant it would become 0.
    """
    return ops.exp(float(np.log(value)) * _unknown_one(beside)) if _QUANTIZED.get() else value


def _unknown_one(beside):
    """The value 1, (1,), that a converter cannot fold into a constant."""
    return ops.minimum(ops.exp(ops.abs(ops.reshape(beside, (-1,))[:1])), 1.0)


def hann(length: int, n_fft: int, center: bool = True) -> np.ndarray:
    """Periodic Hann window of `length` with zeros up to `n_fft`: float32 (n_fft,).

    In the middle of the frame, as librosa has it, or at its beginning, as TensorFlow and VGGish do.
    """
    before = (n_fft - length) // 2 if center else 0
    return np.pad(np.hanning(length + 1)[:-1], (before, n_fft - length - before)).astype("float32")


def frame_count(samples: int, length: int, hop_length: int, center: bool = True) -> int:
    """Number of frames: 1 + samples // hop_length if centred, else those whose window lies inside; at least 1."""
    return 1 + (samples if center else max(0, samples - length)) // hop_length


def frame(waveform, n_fft: int, hop_length: int, n_frames: int, center: bool = True):
    """Frames, zero-padded: (batch, samples) -> (batch, n_frames, n_fft).

    Centred frames stand about the multiples of the hop, as librosa's do; others begin there. Frames are
    neighbouring blocks of one hop side by side: slices and a concatenation, where a gather would move
    every sample by an index.
    """
    samples = waveform.shape[1]
    before = n_fft // 2 if center else 0
    reach = -(-n_fft // hop_length)  # hops that a frame spans
    needed = (n_frames - 1 + reach) * hop_length
    padded = ops.pad(waveform, [[0, 0], [before, max(0, needed - samples - before)]])[:, :needed]
    hops = ops.reshape(padded, (-1, n_frames - 1 + reach, hop_length))  # (batch, hops, hop_length)
    frames = ops.concatenate([hops[:, i : i + n_frames] for i in range(reach)], axis=-1)
    return frames[..., :n_fft]


def by_frame(waveform, function, n_fft: int, hop_length: int, n_frames: int, center: bool = True):
    """Applies `function`, (n, n_fft) -> (n, bins), to all frames: (batch, samples) -> (batch, n_frames, bins).

    On a CPU, TensorFlow takes one example at a time, and some frames of it: they stay in the cache, 1.8 times as fast.
    """
    if runs_on_tensorflow_cpu() and not _CONVERTED.get():
        return _one_by_one(waveform, function, n_fft, hop_length, n_frames, center)
    frames = frame(waveform, n_fft, hop_length, n_frames, center)  # (batch, n_frames, n_fft)
    bins = function(ops.reshape(frames, (-1, n_fft)))  # (batch * n_frames, bins)
    return ops.reshape(bins, (-1, n_frames, bins.shape[-1]))


def _one_by_one(waveform, function, n_fft: int, hop_length: int, n_frames: int, center: bool):
    import tensorflow as tf

    parts = np.array_split(np.arange(n_frames), -(-n_frames // CACHED_FRAMES))

    def one(example):
        padded = tf.pad(example, [[n_fft // 2 if center else 0, n_fft]])
        spans = [padded[part[0] * hop_length : part[-1] * hop_length + n_fft] for part in parts]
        return tf.concat([function(tf.signal.frame(span, n_fft, hop_length)) for span in spans], axis=0)  # frames, bins

    return tf.map_fn(one, waveform)


def power_spectrum(frames, window: np.ndarray):
    """|DFT|^2 of windowed frames: (n, n_fft), (n_fft,) -> (n, n_fft // 2 + 1)."""
    real, imaginary = ops.rfft(ops.multiply(frames, window))  # (n, n_fft // 2 + 1) each
    return ops.square(real) + ops.square(imaginary)


class BandMatrix:
    """A matrix of filters that each span few bins, multiplied as a few dense blocks.

    A mel matrix is 98 % zeros. Neighbouring bands are grouped; a group is multiplied with the bins
    that its bands span, and the products side by side are the product with the whole matrix.

    Args:
        filters: float (bands, bins).
        groups: int, blocks at most.
    """

    def __init__(self, filters: np.ndarray, groups: int = 8):  # of 4, 8 and 16, by measurement
        self.blocks = []
        for rows in np.array_split(np.asarray(filters, "float32"), min(groups, len(filters))):
            bins = np.nonzero(rows.any(axis=0))[0]
            low, high = (int(bins[0]), int(bins[-1]) + 1) if len(bins) else (0, 1)  # narrower than a bin: empty
            self.blocks.append((low, high, rows[:, low:high].T.copy()))

    def __call__(self, spectrum):
        """(n, bins) -> (n, bands)."""
        products = [ops.matmul(spectrum[:, low:high], constant(block, spectrum)) for low, high, block in self.blocks]
        return ops.concatenate(products, axis=-1)


def decibels(power, top_db: float):
    """10 log10 of power against its own example's maximum, in [-top_db, 0]: (batch, ...) -> same shape."""
    level = 10.0 * ops.log10(ops.maximum(power, tiny(AMIN, power)))
    level = level - ops.max(level, axis=tuple(range(1, len(level.shape))), keepdims=True)
    return ops.maximum(level, -top_db)


def runs_on_tensorflow_cpu() -> bool:
    """Whether the graph that is being built is TensorFlow's, on a machine without a GPU."""
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    return not tf.config.list_physical_devices("GPU")
