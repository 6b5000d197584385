"""A Keras model of this process as a serving.Model: in training, and as what an export is compared with."""

import numpy as np

from kgenre.audio.slicing import SliceSpec
from kgenre.model.aggregate import SliceOutputs
from kgenre.model.tasks import Task
from kgenre.serving.model import Model


class KerasModel(Model):
    """A trained or training keras.Model, slices (batch, *slice_spec.shape) -> logits (batch, classes).

    Its answers follow the weights as they change, so it has no identity that would last.
    """

    identity = ""

    def __init__(self, model, task: Task, slice_spec: SliceSpec, name: str = "in memory"):
        from kgenre.model.build import slice_model
        from kgenre.model.calls import inference

        self.task, self.slice_spec, self.name = task, slice_spec, name
        self._answer = inference(slice_model(model, task))

    def __call__(self, slices: np.ndarray) -> SliceOutputs:
        return SliceOutputs(*self._answer(slices))
