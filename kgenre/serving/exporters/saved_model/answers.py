"""The graph that all signatures share: tracks of any lengths -> what the model answers for each."""

from collections.abc import Callable

from kgenre.audio.inputs import WAVEFORM
from kgenre.audio.slicing import SliceSpec, cut_in_graph, plan_in_graph
from kgenre.model.aggregate import aggregate_in_graph

SLICES_AT_ONCE = 64  # bounds the memory of a long track's slices and spectrograms
FAR = 1000  # times a spectrogram's range beyond it: no spectrogram is there, and float32 still has room


def answering_graph(network, spec: SliceSpec) -> Callable:
    """The function of (samples, where each track begins, lengths) -> a dict of tensors.

    The tracks lie one behind the other in the samples, (all samples, ...), so that a short one takes no more memory
    beside a long one; firsts int64 (batch,) and lengths int32 (batch,) tell where. A track's answer depends on
    its own samples alone: not on its neighbours, nor on what is behind its length. Values that are not finite count as
    silence, and others are limited to what audio has, [-1, 1], as the reader does.

    Its dict has `probabilities` (batch, classes), `embedding` (batch, d), `num_slices` int32 (batch,); and of the
    slices, with zeros where a track has fewer, `slice_probabilities` (batch, slices, classes) and `slice_embeddings`
    (batch, slices, d).

    Args:
        network: keras.Model, slices (n, *spec.shape) -> probabilities (n, classes) and embeddings (n, d).
    """
    import tensorflow as tf

    answer_slices = _in_blocks(network, spec)

    def answer(samples, firsts, lengths):
        samples = tf.cond(tf.shape(samples)[0] > 0, lambda: samples, lambda: tf.zeros((1, *spec.shape[1:])))
        tracks, starts, counts = plan_in_graph(lengths, spec)
        outputs = answer_slices(samples, firsts, lengths, tracks, starts)
        (probabilities, embeddings), (slice_probabilities, slice_embeddings) = (
            [tf.ensure_shape(aggregate_in_graph(rows, tracks), (None, rows.shape[-1])) for rows in outputs],
            [tf.RaggedTensor.from_row_lengths(rows, counts, validate=False).to_tensor() for rows in outputs],
        )
        return {
            "probabilities": probabilities,
            "slice_probabilities": slice_probabilities,
            "embedding": embeddings,
            "slice_embeddings": slice_embeddings,
            "num_slices": tf.cast(counts, tf.int32),
        }

    return answer


def _in_blocks(network, spec: SliceSpec):
    """The network in a graph that cuts and takes SLICES_AT_ONCE slices at a time: -> its outputs, a row a slice."""
    import tensorflow as tf

    limit = limits(network, spec)
    numbers = tf.TensorSpec((None,), tf.int64)
    signature = [
        tf.TensorSpec((None, *spec.shape[1:]), tf.float32),
        numbers,
        tf.TensorSpec((None,), tf.int32),
        numbers,
        numbers,
    ]

    @tf.function(input_signature=signature)
    def answer_slices(samples, firsts, lengths, tracks, starts):
        shapes = [(None, output.shape[-1]) for output in network.outputs]
        probabilities, embeddings = (
            tf.TensorArray(tf.float32, size=0, dynamic_size=True, infer_shape=False, element_shape=shape)
            for shape in shapes
        )
        block = 0
        for first in tf.range(0, tf.size(tracks), SLICES_AT_ONCE):
            last = first + SLICES_AT_ONCE
            slices = cut_in_graph(samples, firsts, lengths, tracks[first:last], starts[first:last], spec)
            one, other = network(tf.ensure_shape(limit(slices), (None, *spec.shape)), training=False)
            probabilities, embeddings = probabilities.write(block, one), embeddings.write(block, other)
            block += 1
        return probabilities.concat(), embeddings.concat()

    return answer_slices


def limits(network, spec: SliceSpec) -> Callable:
    """The function that makes every value of slices one for which the network's answer is finite."""
    import tensorflow as tf

    if spec.input == WAVEFORM:
        silence, low, high = 0.0, -1.0, 1.0
    else:
        image = network.get_layer("spectrogram_image")
        reach = FAR * (image.high - image.low)
        silence, low, high = image.low, image.low - reach, image.high + reach
    return lambda slices: tf.clip_by_value(tf.where(tf.math.is_finite(slices), slices, silence), low, high)
