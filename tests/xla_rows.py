"""What runs on an accelerator before the network, each compiled: features, augmentations in the graph, the image.

Run with a Keras backend and a file name, writes the compiled programs there, {row: HLO text} as JSON.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

from kgenre.augment import AUGMENTS
from kgenre.features import FEATURES
from kgenre.model.image import SpectrogramImage

RATE, EXAMPLES = 16000, 2
IMAGE = (24, 40, 3)  # rows, columns, channels
STATE = np.array([7, 11], "uint32")  # of the generator of a random layer
IN_GRAPH = {name: row.place for name, row in AUGMENTS.items() if row.place in ("waveform", "spectrogram")}
# That leaves the program and comes back: to Python or another device. A feature's own Fourier transform does not.
HOST = {"custom-call", "infeed", "outfeed", "send", "recv", "send-done", "recv-done"}
ROWS = (*FEATURES, *IN_GRAPH, "image")


def make_row(name: str, seconds: float = 1.5) -> tuple[Callable, list[np.ndarray]]:
    """The function of a row, and its inputs."""
    rng = np.random.default_rng(0)
    waveforms = 0.1 * rng.standard_normal((EXAMPLES, round(RATE * seconds)), dtype="float32")
    images = rng.random((EXAMPLES, *IMAGE), dtype="float32")
    if name == "image":  # resized, scaled, repeated: all that the layer can do
        return SpectrogramImage(height=20, width=30, channels=3, frame_scaling=True), [-80 * images[..., 0]]
    if name in FEATURES:
        return FEATURES[name].build(RATE, FEATURES[name].settings()), [waveforms]
    layer = AUGMENTS[name].build(AUGMENTS[name].settings(), None, 0)

    def in_training(x, state):
        """With the generator's state given: a program keeps no state of its own."""
        with keras.StatelessScope(state_mapping=[(layer.generator.state, state)]):
            return layer(x, training=True)

    return in_training, [waveforms if IN_GRAPH[name] == "waveform" else images, STATE]


def program(function: Callable, inputs: list) -> str:
    """The HLO text that XLA is given for a function; what cannot be compiled raises."""
    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(function).lower(*inputs).as_text(dialect="hlo")
    import tensorflow as tf

    inputs = [tf.constant(x) for x in inputs]
    return tf.function(function, jit_compile=True).experimental_get_compiler_ir(*inputs)(stage="hlo")


def operations(text: str) -> set[str]:
    """The names of the operations in HLO text, whose lines are `name = type operation(operands)`."""
    right_sides = [line.partition(" = ")[2] for line in text.splitlines() if " = " in line]
    return {_after_type(side).partition("(")[0] for side in right_sides}


def _after_type(side: str) -> str:
    """Behind the type, which is a tuple in parentheses or a word."""
    depth = 0
    for place, letter in enumerate(side):
        depth += (letter in "({") - (letter in ")}")
        if letter == " " and not depth:
            return side[place + 1 :]
    return ""


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps({name: program(*make_row(name)) for name in ROWS}))
