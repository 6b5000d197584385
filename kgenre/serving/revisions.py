"""Revisions of a model's weights and of its front end, by which two exports can be told apart."""

import hashlib
import json

import numpy as np


def revisions(network) -> dict[str, str]:
    """`weights_revision` and `front_end_revision`, 16 hexadecimal digits each.

    The first is a hash of all weights; the second of the settings of the layers from the waveform to the spectrogram
    image, which have no weights. They change where these do, and not from one export to the next.

    Args:
        network: keras.Model.
    """
    layers = front_end_layers(network)
    settings = [[type(layer).__name__, _settings(layer.get_config())] for layer in layers]
    weights = sorted(hashlib.sha256(np.asarray(array).tobytes()).hexdigest() for array in network.get_weights())
    return {"weights_revision": _hash(weights), "front_end_revision": _hash(settings)}


def front_end_layers(network) -> list:
    """The layers up to the spectrogram images, in their order, but for augmentations, which do not act in serving.

    The input alone where there is no such layer.
    """
    import keras

    from kgenre.model.image import IMAGE

    images = [layer.output for layer in network.layers if layer.name.startswith(IMAGE)]
    layers = keras.Model(network.input, images).layers if images else network.layers[:1]
    return [layer for layer in layers if not type(layer).__module__.startswith("kgenre.augment")]


def _settings(value):
    """Without names, which Keras numbers as layers are made."""
    if isinstance(value, dict):
        return {key: _settings(one) for key, one in value.items() if key != "name"}
    return [_settings(one) for one in value] if isinstance(value, list | tuple) else value


def _hash(value) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:16]
