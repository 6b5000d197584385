"""What features and networks answer on the Keras backend of this process, as arrays to compare between backends.

Only gradients are taken by each backend's own means; everything else is kgenre as it is.
"""

from pathlib import Path

import keras
import numpy as np
import pytest
from test_archs import N_CLASSES, narrow, small_config

from kgenre.archs import ARCHS
from kgenre.augment.layers.zoom import zoom
from kgenre.features import FEATURES
from kgenre.model.build import load_model
from kgenre.training.fit import untrained_model
from kgenre.training.settings import RunSettings

EXAMPLES = 3
# Pictures no larger than the networks need: most of the time goes into compiling and running them.
SMALLEST = {
    "convpool": {"image_height": 118, "image_width": 118},
    "homebrew": {"image_height": 64, "image_width": 32},
    **dict.fromkeys(
        ("convconvpool", "resnet50", "resnet18", "efficientnet_lite0", "melcrop"),
        {"image_height": 32, "image_width": 32},
    ),
    **dict.fromkeys(("freqcnn", "tempcnn", "squarecnn", "crnn", "crnn_parallel"), {"image_height": 24}),
    "bbnn": {"image_height": 16, "image_width": 32},
}


def answers(models: Path, rows, differentiated) -> dict[str, np.ndarray]:
    """All arrays by name, each (examples, ...).

    Args:
        models: folder of .keras files, each answered too.
        rows: names of the features and architectures that are answered.
        differentiated: of those, whose gradients are taken.
    """
    found = {"zoom: image": zoomed()}
    for feature in filter(FEATURES.__contains__, rows):
        found |= feature_answers(feature, feature in differentiated)
    for arch in filter(ARCHS.__contains__, rows):
        with narrow(arch):
            found |= arch_answers(arch, arch in differentiated)
    for path in sorted(models.glob("*.keras")):
        found[f"saved: {path.stem}"] = saved_answer(path)
    return found


def smallest_config(arch: str, **values) -> RunSettings:
    return small_config(arch, **{**SMALLEST.get(arch, {}), **values})


def feature_answers(feature: str, gradients: bool) -> dict[str, np.ndarray]:
    """The spectrogram, and the gradient of a weighted sum of it with respect to the waveform."""
    config = RunSettings.compose({"feature": feature, "slice_seconds": 1.5})
    layer = FEATURES[feature].build(config.audio.sample_rate_hz, config.features[config.feature])
    weights = np.random.default_rng(1).standard_normal(layer.compute_output_shape((1, config.audio.slice_samples)))
    added = keras.Variable(np.zeros(config.audio.slice_samples), dtype="float32", name="waveform")

    def weighted_sum(waveform):
        spectrogram = layer(keras.ops.add(waveform, added))
        return keras.ops.sum(keras.ops.multiply(spectrogram, weights.astype("float32"))), {"spectrogram": spectrogram}

    return arrays_of(feature, weighted_sum, [added], music(config), gradients)


def arch_answers(arch: str, gradients: bool) -> dict[str, np.ndarray]:
    """Logits, embedding, and each example's gradient of its cross-entropy with respect to every trainable weight."""
    config = smallest_config(arch)
    with pytest.MonkeyPatch.context() as patch:
        for initializer in (keras.initializers.VarianceScaling, keras.initializers.Orthogonal):
            patch.setattr(initializer, "__call__", zeros)  # what is drawn below replaces them, and JAX compiles a draw
        model = untrained_model(config, N_CLASSES)
    model.set_weights([drawn(number, weight) for number, weight in enumerate(model.weights)])
    both = keras.Model(model.input, {"logits": model.output, "embedding": model.get_layer("embedding").output})

    def cross_entropy(waveform):
        arrays = both(waveform, training=False)  # dropout and zoom draw other numbers on each backend
        loss = keras.losses.sparse_categorical_crossentropy(np.array([1]), arrays["logits"], from_logits=True)
        return keras.ops.sum(loss), arrays

    return arrays_of(arch, cross_entropy, both.trainable_variables, music(config), gradients)


def zeros(initializer, shape, dtype=None):
    return keras.ops.zeros(shape, dtype)


