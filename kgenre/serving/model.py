"""The model interface: what every caller may rely on, wherever a model comes from.

A SavedModel, a Keras model in training, VGGish, and later a LiteRT file or a remote server implement it.
Callers never ask which one they have.
"""

from typing import Protocol

import numpy as np

from kgenre.audio.slicing import SliceSpec
from kgenre.model.aggregate import SliceOutputs
from kgenre.model.tasks import Task


class Model(Protocol):
    """Slices in, probabilities and embeddings out.

    name: as people call it.
    identity: hash of all that its answers depend on; vectors of two identities are never mixed.
    task: its labels, and what is decided from its probabilities; without labels where it only gives embeddings.
    slice_spec: the slices that it wants.
    """

    name: str
    identity: str
    task: Task
    slice_spec: SliceSpec

    def __call__(self, slices: np.ndarray) -> SliceOutputs:
        """float32 (n, slice_spec.slice_samples), mono in [-1, 1] -> n rows of SliceOutputs."""
