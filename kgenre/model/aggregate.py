"""From slices to tracks: the one place that says what a track's answer is, given those of its slices.

It is their mean: of probabilities, and of embeddings. The served graph computes the same in TensorFlow, and
the exporters' check compares the two.
"""

from typing import NamedTuple

import numpy as np


class SliceOutputs(NamedTuple):
    """What a model gives for slices, in their order.

    probabilities: float32 (slices, classes); (slices, 0) of a model that names no genres.
    embeddings: float32 (slices, d).
    """

    probabilities: np.ndarray
    embeddings: np.ndarray


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


def aggregate_in_graph(slices):
    """`aggregate` of a batch of tracks of as many slices each, in TensorFlow: (batch, slices, n) -> (batch, n)."""
    import tensorflow as tf

    return tf.reduce_mean(slices, axis=1)
