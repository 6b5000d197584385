"""Cutting a track into slices: the one rule, for arrays, streams and the served graph alike.

Slice i starts at i * hop; the last one is moved back to end with the track, so that nothing is
dropped and nothing is padded. A track shorter than a slice is repeated until it fills one: silence
appended would be a feature that no music has.
"""

from collections.abc import Iterable, Iterator

import numpy as np


def slice_count(samples: int, clip: int, hop: int) -> int:
    """Number of slices of a track of `samples`; at least 1."""
    return 1 + max(0, -(-(samples - clip) // hop))


def slice_starts(samples: int, clip: int, hop: int) -> np.ndarray:
    """First sample of each slice, int64 (slices,)."""
    return np.minimum(np.arange(slice_count(samples, clip, hop)) * hop, max(0, samples - clip))


def fill(samples: np.ndarray, clip: int) -> np.ndarray:
    """Repeats a track shorter than a slice: (samples,) -> (clip,)."""
    return samples if len(samples) >= clip else np.resize(samples, clip)


def cut_slices(samples: np.ndarray, clip: int, hop: int) -> np.ndarray:
    """All slices of a track: (samples,) -> (slices, clip)."""
    starts = slice_starts(len(samples), clip, hop)
    whole = fill(samples, clip)
    return np.stack([whole[start : start + clip] for start in starts])


def stream_slices(blocks: Iterable[np.ndarray], clip: int, hop: int) -> Iterator[np.ndarray]:
    """The same slices from a stream of blocks, holding little more than one slice and one block."""
    held, first, start, end = np.zeros(0, "float32"), 0, 0, 0  # `held` begins at sample `first`
    for block in blocks:
        end += len(block)
        held = np.concatenate([held, block])
        while start + clip <= end:
            yield held[start - first : start - first + clip]
            start += hop
        # What the next slice needs, and the last `clip` samples, which the final slice may need.
        keep = max(first, min(start, end - clip))
        held, first = held[keep - first :], keep
    if end == 0:
        return
    if end < clip:
        yield fill(held, clip)
    elif start - hop + clip < end:
        yield held[end - clip - first :]


def slice_in_graph(waveform, clip: int, hop: int):
    """The same slices in a TensorFlow graph: (batch, samples) -> (batch, slices, clip); any length, 0 too."""
    import tensorflow as tf

    samples = tf.shape(waveform)[1]
    waveform = tf.cond(samples > 0, lambda: waveform, lambda: tf.zeros((tf.shape(waveform)[0], 1)))
    samples = tf.maximum(samples, 1)
    n_slices = 1 + tf.maximum(0, -(-(samples - clip) // hop))
    starts = tf.minimum(tf.range(n_slices) * hop, tf.maximum(0, samples - clip))
    index = (starts[:, None] + tf.range(clip)[None, :]) % samples  # (slices, clip)
    return tf.gather(waveform, index, axis=1)
