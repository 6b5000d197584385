"""Resampling in a TensorFlow graph by a windowed sinc, at a ratio that only the request tells.

Reference: Smith, "Digital Audio Resampling", https://ccrma.stanford.edu/~jos/resample/. The kernel is a sinc under a
Kaiser window, as wide as soxr's HQ setting in its transition: it passes what is below 0.91 of the lower rate's Nyquist
frequency and stops what is above it by 100 dB. `tests/test_saved_model_wav.py` compares with soxr: within -60 dB.

A ratio of small numbers, as 160 / 441 of 44.1 to 16 kHz, needs few kernels, one for each phase of the output; these are
a matrix. Other ratios, as 16000 / 44099, round the phase to one of PHASES.
"""

import functools
import math

PASS, STOP = 0.913, 1.0  # of the lower Nyquist frequency
CUTOFF = (PASS + STOP) / 2
STOP_DB = 100.0
BETA = 0.1102 * (STOP_DB - 8.7)  # Kaiser's formulas
HALF_WIDTH = math.ceil((STOP_DB - 7.95) / (2.285 * math.pi * (STOP - PASS)) / 2)  # samples of the lower rate
PHASES = 4096  # between two samples of the lower rate; rounding to them is an error of -73 dB at most
LARGEST_MATRIX = 2**20  # values
BLOCK = 2**21  # values gathered at a time, which bounds the memory of a long file


def resample(samples, rate, to_rate: int):
    """float32 (samples,) at `rate` -> float32 (round(samples * to_rate / rate),) at `to_rate`.

    Args:
        samples: tensor, at least one sample.
        rate: int32 tensor (), Hz, at least 1.
        to_rate: int, Hz.
    """
    import tensorflow as tf

    return tf.cond(tf.equal(rate, to_rate), lambda: samples, lambda: _graph(to_rate)(samples, rate))


@functools.cache
def _graph(to_rate: int):
    import tensorflow as tf

    signature = [tf.TensorSpec((None,), tf.float32), tf.TensorSpec((), tf.int32)]

    @tf.function(input_signature=signature, autograph=False)
    def convert(samples, rate):
        divisor, _ = tf.while_loop(lambda _, rest: rest > 0, lambda last, rest: (rest, last % rest), (rate, to_rate))
        up, down = to_rate // divisor, rate // divisor
        scale = tf.maximum(
            tf.cast(rate, tf.float64) / to_rate, tf.constant(1, tf.float64)
        )  # source samples in one of the lower rate
        half = tf.cast(tf.math.ceil(HALF_WIDTH * scale), tf.int32)
        # Several periods of a short one at a time: then a row of the matrix is not mostly the kernel's two ends.
        periods = tf.maximum(1, half // (2 * down))
        size = tf.cast(up * periods, tf.int64) * tf.cast(2 * half + down * periods, tf.int64)
        long = tf.cast(rate, tf.int64)
        count = tf.maximum((2 * to_rate * tf.size(samples, tf.int64) + long) // (2 * long), 1)
        return tf.cond(
            size <= LARGEST_MATRIX,
            lambda: _by_matrix(samples, up * periods, down * periods, half, scale, count),
            lambda: _by_phase(samples, up, down, half, scale, count),
        )

    return convert


def _kernel(offsets, scale):
    """The kernel at float64 `offsets` from its middle, in source samples; float32."""
    import tensorflow as tf

    cutoff = CUTOFF / scale  # of the source's Nyquist frequency
    window = tf.sqrt(tf.nn.relu(1.0 - (offsets / (HALF_WIDTH * scale)) ** 2))
    kaiser = tf.math.bessel_i0e(BETA * window) * tf.exp(BETA * (window - 1.0))
    kaiser /= tf.math.bessel_i0e(tf.constant(BETA, tf.float64))
    angle = math.pi * cutoff * offsets
    sinc = tf.math.divide_no_nan(tf.sin(angle), angle) + tf.cast(tf.equal(angle, 0.0), tf.float64)
    inside = tf.cast(tf.abs(offsets) < HALF_WIDTH * scale, tf.float64)
    return tf.cast(cutoff * sinc * kaiser * inside, tf.float32)


def _by_matrix(samples, up, down, half, scale, count):
    """Frames of `down` source samples and the kernel's ends, times a matrix with a kernel for each of `up` outputs."""
    import tensorflow as tf

    width = 2 * half + down
    places = tf.range(tf.cast(width, tf.float64), dtype=tf.float64) - tf.cast(half, tf.float64)
    times = tf.range(tf.cast(up, tf.float64), dtype=tf.float64) * tf.cast(down / up, tf.float64)
    matrix = _kernel(places[:, None] - times[None, :], scale)  # (width, up)
    frames = tf.cast((count + tf.cast(up, tf.int64) - 1) // tf.cast(up, tf.int64), tf.int32)
    padded = _padded(samples, half, frames * down + width)

    def convert(first, last):
        index = tf.range(first, last)[:, None] * down + tf.range(width)[None, :]
        return tf.reshape(tf.gather(padded, index) @ matrix, [-1])

    return _in_blocks(frames, BLOCK // width, convert)[:count]


def _by_phase(samples, up, down, half, scale, count):
    """A kernel for each output, of its phase rounded to one of a table."""
    import tensorflow as tf

    phases = tf.cast(tf.math.ceil(PHASES / scale), tf.int64)
    width = 2 * half
    places = tf.range(tf.cast(width, tf.float64), dtype=tf.float64) - tf.cast(half - 1, tf.float64)
    times = tf.range(tf.cast(phases + 1, tf.float64), dtype=tf.float64) / tf.cast(phases, tf.float64)
    table = _kernel(places[None, :] - times[:, None], scale)  # (phases + 1, width)
    up, down, total = tf.cast(up, tf.int64), tf.cast(down, tf.int64), tf.cast(count, tf.int32)
    padded = _padded(samples, half - 1, tf.size(samples) + 2 * width)

    def convert(first, last):
        at = tf.range(tf.cast(first, tf.int64), tf.cast(last, tf.int64)) * down  # in units of 1 / up
        start, phase = at // up, ((at % up) * phases * 2 + up) // (2 * up)
        taps = tf.gather(padded, tf.cast(start, tf.int32)[:, None] + tf.range(width)[None, :])
        return tf.reduce_sum(taps * tf.gather(table, phase), axis=1)

    return _in_blocks(total, BLOCK // width, convert)


def _padded(samples, before, length):
    """Zeros before, and after to at least `length` samples."""
    import tensorflow as tf

    return tf.pad(samples, [[before, tf.maximum(0, length - before - tf.size(samples))]])


def _in_blocks(count, block, function):
    """function(first, last) of blocks of 0 ... count, joined."""
    import tensorflow as tf

    block = tf.maximum(block, 1)
    parts = tf.TensorArray(tf.float32, size=0, dynamic_size=True, infer_shape=False, element_shape=(None,))
    _, parts = tf.while_loop(
        lambda first, parts: first < count,
        lambda first, parts: (
            first + block,
            parts.write(first // block, function(first, tf.minimum(first + block, count))),
        ),
        (tf.constant(0), parts),
        parallel_iterations=1,
    )
    return parts.concat()
