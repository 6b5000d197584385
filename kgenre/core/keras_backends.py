"""Which of Keras's backends a process will use, told before Keras is imported, which takes seconds."""

import os

from kgenre.core.errors import check_known

# What trains on each; beside Keras.
NEEDED = {"tensorflow": ("tensorflow",), "jax": ("jax", "grain"), "torch": ("torch", "grain")}


def training_backend() -> str:
    """That of KERAS_BACKEND, or TensorFlow.

    Raises:
        KgenreError: none that trains.
    """
    backend = os.environ.get("KERAS_BACKEND") or "tensorflow"
    check_known("KERAS_BACKEND", backend, NEEDED)
    return backend