def zoomed() -> np.ndarray:
    """Not its gradient: no weight lies before it, and TensorFlow's own is that of the inverse transform."""
    picture = np.random.default_rng(3).random((3, 24, 40, 1)).astype("float32")
    tensors = map(keras.ops.convert_to_tensor, (picture, np.float32([0.7, 1.0, 1.3]), np.float32([1.2, 0.8, 1.0])))
    return keras.ops.convert_to_numpy(zoom(*tensors))


def saved_answer(path: Path) -> np.ndarray:
    model = load_model(path)
    noise = np.random.default_rng(6).standard_normal((EXAMPLES, model.input.shape[1])).astype("float32")
    return keras.ops.convert_to_numpy(model(0.1 * noise, training=False))


def music(config: RunSettings) -> np.ndarray:
    """Chords in noise 14 dB below them: float32 (examples, 1, slice_samples).

    The noise keeps every bin far from the floor under the decibels, where the gradient jumps, and from the
    zero of a root, where it has no bound.
    """
    rng = np.random.default_rng(2)
    time = np.arange(config.audio.slice_samples) / config.audio.sample_rate_hz
    tones = np.sin(2 * np.pi * rng.uniform(80, 2000, (EXAMPLES, 5, 1)) * time).sum(axis=1)
    y = 0.1 * tones + 0.03 * rng.standard_normal(tones.shape)
    return y.astype("float32")[:, None]


def drawn(number: int, weight) -> np.ndarray:
    """A weight by its place, name and shape alone: He's normal, and about 1 and 0 where a network begins with those."""
    rng = np.random.default_rng([5, number])
    name = weight.path.rpartition("/")[2]
    if name in ("gamma", "moving_variance"):
        return rng.uniform(0.5, 1.5, weight.shape).astype("float32")
    scale = np.sqrt(2 / np.prod(weight.shape[:-1])) if name.endswith("kernel") else 0.1
    return (scale * rng.standard_normal(weight.shape)).astype("float32")


def arrays_of(row: str, function, variables: list, inputs: np.ndarray, gradients: bool) -> dict[str, np.ndarray]:
    """What `function(input)` -> (loss, arrays by name) gives for each input, with the loss's gradients, by name."""
    differentiate = GRADIENTS[keras.backend.backend()](function, variables, gradients)
    places = [f"gradient {i} of {variable.path.rpartition('/')[2]}" for i, variable in enumerate(variables)]
    found = {}
    for one in inputs:
        arrays, by_variable = differentiate(one)
        for name, array in {**arrays, **dict(zip(places, by_variable, strict=gradients))}.items():
            found.setdefault(f"{row}: {name}", []).append(keras.ops.convert_to_numpy(array))
    return {name: np.stack(parts) for name, parts in found.items()}


def _tensorflow(function, variables, gradients):
    import tensorflow as tf

    def differentiate(one):
        with tf.GradientTape() as tape:
            loss, arrays = function(one)
        values = [variable.value for variable in variables if gradients]
        return arrays, tape.gradient(loss, values, unconnected_gradients=tf.UnconnectedGradients.ZERO)

    return differentiate


def _torch(function, variables, gradients):
    import torch

    def differentiate(one):
        loss, arrays = function(one)
        if not gradients:
            return arrays, []
        values = [variable.value for variable in variables]
        if not loss.requires_grad:  # chroma_cens: quantized
            return arrays, [torch.zeros_like(value) for value in values]
        return arrays, torch.autograd.grad(loss, values, allow_unused=True, materialize_grads=True)

    return differentiate


def _jax(function, variables, gradients):
    import jax

    @jax.jit
    def differentiate(values, one):
        def loss(values):
            with keras.StatelessScope(state_mapping=list(zip(variables, values))):
                return function(one)

        if not gradients:  # half the program to compile; the weights remain arguments, or XLA folds them
            return loss(values)[1], []
        by_variable, arrays = jax.grad(loss, has_aux=True)(values)
        return arrays, by_variable

    return lambda one: differentiate([variable.value for variable in variables], one)


GRADIENTS = {"tensorflow": _tensorflow, "torch": _torch, "jax": _jax}
