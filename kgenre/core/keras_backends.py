"""Which of Keras's backends a process will use, told before Keras is imported, which takes seconds."""

import json
import os
from pathlib import Path

from kgenre.core.errors import check_known

# What trains on each; beside Keras.
NEEDED = {"tensorflow": ("tensorflow",), "jax": ("jax", "grain"), "torch": ("torch", "grain")}


def training_backend() -> str:
    """As Keras chooses it: of KERAS_BACKEND, or of its keras.json, or TensorFlow.

    Raises:
        KgenreError: none that trains.
    """
    variable = os.environ.get("KERAS_BACKEND")
    backend, file = variable or "tensorflow", keras_home() / "keras.json"
    if not variable and file.is_file():
        try:
            backend = json.loads(file.read_text()).get("backend", backend)
        except ValueError:  # which Keras passes over
            pass
    check_known("KERAS_BACKEND", backend, NEEDED, "" if variable else f"{file}: ")
    return backend


def keras_home() -> Path:
    """Keras's folder."""
    home = Path.home()
    own = (home if os.access(home, os.W_OK) else Path("/tmp")) / ".keras"
    return Path(os.environ.get("KERAS_HOME", own))
