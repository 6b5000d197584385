"""TF-Hub's VGGish as a serving.Model that only gives embeddings."""

import dataclasses
import hashlib

import numpy as np

from kgenre.model.aggregate import SliceOutputs
from kgenre.model.tasks import DEFAULT_TASK, make_task
from kgenre.serving.model import Model


class VggishEmbedder(Model):
    """TF-Hub's VGGish, an embedding of 128 for every 0.96 s; it names no genres.

    Args:
        module: "hub", or a folder that holds the module.
        sizes: `width` and `expected` as of archs.vggish, of a module of another size.

    Raises:
        KgenreError: the module is unavailable.
    """

    name, task = "vggish", make_task(DEFAULT_TASK, ())

    def __init__(self, module: str = "hub", **sizes):
        import keras

        from kgenre.archs.vggish import (
            FRAMES,
            SINE_EMBEDDINGS,
            check_embeddings,
            find_module,
            load_module,
            patches,
            vggish_backbone,
        )
        from kgenre.model.build import front_end
        from kgenre.model.settings import ModelSettings

        settings = ModelSettings.compose(
            {"arch": "vggish", "slice_seconds": 0.975}
        )  # 96 frames and the last one's window
        self.slice_spec = dataclasses.replace(
            settings.audio.slice_spec, hop_samples=FRAMES * settings.features["vggish_mel"].hop_length
        )
        path, network = find_module(module), vggish_backbone(sizes.get("width", 1.0))
        load_module(network, path)
        check_embeddings(network, path, sizes.get("expected", SINE_EMBEDDINGS))
        waveform = keras.Input((self.slice_spec.slice_samples,), dtype="float32")
        self.model = keras.Model(waveform, network(patches(front_end(settings)(waveform))))
        self.identity = hashlib.sha256(b"".join(weight.tobytes() for weight in network.get_weights())).hexdigest()[:16]

    def __call__(self, slices: np.ndarray) -> SliceOutputs:
        embeddings = self.model(slices, training=False).numpy()
        return SliceOutputs(np.zeros((len(embeddings), 0), "float32"), embeddings)
