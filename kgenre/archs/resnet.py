"""ResNet50 on spectrogram images, as in Music-Genre-Analysis: ImageNet weights, the top layers unfrozen."""

from typing import Annotated, Literal

from pydantic import Field

from kgenre.archs.arch import Arch, NetworkSettings, Unfreeze, Weights
from kgenre.archs.convpool import dense_head
from kgenre.archs.pretrained import freeze, load_file, resolve_weights
from kgenre.core.errors import KgenreError
from kgenre.weights import WEIGHTS, fetch, weights_help

IMAGENET = WEIGHTS["resnet50-imagenet"]
# keras.applications' "caffe" convention: blue, green, red means of ImageNet in 0..255.
IMAGENET_MEAN = (103.939, 116.779, 123.68)


class Resnet50Settings(NetworkSettings):
    """Weights, and what Music-Genre-Analysis did otherwise."""

    weights: Annotated[
        Weights,
        Field(
            description="auto (pretrained where available), imagenet, none (random), or a file. "
            f"{weights_help('resnet50')}"
        ),
    ] = "auto"
    unfreeze: Unfreeze = 8  # the last two convolutions, as Music-Genre-Analysis
    # An average over the whole image has a quarter of the weights and accepts any size.
    pooling: Literal["average", "flatten"] = Field(
        "average", description="global average, or flatten as Music-Genre-Analysis"
    )
    scaling: Literal["imagenet", "unit"] = Field(
        "imagenet", description="pixel scaling that its weights expect, or unit as Music-Genre-Analysis"
    )


def resnet50(
    image,
    dropout: float = 0.5,
    weights: str = "none",
    unfreeze: int = 8,
    pooling: str = "average",
    scaling: str = "imagenet",
):
    """keras.applications' ResNet50 without its top, then dropout and a dense layer of 1024.

    Args:
        weights: "imagenet"; "none", random; or a file of weights (.weights.h5, .h5).
        unfreeze: top layers of the backbone that train; 0 freezes all, -1 none. Frozen batch
            normalisation runs in inference mode.
        pooling: "average", over the whole image (2.1 M weights in the head, any size), or "flatten" as in
            Music-Genre-Analysis, after the 7 x 7 average pool that keras.applications had then (1 x 4 x 2048
            at 200 x 1024: 8.4 M weights; an image needs at least 193 x 193 pixels).
        scaling: "imagenet", the means its weights were trained with, or "unit", plain [0, 1].

    Input shape: (batch, height, width, 3) in [0, 1]. Output shape: (batch, 1024).

    Raises:
        KgenreError: not 3 channels, a weights file that is missing or does not fit, or "imagenet" where it is
            unavailable.
    """
    from keras import layers

    if image.shape[-1] != 3:
        raise KgenreError(f"`resnet50` needs 3 channels. Received: {image.shape[-1]}. Set --image-channels 3.")
    backbone = load_backbone(tuple(image.shape[1:]), weights)
    freeze(backbone, unfreeze)
    x = image
    if scaling == "imagenet":
        x = layers.Rescaling(255.0, offset=[-mean for mean in IMAGENET_MEAN], name="imagenet_scaling")(x)
    x = backbone(x)  # (batch, height / 32, width / 32, 2048)
    x = layers.GlobalAveragePooling2D()(x) if pooling == "average" else layers.AveragePooling2D(7)(x)
    return dense_head([x], dropout)


def resolve_imagenet(config) -> dict:
    """What `weights` comes to for `resnet50`, by `resolve_weights`."""
    return resolve_weights(config.weights, IMAGENET)


def load_backbone(input_shape: tuple, weights: str):
    """ResNet50 without its top, with the weights that `resnet50` names."""
    import keras

    backbone = keras.applications.ResNet50(include_top=False, weights=None, input_shape=input_shape)
    if weights == IMAGENET.value:
        load_file(backbone, str(fetch(IMAGENET)))
    elif weights != "none":
        load_file(backbone, weights, "auto, imagenet, ")
    return backbone


RESNET50 = Arch(
    Resnet50Settings,
    resnet50,
    "ImageNet ResNet50, top layers unfrozen, global average pool, dense 1024",
    "Music-Genre-Analysis; He et al. 2016",
    # A pretrained backbone wants three channels, small steps and few epochs; Music-Genre-Analysis zoomed by 0.4 for it.
    defaults={"image_channels": 3, "zoom_range": 0.4, "learning_rate": 3e-4, "epochs": 20, "patience": 8},
    resolve=resolve_imagenet,
    min_size=32,
)
