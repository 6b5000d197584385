"""The layers of a network that give one vector a slice, by names that do not depend on the process that built it."""

import re
from typing import TYPE_CHECKING

from kgenre.core.errors import check_known
from kgenre.model.image import SpectrogramImage

if TYPE_CHECKING:
    import keras


def vector_layers(model: "keras.Model") -> dict[str, "keras.Layer"]:
    """{name: layer} of the layers behind the spectrogram whose output is (batch, d), without dropout.

    Keras numbers names by what the process has built before. Here KIND_1 is the first layer of its kind in the network,
    KIND_2 the second, and KIND alone the last of them: `dense` is the dense layer that is nearest to the classifier,
    which is called `logits` and no `dense`.
    """
    from keras import layers

    found: dict[str, list] = {}
    first = next(number for number, layer in enumerate(model.layers) if isinstance(layer, SpectrogramImage))
    for layer in model.layers[first:]:
        if len(layer.output.shape) == 2 and not isinstance(layer, layers.Dropout):
            found.setdefault(re.sub(r"_\d+$", "", layer.name), []).append(layer)
    numbered = {f"{kind}_{n}": layer for kind, own in found.items() if len(own) > 1 for n, layer in enumerate(own, 1)}
    return {**{kind: own[-1] for kind, own in found.items()}, **numbered}


def vector_layer(model: "keras.Model", name: str, where: str = "") -> "keras.Layer":
    """The layer of a name in `vector_layers`.

    Raises:
        KgenreError: the network has none of that name; it lists those it has.
    """
    known = vector_layers(model)
    check_known("layer", name, known, where)
    return known[name]
