"""Weights of a trained model as the start of another one, whose genres may be others."""

from typing import TYPE_CHECKING

from kgenre.core.errors import KgenreError

if TYPE_CHECKING:
    import keras

HEAD = "logits"


def copy_weights(source: "keras.Model", target: "keras.Model", name: str, with_head: bool = False) -> None:
    """Copies all weights of a model's layers into another model of the same network, in place.

    Layers are paired in their order, for Keras numbers the names of layers by what the process has built before.

    Args:
        source: trained model.
        target: model to change.
        name: of the source, for errors.
        with_head: copy the last layer too, which needs the same labels in both.

    Raises:
        KgenreError: another network, or another size of its input where its weights depend on it.
    """
    pairs = list(zip(_layers(source), _layers(target)))
    shapes = [[[tuple(weight.shape) for weight in layer.weights] for layer in pair] for pair in pairs]
    differ = [pair for pair, (one, other) in zip(pairs, shapes) if one != other]
    if differ or len(_layers(source)) != len(_layers(target)):
        first = f", first in the layer {differ[0][0].name}" if differ else ""
        raise KgenreError(
            f"{name}: has another network than this run{first}: `--init` needs the same --arch, and the same "
            "settings of feature, image and network. Leave them out: they are then those of the run named by --init."
        )
    for one, other in pairs:
        other.set_weights(one.get_weights())
    if with_head:
        target.get_layer(HEAD).set_weights(source.get_layer(HEAD).get_weights())


def _layers(model: "keras.Model") -> list:
    """The layers that have weights, without the last one."""
    return [layer for layer in model.layers if layer.weights and layer.name != HEAD]
