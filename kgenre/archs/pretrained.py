"""What the networks with pretrained weights share: which weights, which layers train, and loading a file."""

import logging
import warnings
from pathlib import Path

from kgenre.core.errors import KgenreError
from kgenre.weights import PretrainedWeights, fetch

log = logging.getLogger(__name__)


def resolve_weights(weights: str, row: PretrainedWeights) -> dict:
    """What `weights` comes to on this machine.

    Of "auto": the pretrained weights, fetched if need be; where they are unavailable, random weights with every layer
    trainable, and a warning.

    Args:
        weights: as the config has it.
        row: the pretrained weights of the architecture.

    Returns:
        `weights`, and `unfreeze` where it changes.
    """
    if weights == "auto":
        try:
            fetch(row)
            weights = row.value
        except KgenreError as error:
            log.warning("%s Starting from random weights, with every layer trainable.", error)
            weights = "none"
    if weights == "none":
        return {"weights": "none", "unfreeze": -1}
    return {"weights": weights if weights == row.value else placed(weights, f"auto, {row.value}, ")}


def placed(path: str, pretrained: str = "") -> str:
    """The whole path of a file or SavedModel: it is named from where the command is typed, and a run may be resumed
    from elsewhere.

    Raises:
        KgenreError: as `check_file`.
    """
    if not Path(path).is_dir():  # which a SavedModel is
        check_file(path, pretrained)
    return str(Path(path).resolve())


def check_mel_image(arch: str, image, bands: int) -> None:
    """Raises KgenreError where an image (batch, height, width, channels) is not of these mel bands in one channel."""
    if image.shape[1] != bands or image.shape[3] != 1:
        raise KgenreError(
            f"`{arch}` needs {bands} mel bands in one channel. Received: an image of {image.shape[1]} x "
            f"{image.shape[2]} x {image.shape[3]}. Leave --n-mels, --image-height and --image-channels as they are."
        )


def load_file(backbone, path: str, pretrained: str = "") -> None:
    """Loads a .weights.h5 or .h5 file of the backbone's own weights.

    Args:
        pretrained: what else `--weights` takes, for the error.

    Raises:
        KgenreError: no such file, or not the weights of this backbone.
    """
    check_file(path, pretrained)
    try:
        with warnings.catch_warnings(action="ignore"):  # one for each part that is missing, beside the error
            backbone.load_weights(path)
    except (OSError, ValueError, KeyError) as error:
        cause = str(error).splitlines()[0][:200]
        raise KgenreError(f"{path}: does not hold the weights of {backbone.name} without its top ({cause}).") from error


def check_file(path: str, pretrained: str = "") -> None:
    """Raises KgenreError where `--weights` names no file; `pretrained`: what else it takes."""
    if not Path(path).is_file():
        raise KgenreError(
            f"`weights` must be {pretrained}none or a file. Received: {path}, which is no file. Name one with "
            "--weights."
        )


def load_into(backbone, arrays: dict, source: str) -> None:
    """Sets the variables of a backbone from arrays by "LAYER/VARIABLE".

    Raises:
        KgenreError: one is missing or has another shape.
    """
    variables = {"/".join(variable.path.split("/")[-2:]): variable for variable in backbone.weights}
    for name, variable in variables.items():
        shape = getattr(arrays.get(name), "shape", "none")
        if shape != tuple(variable.shape):
            raise KgenreError(
                f"{source}: does not hold the weights of {backbone.name} without its top ({name} needs "
                f"{tuple(variable.shape)}, and there it is {shape})."
            )
    for name, variable in variables.items():
        variable.assign(arrays[name])


def freeze(backbone, unfreeze: int) -> None:
    """Lets the last `unfreeze` layers train, or all with -1."""
    frozen = 0 if unfreeze < 0 else max(0, len(backbone.layers) - unfreeze)
    for layer in backbone.layers[:frozen]:
        layer.trainable = False  # Keras then runs batch normalisation in inference mode
