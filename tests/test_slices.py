"""The slicing rule in closed form, and that arrays, streams and graphs follow the same one."""

import tracemalloc

import numpy as np
import pytest

from kgenre.audio.slicing import SliceSpec, cut_in_graph, cut_slices, plan_in_graph, repeat_to_length, stream_slices

CLIP = 100
HOPS = (100, 75, 50, 33, 1)
LENGTHS = (1, 2, 3, 49, 50, 99, 100, 101, 133, 149, 150, 151, 175, 199, 200, 201, 250, 299, 300, 301, 1000, 1033)


def track(samples: int) -> np.ndarray:
    """A track whose samples are their own places, from 1 on, so that a zero is nobody's."""
    return np.arange(1, samples + 1, dtype="float32")


def spec(hop: int) -> SliceSpec:
    return SliceSpec(100, CLIP, hop)


def expected_starts(samples: int, hop: int) -> list[int]:
    """The rule, step by step: hop on until a slice reaches the end, and move that one back to it."""
    starts = [0]
    while starts[-1] + CLIP < samples:
        starts.append(min(len(starts) * hop, samples - CLIP))
    return starts


@pytest.mark.parametrize("hop", HOPS)
@pytest.mark.parametrize("samples", LENGTHS)
def test_starts_and_count(samples, hop):
    expected = expected_starts(samples, hop)
    assert spec(hop).starts(samples).tolist() == expected
    assert spec(hop).count(samples) == len(expected)


def test_count_of_a_song():
    """30 s in slices of 5.94 s: five whole ones hold 29.7 s, the sixth ends with the track."""
    rate, clip = 22050, round(5.94 * 22050)
    assert SliceSpec(rate, clip, clip).count(30 * rate) == 6
    assert SliceSpec(rate, clip, clip).starts(30 * rate)[-1] == 30 * rate - clip
    assert SliceSpec(rate, clip, clip // 2).count(30 * rate) == 10  # 1 + ceil(24.06 / 2.97)


@pytest.mark.parametrize("hop", HOPS)
@pytest.mark.parametrize("samples", LENGTHS)
def test_cut_takes_every_sample_and_ends_with_the_track(samples, hop):
    slices = cut_slices(track(samples), spec(hop))
    assert slices.shape == (len(expected_starts(samples, hop)), CLIP)
    assert set(slices.reshape(-1)) == set(track(samples))
    assert slices[0, 0] == 1
    if samples >= CLIP:
        assert slices[-1, -1] == samples
        assert np.array_equal(slices[:, 0] - 1, expected_starts(samples, hop))
        assert (np.diff(slices, axis=1) == 1).all()


@pytest.mark.parametrize("samples", [1, 2, 33, 50, 99])
def test_short_track_repeats(samples):
    expected = track(samples)[np.arange(CLIP) % samples]
    assert np.array_equal(cut_slices(track(samples), spec(50)), expected[None])
    assert np.array_equal(repeat_to_length(track(samples), CLIP), expected)


def test_fill_leaves_long_tracks_alone():
    assert repeat_to_length(track(150), CLIP).tolist() == track(150).tolist()


@pytest.mark.parametrize("hop", HOPS)
@pytest.mark.parametrize("samples", LENGTHS)
def test_stream_cuts_the_same_however_it_comes(samples, hop):
    rng = np.random.default_rng([samples, hop])
    ragged = np.sort(rng.integers(0, samples + 1, 7))  # two equal cuts make an empty block
    splits = [np.arange(size, samples, size) for size in (1, 7, 99, 100, 101, 5000)] + [ragged]
    for places in splits:
        slices = list(stream_slices(np.split(track(samples), places), spec(hop)))
        assert np.array_equal(np.stack(slices), cut_slices(track(samples), spec(hop))), places


def test_stream_of_nothing_has_no_slices():
    assert list(stream_slices([], spec(50))) == []
    assert list(stream_slices([np.zeros(0, "float32")], spec(50))) == []


def test_stream_holds_one_slice_and_one_block():
    blocks = (np.full(1000, number, "float32") for number in range(5000))
    tracemalloc.start()
    try:
        total = sum(float(piece[0]) for piece in stream_slices(blocks, SliceSpec(1000, 1000, 500)))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # Slice i starts in block i // 2; the last of the 9 999 starts the last block.
    assert total == sum(number // 2 for number in range(9999))
    assert peak < 100e3  # a slice and a block are 4 kB each, the whole stream 20 MB


@pytest.mark.parametrize("hop", HOPS)
def test_graph_cuts_each_track_of_a_batch_as_if_alone(hop):
    """One traced function for all lengths, as a served model has; ones lie behind each track."""
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec((None, None), tf.float32), tf.TensorSpec((None,), tf.int32)])
    def traced(batch, lengths):
        tracks, starts, counts = plan_in_graph(lengths, spec(hop))
        size = tf.shape(batch, tf.int64)
        firsts = tf.range(size[0]) * size[1]
        return cut_in_graph(tf.reshape(batch, [-1]), firsts, lengths, tracks, starts, spec(hop)), counts

    batch = np.ones((len(LENGTHS), max(LENGTHS)), "float32")
    for row, samples in zip(batch, LENGTHS):
        row[:samples] = track(samples)
    slices, counts = traced(batch, np.array(LENGTHS, "int32"))
    expected = [cut_slices(track(samples), spec(hop)) for samples in LENGTHS]
    assert counts.numpy().tolist() == [len(one) for one in expected]
    assert np.array_equal(slices.numpy(), np.concatenate(expected))
    empty, one = traced(batch[:1], np.array([0], "int32"))
    assert one.numpy().tolist() == [1] and np.array_equal(empty.numpy(), np.zeros((1, CLIP)))
