"""Published taggers as models: their tags as several labels of a track, and the embedding before them."""

import hashlib

import numpy as np

from kgenre.model.aggregate import SliceOutputs
from kgenre.model.tasks import make_task
from kgenre.serving.keras_model import KerasModel
from kgenre.serving.model import answer_in_parts
from kgenre.weights import PretrainedWeights, load
from kgenre.weights.taggers import TAGS

# Raise it when the same weights would give other answers: other layers, features or slices.
GRAPH_VERSION = 1


class Tagger(KerasModel):
    """The network of a row of WEIGHTS whose file has a layer "dense" from the embedding to TAGS.

    Args:
        row: the weights.
        name: as people call it.

    Raises:
        KgenreError: the weights are unavailable.
    """

    def __init__(self, row: PretrainedWeights, name: str):
        arrays, tags = load(row), TAGS[row.value]  # before TensorFlow: they may be unavailable
        from kgenre.model.build import build_model
        from kgenre.model.settings import ModelSettings

        settings = ModelSettings.compose({"arch": row.arch, "weights": row.value})
        network = build_model(settings, len(tags))
        network.get_layer("logits").set_weights([arrays["dense/kernel"], arrays["dense/bias"]])
        super().__init__(network, make_task("multi", tags), settings.slice_spec, name)
        self.identity = hashlib.sha256(f"{GRAPH_VERSION} {row.sha256}".encode()).hexdigest()[:16]

    def __call__(self, slices: np.ndarray) -> SliceOutputs:
        return answer_in_parts(super().__call__, slices, self.slice_spec)
