"""Several devices of this machine under one training: each takes an equal share of every batch.

A step is that of one device on the whole batch: the gradients of the shares are added, batch normalisation is over the
whole batch, and dropout and augmentation draw for the whole batch (augment/layers/draws.py).
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

import keras

from kgenre.core.errors import KgenreError
from kgenre.core.progress import SILENT, Progress
from kgenre.training.run import Run


@dataclass(frozen=True)
class Parallel:
    """How a backend divides a batch.

    find: n -> the names of all accelerators; where there are none, of n logical devices of the CPU.
    scope: names -> the context in which a model is made and trained on these devices.
    accumulates: whether gradients of several steps can make one update.
    """

    find: Callable[[int], list[str]]
    scope: Callable[[list[str]], contextlib.AbstractContextManager]
    accumulates: bool


def start_devices(n: int, progress: Progress = SILENT, accumulate: int = 1) -> list[str]:
    """Makes n devices ready, before anything else is computed in this process.

    Args:
        accumulate: steps an update.

    Returns:
        Their names; [] for one, which the backend chooses.

    Raises:
        KgenreError: fewer of them, or a backend that cannot divide a batch, or not of several an update.
    """
    backend = keras.backend.backend()
    if n == 1:
        return []
    if backend not in BACKENDS:
        raise KgenreError(
            f"`devices` above 1 needs Keras's {' or '.join(BACKENDS)} backend. Received: devices={n} with {backend}. "
            f"Set KERAS_BACKEND={next(iter(BACKENDS))}, or leave --devices out."
        )
    if accumulate > 1 and not BACKENDS[backend].accumulates:
        able = " or ".join(name for name, row in BACKENDS.items() if row.accumulates)
        raise KgenreError(
            f"`accumulate` above 1 with `devices` above 1 needs Keras's {able} backend. Received: accumulate="
            f"{accumulate}, devices={n} with {backend}. Set KERAS_BACKEND={able}, or leave --devices out."
        )
    found = BACKENDS[backend].find(n)
    if len(found) < n:
        raise KgenreError(
            f"`devices` must be at most the number of devices found. Received: devices={n}, found "
            f"{', '.join(found)}. Set --devices {len(found)}."
        )
    used = found[:n]
    if is_cpu(used[0]):
        progress.line(f"{n} logical devices of the CPU: they are for tests, and bring no speed")
    else:
        progress.line(f"each batch is divided among {n} devices: {', '.join(used)}")
    return used


def restart_devices(n: int, run: Run, progress: Progress = SILENT, accumulate: int = 1) -> None:
    """As start_devices, for a run that goes on, whose facts then name them; if anything is left to train."""
    if not (run / "model.keras").is_file():
        run.add_facts(devices=start_devices(n, progress, accumulate))


def device_scope(n: int) -> contextlib.AbstractContextManager:
    """The context in which a model is made and trained on n devices, which `start_devices` has made ready."""
    if n == 1:
        return contextlib.nullcontext()
    parallel = BACKENDS[keras.backend.backend()]
    return parallel.scope(parallel.find(n)[:n])


def device_callbacks(n: int) -> list[keras.callbacks.Callback]:
    """What training on n devices needs; before callbacks that save the model."""
    return [WholeBatchNormalisation()] if n > 1 and keras.backend.backend() == "tensorflow" else []


class WholeBatchNormalisation(keras.callbacks.Callback):
    """Batch normalisation over the whole batch while an epoch lasts, where TensorFlow's is over a device's share.

    Not at its end: what is saved then loads under any backend, and the others refuse the option.
    """

    def on_epoch_begin(self, epoch, logs=None):
        self._synchronize(True)

    def on_epoch_end(self, epoch, logs=None):
        self._synchronize(False)

    def _synchronize(self, value: bool) -> None:
        for layer in self.model._flatten_layers():
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.synchronized = value


def is_cpu(name: str) -> bool:
    return name.lower().startswith("cpu")


def _tensorflow_devices(n: int) -> list[str]:
    import tensorflow as tf

    accelerators = [f"GPU:{number}" for number in range(len(tf.config.list_physical_devices("GPU")))]
    if accelerators:
        return accelerators
    cpu = tf.config.list_physical_devices("CPU")[0]
    logical = tf.config.get_logical_device_configuration(cpu) or []
    if len(logical) < n:
        logical = [tf.config.LogicalDeviceConfiguration()] * n
        with _before_start("TensorFlow"):
            tf.config.set_logical_device_configuration(cpu, logical)
    return [f"CPU:{number}" for number in range(len(logical))]


def _tensorflow_scope(names: list[str]):
    import tensorflow as tf

    return tf.distribute.MirroredStrategy(names).scope()


def _jax_devices(n: int) -> list[str]:
    import jax

    if jax.config.jax_num_cpu_devices < n:
        with _before_start("JAX"):
            jax.config.update("jax_num_cpu_devices", n)  # of no meaning where there are accelerators
    return keras.distribution.list_devices()


def _jax_scope(names: list[str]):
    return keras.distribution.DataParallel(devices=names, auto_shard_dataset=False).scope()


@contextlib.contextmanager
def _before_start(name: str):
    try:
        yield
    except RuntimeError as error:
        raise KgenreError(
            f"`devices`: {name} has computed in this process already, and divides the CPU at its start only. "
            "Train in a process of its own, as `kgenre train` does."
        ) from error


BACKENDS = {
    # Within a branch of its graph, where Keras updates at the last of several steps, TensorFlow's replicas cannot meet.
    "tensorflow": Parallel(_tensorflow_devices, _tensorflow_scope, accumulates=False),
    "jax": Parallel(_jax_devices, _jax_scope, accumulates=True),
}
