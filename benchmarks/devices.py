"""What the accelerator's benchmark needs of each Keras backend: data placed, functions compiled, steps, waiting."""

import abc
from collections.abc import Callable
from typing import Protocol

import keras


class Device(Protocol):
    """The device that Keras's backend computes on."""

    def name(self) -> str: ...

    def version(self) -> str: ...

    def is_gpu(self) -> bool: ...

    def allow_tf32(self, allowed: bool) -> None:
        """Whether products of float32 may be rounded to TF32, where the device has it, from now on."""

    def place(self, array, dtype: str = "float32"):
        """The array in the memory of the device."""

    def wait(self, result) -> None:
        """Returns when the result has been computed."""

    def compiled(self, function: Callable) -> Callable:
        """The function as this backend runs it fastest, of tensors."""

    def answering(self, model: keras.Model, slices) -> Callable:
        """A call without arguments that answers the slices."""

    def training(self, model: keras.Model, slices, labels) -> Callable:
        """A call without arguments that takes a step of Adam on the batch, and gives the loss."""


def loss_function():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


class Jax:
    def __init__(self):
        import jax

        self.jax = jax

    def name(self):
        return f"{self.jax.devices()[0].device_kind}"

    def version(self):
        return f"JAX {self.jax.__version__}, XLA-compiled"

    def is_gpu(self):
        return self.jax.default_backend() == "gpu"

    def allow_tf32(self, allowed):
        self.jax.config.update("jax_default_matmul_precision", "default" if allowed else "highest")

    def place(self, array, dtype="float32"):
        return self.jax.device_put(self.jax.numpy.asarray(array, dtype))

    def wait(self, result):
        self.jax.block_until_ready(result)

    def compiled(self, function):
        return self.jax.jit(function)

    def answering(self, model, slices):
        weights = [variable.value for variable in model.trainable_variables]
        others = [variable.value for variable in model.non_trainable_variables]
        answer = self.jax.jit(lambda weights, others, x: model.stateless_call(weights, others, x, training=False)[0])
        return lambda: answer(weights, others, slices)

    def training(self, model, slices, labels):
        optimizer, loss_of = keras.optimizers.Adam(), loss_function()
        optimizer.build(model.trainable_variables)

        def loss(weights, others, x, y):
            logits, others = model.stateless_call(weights, others, x, training=True)
            return loss_of(y, logits), others

        def step(state, x, y):
            weights, others, own = state
            (value, others), gradients = self.jax.value_and_grad(loss, has_aux=True)(weights, others, x, y)
            weights, own = optimizer.stateless_apply(own, gradients, weights)
            return (weights, others, own), value

        compiled = self.jax.jit(step, donate_argnums=0)
        parts = (model.trainable_variables, model.non_trainable_variables, optimizer.variables)
        state = [[self.jax.numpy.copy(variable.value) for variable in part] for part in parts]  # given away

        def call():
            nonlocal state
            state, value = compiled(state, slices, labels)
            return value

        return call


class Stateful(abc.ABC):
    """A backend whose models keep their weights themselves, so that a function of no arguments can be compiled."""

    @abc.abstractmethod
    def compiled(self, function): ...

    def answering(self, model, slices):
        return self.compiled(lambda: model(slices, training=False))


class Torch(Stateful):
    def __init__(self):
        import torch

        self.torch = torch
        self.device = "cuda" if torch.cuda.is_available() else "cpu"

    def name(self):
        return self.torch.cuda.get_device_name() if self.is_gpu() else "CPU"

    def version(self):
        return f"PyTorch {self.torch.__version__}, eager"

    def is_gpu(self):
        return self.device == "cuda"

    def allow_tf32(self, allowed):
        self.torch.backends.cuda.matmul.allow_tf32 = self.torch.backends.cudnn.allow_tf32 = allowed

    def place(self, array, dtype="float32"):
        return self.torch.as_tensor(array).to(self.device, getattr(self.torch, dtype))

    def wait(self, result):
        if self.is_gpu():
            self.torch.cuda.synchronize()

    def compiled(self, function):
        return self.torch.no_grad()(function)

    def training(self, model, slices, labels):
        optimizer, loss_of = keras.optimizers.Adam(), loss_function()
        optimizer.build(model.trainable_variables)

        def call():
            model.zero_grad()
            value = loss_of(labels, model(slices, training=True))
            value.backward()
            gradients = [variable.value.grad for variable in model.trainable_variables]
            with self.torch.no_grad():
                optimizer.apply(gradients, model.trainable_variables)
            return value

        return call


class TensorFlow(Stateful):
    def __init__(self):
        import tensorflow as tf

        self.tf = tf

    def name(self):
        gpus = self.tf.config.list_physical_devices("GPU")
        return self.tf.config.experimental.get_device_details(gpus[0])["device_name"] if gpus else "CPU"

    def version(self):
        return f"TensorFlow {self.tf.__version__}, in graphs"

    def is_gpu(self):
        return bool(self.tf.config.list_physical_devices("GPU"))

    def allow_tf32(self, allowed):
        self.tf.config.experimental.enable_tensor_float_32_execution(allowed)

    def place(self, array, dtype="float32"):
        return self.tf.cast(array, dtype)

    def wait(self, result):
        result.numpy()

    def compiled(self, function):
        return self.tf.function(function)

    def training(self, model, slices, labels):
        optimizer, loss_of = keras.optimizers.Adam(), loss_function()
        optimizer.build(model.trainable_variables)

        def call():
            with self.tf.GradientTape() as tape:
                value = loss_of(labels, model(slices, training=True))
            weights = [variable.value for variable in model.trainable_variables]
            optimizer.apply(tape.gradient(value, weights), model.trainable_variables)
            return value

        return self.compiled(call)


DEVICES = {"jax": Jax, "torch": Torch, "tensorflow": TensorFlow}
