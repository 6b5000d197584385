"""From slices to tracks: one rule, for one track, for many, and in the served graph."""

import numpy as np
import pytest

from kgenre.model.aggregate import aggregate, aggregate_in_graph, aggregate_tracks


def slices(n: int, d: int = 5) -> np.ndarray:
    return np.random.default_rng(n).random((n, d)).astype("float32")


def test_aggregate_of_slices_is_their_mean_in_double_precision():
    rows = np.full((100_000, 1), 0.1, "float32")
    found = aggregate(rows)
    assert found.dtype == np.float32 and found[0] == np.float32(0.1)  # a float32 sum would be off in the 4th digit
    np.testing.assert_allclose(aggregate(slices(7)), slices(7).astype("float64").mean(axis=0), rtol=1e-7)


def test_aggregate_of_no_classes_is_empty():
    assert aggregate(np.zeros((3, 0), "float32")).shape == (0,)


@pytest.mark.parametrize("counts", [[1], [3, 1, 4], [2] * 50])
def test_aggregate_tracks_equals_aggregate_of_each(counts):
    parts = [slices(n) + i for i, n in enumerate(counts)]
    np.testing.assert_allclose(
        aggregate_tracks(np.concatenate(parts), counts), [aggregate(part) for part in parts], rtol=1e-6
    )


def test_aggregate_tracks_of_no_tracks_has_the_columns():
    assert aggregate_tracks(np.zeros((0, 4), "float32"), []).shape == (0, 4)


def test_aggregate_in_graph_equals_aggregate():
    import tensorflow as tf

    parts = [slices(6), slices(1) * 3, slices(4) - 1]
    tracks = np.repeat(np.arange(3), [len(part) for part in parts])
    found = aggregate_in_graph(tf.constant(np.concatenate(parts)), tf.constant(tracks)).numpy()
    np.testing.assert_allclose(found, [aggregate(part) for part in parts], atol=1e-6)
