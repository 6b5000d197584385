"""Networks of the reference systems against the same in PyTorch: embeddings, gradients, moving statistics."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from kgenre.archs import ARCHS

torch = pytest.importorskip("torch", reason="PyTorch, in which the reference networks are written, is not installed")

import torch_networks  # noqa: E402  it imports PyTorch

# In float64 two orders of summation leave 1e-12 of the largest value, and the slope of a leaky relu, which TensorFlow
# keeps in float32, 1e-8, as measured; an epsilon of 1e-5 for 1e-3 in one batch normalisation is off by 1e-4, a wrong
# order or padding by 1e-2 and more. Gradients are compared in float64 alone: in float32, rounding changes the sign
# before a relu or the winner of a max-pool here and there, and the gradient jumps.
TOLERANCE = 1e-7
TOLERANCE_FLOAT32 = 1e-5  # rounding; 1e-6 as measured
BATCH, MOMENTUM = 3, 0.9  # of two examples, batch normalisation behind a dense layer leaves but the sign

BLOCKS = [{"block": block, "block_at": place} for block in ("resnet", "densenet") for place in ("second", "all")]
CELLS = [{"rnn": cell, "bidirectional": both} for cell in ("lstm", "gru") for both in (False, True)]
# (network, image (height, width, channels), settings). 384 frames are the least for most; 6 or 13 more are what the
# pools leave over; 768 give a last map of two columns, which shows in what order it is flattened.
CASES = [
    ("freqcnn", (21, 768, 1), {}),
    ("freqcnn", (12, 397, 1), {}),
    *(("freqcnn", (14, 384, 1), values) for values in BLOCKS),
    ("tempcnn", (21, 768, 1), {}),
    *(("tempcnn", (14, 384, 1), values) for values in BLOCKS),
    ("squarecnn", (128, 768, 1), {}),
    ("squarecnn", (84, 397, 3), {}),
    ("squarecnn", (12, 384, 1), {}),
    *(("squarecnn", (84, 384, 1), values) for values in BLOCKS if values["block_at"] == "all"),
    *(("squarecnn", (12, 384, 1), values) for values in BLOCKS),
    *(("crnn", (84, 256, 1), values) for values in CELLS),
    ("crnn", (12, 256, 1), {"block": "densenet"}),
    *(("crnn_parallel", (12, 390, 1), values) for values in CELLS),
    ("crnn_parallel", (84, 768, 3), {}),
    ("bbnn", (13, 43, 1), {}),
    ("homebrew", (80, 48, 1), {}),
    ("melcrop", (64, 96, 1), {}),
    ("resnet18", (64, 96, 3), {}),
]


def name_of(case: tuple) -> str:
    arch, image, values = case
    return "-".join([arch, "x".join(map(str, image)), *(f"{key}-{value}" for key, value in values.items())])


@dataclasses.dataclass
class Answers:
    """What both sides gave: Keras first, PyTorch second; variables by path, in Keras's layout."""

    embeddings: tuple[np.ndarray, np.ndarray]
    gradients: tuple[dict, dict]
    statistics: tuple[dict, dict]
    in_float32: np.ndarray  # Keras's embedding in the precision that networks are trained in


