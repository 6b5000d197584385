"""A layer of a trained network as a model: what classifiers are fitted on, of a slice what the layer gives for it."""

import hashlib

import numpy as np

from kgenre.core.errors import KgenreError
from kgenre.model.aggregate import SliceOutputs
from kgenre.model.tasks import DEFAULT_TASK, make_task
from kgenre.serving.model import Model, answer_in_parts


class LayerModel(Model):
    """A run's network as it was trained, up to one of its layers, whose output is the embedding; it names no genres.

    Args:
        folder: of the run, trained or pre-trained.
        layer: as of model.vector_layers.

    Raises:
        KgenreError: no run, or one that is not finished; or no such layer, with those that there are.
    """

    def __init__(self, folder, layer: str):
        import keras

        from kgenre.model.calls import inference
        from kgenre.model.vector_layers import vector_layer
        from kgenre.training.run import Run

        run = Run(folder)
        if not run.begun:
            raise KgenreError(
                f"{folder}: `--layer` needs the folder of a run, with its model.keras. Name one with --on, or leave "
                "--layer out."
            )
        network, self.slice_spec = run.load_trained(), run.load_settings().slice_spec
        found = vector_layer(network, layer, f"{folder}: ")
        output = keras.layers.Identity(dtype="float32")(found.output)
        self._output, self.name = inference(keras.Model(network.input, output)), str(folder)
        self.task, self.leaky = make_task(DEFAULT_TASK, ()), run.leaky
        with (run / "model.keras").open("rb") as file:
            weights = hashlib.file_digest(file, "sha256").hexdigest()
        self.identity = hashlib.sha256(f"{weights} {layer}".encode()).hexdigest()

    def __call__(self, slices: np.ndarray) -> SliceOutputs:
        return answer_in_parts(self._answer, slices, self.slice_spec)

    def _answer(self, slices: np.ndarray) -> SliceOutputs:
        [vectors] = self._output(slices)
        return SliceOutputs(np.zeros((len(vectors), 0), "float32"), vectors)
