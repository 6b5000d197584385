"""The table of --quantization: what the weights of a .tflite file are stored as. This imports no TensorFlow."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Quantization:
    """One row of QUANTIZATIONS.

    optimize: whether the converter makes the weights smaller.
    types: what it may then store them as, names of tf types; none for its own choice, int8.
    tolerance: largest difference of probabilities, and of embeddings as a share of their range, from the Keras model.
    """

    optimize: bool
    types: tuple[str, ...]
    tolerance: float


DEFAULT_QUANTIZATION = "none"
# int8 is a choice of who measures what it costs: a difference on noise says nothing of music.
QUANTIZATIONS = {
    DEFAULT_QUANTIZATION: Quantization(False, (), 1e-4),
    "float16": Quantization(True, ("float16",), 0.05),
    "int8": Quantization(True, (), 1.0),
}
