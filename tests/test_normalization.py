"""Batch normalisation by the fused kernel: Keras's layer, and its definition in float64."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kgenre.archs import ARCHS
from kgenre.archs.normalization import BatchNormalization

# Float32 sums of some hundred values in another order; measured 2e-6.
TOLERANCE = 2e-5
SHAPES = [(3, 5, 7, 4), (1, 1, 2, 1), (2, 6)]  # the last is no image: Keras's own


def both(**options) -> list[keras.layers.BatchNormalization]:
    """Ours and Keras's, with the same weights."""
    layers = [kind(**options) for kind in (BatchNormalization, keras.layers.BatchNormalization)]
    return layers


def values(layer, x: np.ndarray, **call) -> dict[str, np.ndarray]:
    """Result, gradients of a weighted sum of it, and the moving averages after the call."""
    weights = np.random.default_rng(2).standard_normal(x.shape, dtype="float32")
    rng = np.random.default_rng(1)
    layer.build(x.shape)
    layer.set_weights([rng.uniform(0.5, 1.5, weight.shape) for weight in layer.weights])
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        result = layer(x, **call)
        total = tf.reduce_sum(tf.cast(result, "float32") * weights)
    sources = {"of x": x, "of gamma": layer.gamma.value, "of beta": layer.beta.value}
    found = {name: value.numpy() for name, value in zip(sources, tape.gradient(total, list(sources.values())))}
    moving = {"mean": layer.moving_mean, "variance": layer.moving_variance}
    return {"result": tf.cast(result, "float32").numpy(), **found, **{k: v.numpy() for k, v in moving.items()}}


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("training", [True, False])
def test_fused_normalisation_equals_that_of_keras(shape, training):
    x = 3 + 2 * np.random.default_rng(0).standard_normal(shape, dtype="float32")
    ours, theirs = (values(layer, x, training=training) for layer in both(momentum=0.9, epsilon=1e-5))
    for name, expected in theirs.items():
        scale = max(1.0, np.abs(expected).max())
        np.testing.assert_allclose(ours[name], expected, rtol=0, atol=TOLERANCE * scale, err_msg=name)


def test_normalisation_over_devices_keeps_a_variance_that_is_small_beside_the_mean():
    """On one device, whose share is the batch; tests/test_devices.py adds over devices."""
    x = 1000 + 0.1 * np.random.default_rng(0).standard_normal((8, 6, 5, 3), dtype="float32")
    layer = BatchNormalization(momentum=0.0)
    layer.synchronized = True
    found, exact = values(layer, x, training=True), x.astype("float64")
    np.testing.assert_allclose(found["variance"], exact.var(axis=(0, 1, 2)), rtol=1e-3)
    np.testing.assert_allclose(found["mean"], exact.mean(axis=(0, 1, 2)), rtol=1e-6)


def test_fused_normalisation_equals_its_definition():
    x = 3 + 2 * np.random.default_rng(0).standard_normal((4, 6, 5, 3), dtype="float32")
    layer = BatchNormalization(momentum=0.8, epsilon=1e-2)
    found, exact = values(layer, x, training=True), np.float64(x)
    mean, variance = exact.mean(axis=(0, 1, 2)), exact.var(axis=(0, 1, 2))
    rng = np.random.default_rng(1)
    gamma, beta, moving_mean, moving_variance = (np.float32(rng.uniform(0.5, 1.5, 3)) for _ in range(4))
    expected = {
        "result": gamma * (exact - mean) / np.sqrt(variance + 1e-2) + beta,
        "mean": 0.8 * moving_mean + 0.2 * mean,
        "variance": 0.8 * moving_variance + 0.2 * variance,  # of the batch, not n / (n - 1) of it
    }
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=0, atol=TOLERANCE, err_msg=name)


@pytest.mark.parametrize("options", [{"axis": 1}, {"center": False}, {"scale": False}], ids=str)
def test_what_the_kernel_does_not_compute_is_left_to_keras(options):
    x = np.random.default_rng(0).standard_normal((3, 4, 5, 6), dtype="float32")
    ours, theirs = (keras.ops.convert_to_numpy(layer(x, training=True)) for layer in both(**options))
    np.testing.assert_array_equal(ours, theirs)


def test_frozen_layer_normalises_by_its_averages():
    x = np.random.default_rng(0).standard_normal((3, 4, 5, 6), dtype="float32")
    layer = BatchNormalization()
    layer.trainable = False
    np.testing.assert_allclose(layer(x, training=True), x / np.sqrt(1.001), atol=1e-6)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_statistics_stay_float32_under_mixed_precision(policy):
    x = 300 * np.random.default_rng(0).standard_normal((3, 5, 7, 4), dtype="float32")  # whose square float16 lacks
    ours, theirs = (values(layer, x, training=True) for layer in both(dtype=policy))
    np.testing.assert_allclose(ours["variance"], theirs["variance"], rtol=TOLERANCE)
    np.testing.assert_allclose(ours["result"], theirs["result"], rtol=0, atol=2**-7 * np.abs(theirs["result"]).max())


def test_step_of_a_network_has_no_parts_of_a_normalisation():
    """What the time of a step was lost to: no squared differences of a whole image are computed."""
    image = keras.Input((128, 128, 1))
    network = keras.Model(image, ARCHS["convpool"].build([image], dropout=0.5))
    graph = (
        tf.function(lambda x: network(x, training=True)).get_concrete_function(tf.TensorSpec((2, 128, 128, 1))).graph
    )
    found = [op.type for op in graph.get_operations()]
    assert found.count("FusedBatchNormV3") == 4
    assert found.count("SquaredDifference") == 1  # of the dense layer's
