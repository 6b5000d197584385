"""From slices to tracks: the one place that says what a track's answer is, given those of its slices.

It is their mean: of probabilities, and of embeddings. The served graph computes the same in TensorFlow, and
the exporters' check compares the two.
"""

from typing import NamedTuple

import numpy as np

NOT_FINITE = "the model's answer is NaN or infinite."  # of a track that has such slices: it is a failure


class SliceOutputs(NamedTuple):
    """What a model gives for slices, in their order.

    probabilities: float32 (slices, classes); (slices, 0) of a model that names no genres.
    embeddings: float32 (slices, d).
    """

    probabilities: np.ndarray
    embeddings: np.ndarray

    def finite(self) -> bool:
        return bool(np.isfinite(self.probabilities).all() and np.isfinite(self.embeddings).all())


def aggregate(slices: np.ndarray) -> np.ndarray:
    """The mean over a track's slices: (slices, n) -> float32 (n,)."""
    return slices.mean(axis=0, dtype="float64").astype("float32")


def aggregate_tracks(slices: np.ndarray, counts) -> np.ndarray:
    """`aggregate` of many tracks whose slices follow each other: (all slices, n) -> float32 (tracks, n).

    Args:
        slices: float (all slices, n).
        counts: int (tracks,), slices of each track, at least 1.
    """
    counts = np.asarray(counts)
    if len(counts) == 0:
        return np.zeros((0, slices.shape[1]), "float32")
    starts = np.cumsum(counts) - counts
    return (np.add.reduceat(slices.astype("float64"), starts, axis=0) / counts[:, None]).astype("float32")


def aggregate_in_graph(slices, tracks):
    """`aggregate_tracks` in TensorFlow: (all slices, n) -> (tracks, n).

    Args:
        slices: tensor (all slices, n).
        tracks: int64 tensor (all slices,), the number of each slice's track: ascending from 0, none left out.
    """
    import tensorflow as tf

    return tf.math.segment_mean(slices, tracks)