@pytest.fixture(scope="module")
def one_thread():
    """PyTorch on one thread: the networks are small, and threads that wait for a busy core cost seconds."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module", params=CASES, ids=name_of)
def answers(request, one_thread) -> Answers:
    arch, size, values = request.param
    rng = np.random.default_rng(3)
    model = drawn(built(arch, size, values, "float64"), rng)
    loudness = np.array([0.3, 0.6, 1.0]).reshape(BATCH, 1, 1, 1)
    image = (rng.uniform(0, 1, (BATCH, *size)) * loudness).astype("float32")
    target = rng.standard_normal((BATCH, model.output.shape[1]))
    single = built(arch, size, values, "float32")
    single.set_weights(model.get_weights())
    in_float32 = keras.ops.convert_to_numpy(single(image, training=False))
    # PyTorch's first: a step of training moves the statistics of the Keras model.
    theirs = of_torch(arch, values, model, image, target)
    ours = of_keras(model, image, target)
    return Answers(*zip(ours, theirs), in_float32)


def built(arch: str, size: tuple, values: dict, dtype: str) -> keras.Model:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(dtype)
    try:
        image, row = keras.Input(size), ARCHS[arch]
        model = keras.Model(image, row.build([image], **dict(row.settings(**values))))
    finally:
        keras.config.set_dtype_policy(before)
    for layer in model._flatten_layers():
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = MOMENTUM
    return model


def drawn(model: keras.Model, rng) -> keras.Model:
    """Gives every variable values from `rng` that keep activations about 1 and that a fresh model lacks.

    Some gammas are below 0, for with gammas above 0 batch normalisation and max-pool could change places.
    """
    for variable in model.weights:
        noise = rng.standard_normal(variable.shape)
        if "kernel" in variable.name:
            noise *= np.sqrt(2 / np.prod(variable.shape[:-1]))
        elif variable.name == "gamma":
            noise = rng.uniform(0.5, 1.5, variable.shape) * rng.choice([-1, 1, 1], variable.shape)
        elif variable.name == "moving_variance":
            noise = rng.uniform(0.5, 1.5, variable.shape)
        else:
            noise *= 0.3
        variable.assign(noise)
    return model


def of_keras(model, image, target) -> tuple:
    """Embedding (batch, d) at inference; gradients and moving statistics of a step of training."""
    embedding = keras.ops.convert_to_numpy(model(image, training=False))
    for layer in model._flatten_layers():
        if isinstance(layer, layers.Dropout):
            layer.call = fixed(layer)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(image, training=True) * target)
    variables = model.trainable_variables
    gradients = tape.gradient(loss, [variable.value for variable in variables])
    gradients = {variable.path: np.array(gradient) for variable, gradient in zip(variables, gradients)}
    statistics = {variable.path: np.array(variable) for variable in model.non_trainable_variables}
    return embedding, gradients, {path: value for path, value in statistics.items() if "moving_" in path}


def fixed(dropout):
    """A call of `dropout` that multiplies by its fixed factors: a random mask would differ between the two sides."""

    def call(inputs, training=False):
        return inputs * torch_networks.factors(dropout, tuple(inputs.shape)) if training else inputs

    return call


def of_torch(arch: str, values: dict, model, image, target) -> tuple:
    """The same of the network in PyTorch, with the model's weights."""
    x = torch.from_numpy(np.float64(image)).permute(0, 3, 1, 2)
    network = torch_networks.NETWORKS[arch]
    weights = torch_networks.Weights(model)
    embedding = network(weights, x, **values).detach().numpy()
    weights.finish()
    weights = torch_networks.Weights(model, training=True)
    (network(weights, x, **values) * torch.from_numpy(target)).sum().backward()
    gradients = {path: tensor.grad.numpy() for path, tensor in weights.tensors.items()}
    before = {variable.path: np.array(variable) for variable in model.non_trainable_variables}
    statistics = {
        path: MOMENTUM * before[path] + (1 - MOMENTUM) * moment.numpy() for path, moment in weights.moments.items()
    }
    return embedding, gradients, statistics


def assert_near(ours: np.ndarray, theirs: np.ndarray, scale: float, what: str) -> None:
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=TOLERANCE * scale, err_msg=what)


def test_embedding_at_inference_equals_pytorch(answers):
    ours, theirs = answers.embeddings
    scale = np.abs(theirs).max()
    assert ours.dtype == "float64" and ours.shape == theirs.shape
    assert np.ptp(theirs, axis=0).max() > 0.05 * scale  # examples differ
    assert_near(ours, theirs, scale, "embedding")
    assert answers.in_float32.dtype == "float32"
    np.testing.assert_allclose(answers.in_float32, theirs, rtol=0, atol=TOLERANCE_FLOAT32 * scale)


def test_gradients_of_a_training_step_equal_pytorch(answers):
    ours, theirs = answers.gradients
    assert set(ours) == set(theirs)
    largest = max(np.abs(gradient).max() for gradient in theirs.values())
    for path, gradient in theirs.items():
        own = np.abs(gradient).max()
        # What is added to a channel in front of batch normalisation has the gradient 0, of which rounding leaves a bit;
        # the least of the others is 1e-3 of the largest.
        if own < 1e-10 * largest:
            assert path.endswith(("bias", "beta")) and np.abs(ours[path]).max() < 1e-10 * largest, path
        else:
            assert_near(ours[path], gradient, own, path)


def test_moving_statistics_after_a_training_step_equal_pytorch(answers):
    ours, theirs = answers.statistics
    assert set(ours) == set(theirs)
    for path, statistic in theirs.items():
        assert_near(ours[path], statistic, np.abs(statistic).max(), path)
