"""Cutting a track into slices: the one rule, for arrays, streams and the served graph alike.

A track is a waveform, (samples,), or a spectrogram, (frames, bins); what is said of samples holds of frames.

Slice i starts at i * hop; the last one is moved back to end with the track, so that nothing is
dropped and nothing is padded. A track shorter than a slice is repeated until it fills one: silence
appended would be a feature that no music has.
"""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass

import numpy as np

from kgenre.audio.inputs import SPECTROGRAM, WAVEFORM


@dataclass(frozen=True)
class SliceSpec:
    """What a model is given of a track: slices of one length at one sample rate.

    Args:
        sample_rate: Hz, int; of spectrograms frames a second, float.
        slice_samples: int, samples of a slice; of spectrograms frames.
        hop_samples: int, samples or frames between the starts of neighbouring slices.
        bins: int, of a spectrogram; 0 for waveforms.
    """

    sample_rate: float
    slice_samples: int
    hop_samples: int
    bins: int = 0

    @property
    def input(self) -> str:
        """What a track is: WAVEFORM or SPECTROGRAM."""
        return SPECTROGRAM if self.bins else WAVEFORM

    @property
    def shape(self) -> tuple[int, ...]:
        """Of a slice: (slice_samples,), or of spectrograms (slice_samples, bins)."""
        return (self.slice_samples, self.bins) if self.bins else (self.slice_samples,)

    def values(self) -> dict:
        """Its fields, as headers and stores keep them: `bins` of spectrograms only."""
        return {name: value for name, value in asdict(self).items() if name != "bins" or value}

    @property
    def slice_seconds(self) -> float:
        return self.slice_samples / self.sample_rate

    def count(self, samples: int) -> int:
        """Number of slices of a track of `samples`; at least 1."""
        return 1 + max(0, -(-(samples - self.slice_samples) // self.hop_samples))

    def starts(self, samples: int) -> np.ndarray:
        """First sample of each slice of a track of `samples`, int64 (slices,)."""
        return np.minimum(np.arange(self.count(samples)) * self.hop_samples, max(0, samples - self.slice_samples))

    def positions(self, samples: int) -> np.ndarray:
        """`starts` as shares of the last place for a slice: float64 (slices,) in [0, 1], as `crop` takes them."""
        return self.starts(samples) / max(1, samples - self.slice_samples)

    def spread(self, samples: int, n: int) -> np.ndarray:
        """First sample of `n` slices, each in the middle of its share of a track of `samples`, int64 (n,)."""
        last = max(0, samples - self.slice_samples)
        return np.round((np.arange(n) + 0.5) / n * last).astype("int64")


def repeat_to_length(samples: np.ndarray, length: int) -> np.ndarray:
    """Repeats a track shorter than `length`: (samples, ...) -> (at least length, ...)."""
    return samples if len(samples) >= length else np.resize(samples, (length, *samples.shape[1:]))


def cut_slices(samples: np.ndarray, spec: SliceSpec) -> np.ndarray:
    """All slices of a track: (samples, ...) -> (slices, slice_samples, ...)."""
    whole = repeat_to_length(samples, spec.slice_samples)
    return np.stack([whole[start : start + spec.slice_samples] for start in spec.starts(len(samples))])


def stream_slices(blocks: Iterable[np.ndarray], spec: SliceSpec) -> Iterator[np.ndarray]:
    """The same slices from a stream of blocks, holding little more than one slice and one block."""
    length, hop = spec.slice_samples, spec.hop_samples
    held, first, start, end = np.zeros(0, "float32"), 0, 0, 0  # `held` begins at sample `first`
    for block in blocks:
        end += len(block)
        held = np.concatenate([held, block])
        while start + length <= end:
            yield held[start - first : start - first + length]
            start += hop
        # What the next slice needs, and the last `length` samples, which the final slice may need.
        keep = max(first, min(start, end - length))
        held, first = held[keep - first :], keep
    if end == 0:
        return
    if end < length:
        yield repeat_to_length(held, length)
    elif start - hop + length < end:
        yield held[end - length - first :]


def pick_slices(blocks: Iterable[np.ndarray], starts: Iterable[int], spec: SliceSpec) -> Iterator[tuple]:
    """(start, slice) for ascending starts from a stream of blocks, holding little more than one slice and one block.

    All blocks are read, whether or not a slice lies in them. Where they end within a slice it is as long as what
    is there; a start at their end or behind it has no slice.
    """
    length, wanted = spec.slice_samples, iter(starts)
    start, held, first = next(wanted, None), np.zeros(0, "float32"), 0  # `held` begins at sample `first`
    for block in blocks:
        end = first + len(held) + len(block)
        held = np.concatenate([held, block])
        while start is not None and start + length <= end:
            yield start, held[start - first : start - first + length]
            start = next(wanted, None)
        keep = end if start is None else min(max(first, start), end)
        held, first = held[keep - first :], keep
    while start is not None and start < first + len(held):
        yield start, held[start - first :]
        start = next(wanted, None)


def plan_in_graph(lengths, spec: SliceSpec):
    """Where the same slices lie, in a TensorFlow graph: of a batch of tracks, each of its own length.

    Args:
        lengths: int32 tensor (batch,), samples of each track; 0 counts as one sample.

    Returns:
        int64 tensors: `tracks` (slices,), the number in the batch of each slice's track, in ascending order; `starts`
        (slices,), the first sample of each; `counts` (batch,), slices of each track.
    """
    import tensorflow as tf

    beyond = tf.maximum(tf.cast(lengths, tf.int64) - spec.slice_samples, 0)
    counts = 1 - (-beyond // spec.hop_samples)
    numbers = tf.ragged.range(counts)
    tracks = numbers.value_rowids()
    return tracks, tf.minimum(numbers.flat_values * spec.hop_samples, tf.gather(beyond, tracks)), counts


def cut_in_graph(samples, firsts, lengths, tracks, starts, spec: SliceSpec):
    """The slices that `plan_in_graph` places, or some of them: -> (slices, slice_samples, ...).

    Args:
        samples: tensor (all samples, ...), at least one: the tracks one behind the other; what is between them does
            not matter.
        firsts: int64 tensor (batch,), where in `samples` each track begins.
        lengths: int32 tensor (batch,), samples of each track; a track without samples is zeros.
    """
    import tensorflow as tf

    own, first = (tf.gather(tf.cast(one, tf.int64), tracks)[:, None] for one in (lengths, firsts))  # (slices, 1)
    index = (starts[:, None] + tf.range(spec.slice_samples, dtype=tf.int64)) % tf.maximum(own, 1)
    slices = tf.gather(samples, tf.where(own > 0, first + index, 0))  # (slices, slice_samples, ...)
    return tf.where(tf.reshape(own > 0, (-1,) + (1,) * len(spec.shape)), slices, 0.0)
