"""Multiply-accumulates of a network for one slice, counted on its TensorFlow graph.

Counted are convolutions and matrix products, those of recurrent layers at every step: what the literature counts.
Element-wise work is not, nor is the front end, whose Fourier transform is no matrix product. TensorFlow's own profiler
counts element-wise work, leaves Einsum out, and counts nothing within a loop.
"""

import math
from collections.abc import Callable

from kgenre.model.build import embed, front_ends
from kgenre.model.settings import ModelSettings

# By the type of an operation: (shapes of its inputs, shape of its output, operation) -> multiply-accumulates.
COUNTS: dict[str, Callable] = {
    "Conv2D": lambda inputs, output, op: math.prod(output) * math.prod(inputs[1][:3]),
    "Conv3D": lambda inputs, output, op: math.prod(output) * math.prod(inputs[1][:4]),
    "DepthwiseConv2dNative": lambda inputs, output, op: math.prod(output) * math.prod(inputs[1][:2]),
    "MatMul": lambda inputs, output, op: math.prod(output) * inputs[0][0 if op.get_attr("transpose_a") else 1],
    "BatchMatMulV2": lambda inputs, output, op: math.prod(output) * inputs[0][-2 if op.get_attr("adj_x") else -1],
    "Einsum": lambda inputs, output, op: _einsum(inputs, op.get_attr("equation").decode()),
}


def count_macs(settings: ModelSettings, n_classes: int) -> int:
    """Multiply-accumulates of a slice, from spectrogram images to logits."""
    import keras
    import tensorflow as tf
    from keras import layers

    slices = keras.Input(settings.slice_spec.shape, dtype="float32")
    images = [keras.Input(front_end(slices).shape[1:], dtype="float32") for front_end in front_ends(settings)]
    network = keras.Model(images, layers.Dense(n_classes)(embed(without_weights(settings), images)))
    for layer in network._flatten_layers():
        if isinstance(layer, layers.RNN):
            layer.unroll = True  # a step of the graph for each step in time
    call = tf.function(lambda x: network(x, training=False))
    graph = call.get_concrete_function([tf.TensorSpec((1, *image.shape[1:]), tf.float32) for image in images]).graph
    return sum(_count(op) for op in _operations(graph))


def without_weights(settings: ModelSettings) -> ModelSettings:
    """The same network with random weights: pretrained ones would be fetched only to be counted."""
    return settings.replace(weights="none") if "weights" in settings.values() else settings


def _operations(graph):
    """Those of the graph, and of the functions that it calls."""
    for op in graph.get_operations():
        if op.type in ("PartitionedCall", "StatefulPartitionedCall"):
            yield from _operations(graph._get_function(op.get_attr("f").name).graph)
        else:
            yield op


def _count(op) -> int:
    if op.type not in COUNTS:
        return 0
    shapes = [[int(n) for n in tensor.shape] for tensor in op.inputs]
    return COUNTS[op.type](shapes, [int(n) for n in op.outputs[0].shape], op)


def _einsum(inputs: list, equation: str) -> int:
    """One for each value of all indices together."""
    names = equation.split("->")[0].split(",")
    return math.prod({name: n for own, shape in zip(names, inputs) for name, n in zip(own, shape)}.values())
