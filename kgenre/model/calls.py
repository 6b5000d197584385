"""A network called on NumPy arrays on each of Keras's backends: compiled, and without changing the network."""

from collections.abc import Callable

import keras
import numpy as np


def inference(network: keras.Model) -> Callable[[np.ndarray], list[np.ndarray]]:
    """Slices float32 (batch, ...) -> the network's outputs at inference. They follow its weights as they change."""
    return INFERENCE[keras.backend.backend()](network)


def updating(network: keras.Model) -> Callable[[np.ndarray], None]:
    """Slices float32 (batch, ...) -> nothing: calls the network, whose layers change themselves.

    Each layer is in training or not as the network was built: `training` is not passed, for it would overrule that.
    """
    return UPDATING[keras.backend.backend()](network)


def _tensorflow(network: keras.Model) -> Callable:
    import tensorflow as tf

    signature = [tf.TensorSpec(network.input.shape, tf.float32)]
    call = tf.function(lambda slices: network(slices, training=False), input_signature=signature)
    return lambda slices: [output.numpy() for output in keras.tree.flatten(call(slices))]


def _jax(network: keras.Model) -> Callable:
    call = _jax_call(network, training=False)
    return lambda slices: [np.asarray(output) for output in keras.tree.flatten(call(slices)[0])]


def _torch(network: keras.Model) -> Callable:
    import torch

    def call(slices):
        with torch.no_grad():
            return [output.cpu().numpy() for output in keras.tree.flatten(network(slices, training=False))]

    return call


def _tensorflow_updating(network: keras.Model) -> Callable:
    return network


def _jax_updating(network: keras.Model) -> Callable:
    call = _jax_call(network)

    def update(slices):
        for variable, value in zip(network.non_trainable_variables, call(slices)[1]):
            variable.assign(value)

    return update


def _torch_updating(network: keras.Model) -> Callable:
    import torch

    def update(slices):
        with torch.no_grad():
            network(slices)

    return update


def _jax_call(network: keras.Model, **options) -> Callable:
    """Slices -> outputs, and the values that the variables beside the weights have then; compiled for each shape."""
    import jax

    call = jax.jit(lambda *values: network.stateless_call(*values, **options))

    def values_of(variables) -> list:
        return [variable.value for variable in variables]

    return lambda slices: call(
        values_of(network.trainable_variables), values_of(network.non_trainable_variables), slices
    )


INFERENCE = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}
UPDATING = {"tensorflow": _tensorflow_updating, "jax": _jax_updating, "torch": _torch_updating}
