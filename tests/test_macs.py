"""Multiply-accumulates: by hand, against published figures, and against TensorFlow's profiler."""

import pytest

from kgenre.comparison.macs import count_macs
from kgenre.model.build import front_end
from kgenre.training.settings import RunSettings


def image_of(settings: RunSettings) -> tuple[int, ...]:
    """Height, width and channels of the image that the network is given."""
    import keras

    return front_end(settings)(keras.Input(settings.slice_spec.shape)).shape[1:]


def test_macs_of_convpool_are_the_sum_by_hand():
    settings = RunSettings.compose({"arch": "convpool"})
    height, width, channels = image_of(settings)
    macs = 0
    for filters, kernel, strides in ((32, 4, 2), (32, 3, 2), (64, 2, 1), (128, 2, 1)):
        height, width = ((n - kernel) // strides + 1 for n in (height, width))  # nothing beyond the edge
        macs += height * width * filters * kernel * kernel * channels
        height, width, channels = height // 2, width // 2, filters
    flat = height * width * channels
    assert count_macs(settings, 10) == macs + flat * 1024 + 1024 * 10


def test_macs_of_a_recurrent_layer_are_those_of_every_step():
    """A GRU of 128 in place of an LSTM of 128 saves a quarter of the products with inputs and with states."""
    short = {"arch": "crnn", "slice_seconds": 8.0}
    gru, lstm, both = (
        count_macs(RunSettings.compose({**short, **own}), 10)
        for own in ({"rnn": "gru"}, {"rnn": "lstm"}, {"rnn": "gru", "bidirectional": True})
    )
    frames = image_of(RunSettings.compose(short))[1] // 64
    per_gate = (lstm - gru) / frames
    assert per_gate > 128 * 128 and (per_gate - 128 * 128) % 128 == 0  # input and state, each to 128 values
    # The other direction is as much again, and the dense layer of 128 behind them has twice the inputs.
    assert both - gru == 3 * per_gate * frames + 128 * 128


def test_macs_of_fcn_are_the_published_ones():
    """2.1 GMAC for 29 s (Choi et al. 2016, as `fcn` of the taggers)."""
    assert count_macs(RunSettings.compose({"arch": "fcn"}), 50) / 1e9 == pytest.approx(2.1, abs=0.1)


@pytest.mark.parametrize("arch", ["bandattn", pytest.param("resnet18", marks=pytest.mark.soak)])
def test_macs_are_half_the_multiplications_and_additions_of_the_profiler(arch):
    """TensorFlow counts two operations for each, of every operation by itself; element-wise ones are left out here."""
    import keras
    import tensorflow as tf
    from keras import layers

    from kgenre.model.build import embed

    settings = RunSettings.compose({"arch": arch})
    image = keras.Input(image_of(settings))
    network = keras.Model(image, layers.Dense(10)(embed(settings, [image])))
    call = tf.function(lambda x: network(x, training=False))
    graph = call.get_concrete_function(tf.TensorSpec((1, *image.shape[1:]), tf.float32)).graph
    builder = tf.compat.v1.profiler.ProfileOptionBuilder
    options = builder(builder.float_operation()).with_empty_output().build()
    found = tf.compat.v1.profiler.profile(graph, cmd="op", options=options)
    products = {"Conv2D", "MatMul", "BatchMatMulV2", "DepthwiseConv2dNative"}
    stack, flops = list(found.children), 0
    while stack:
        node = stack.pop()
        flops += node.float_ops if node.name in products else 0
        stack += node.children
    assert count_macs(settings, 10) == flops / 2 > 10**6


@pytest.mark.parametrize("options", [{"arch": "convpool"}, {"arch": "resnet50", "weights": "none"}])
def test_macs_of_the_accelerators_benchmark_are_those_of_the_graph(options):
    """Which it counts without TensorFlow."""
    from benchmarks.accelerator import multiply_adds
    from kgenre.model.build import build_model

    settings = RunSettings.compose(options)
    whole, first = multiply_adds(build_model(settings, 10))
    assert whole == count_macs(settings, 10) and 0 < first < whole / 2
