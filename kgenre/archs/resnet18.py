"""ResNet18 (He et al. 2016), which Keras does not ship, as in ATML GTZAN."""

from typing import Annotated, Literal

from pydantic import Field

from kgenre.archs.arch import Arch, NetworkSettings, Unfreeze, Weights
from kgenre.core.errors import KgenreError

TORCH_SUFFIXES = (".pth", ".pt")
# Of red, green and blue in [0, 1], as torchvision's weights were trained with.
IMAGENET_MEAN, IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Resnet18Settings(NetworkSettings):
    """Weights of its backbone."""

    weights: Annotated[
        Weights,
        Field(
            description="a file of its weights: torchvision's of ImageNet, resnet18-f37072fd.pth, or another state "
            "dict of that network (.pth, .pt); its own (.weights.h5); or none for random ones"
        ),
    ] = "none"  # nobody ships ImageNet weights of it for Keras
    unfreeze: Unfreeze = -1
    scaling: Literal["imagenet", "unit"] = Field(
        "unit", description="pixel scaling that torchvision's weights expect, or plain [0, 1]"
    )


def resnet18(image, weights: str = "none", unfreeze: int = -1, scaling: str = "unit"):
    """Conv 7 x 7 s2 of 64, max-pool; two basic blocks each of 64, 128, 256, 512; global average.

    Layers are named as the modules of torchvision's state dict, with an underscore for each dot.

    Args:
        weights: "none", random; a state dict of torchvision's network (.pth, .pt), whose 1000 classes are left out; or
            a .weights.h5 file of this network's own backbone.
        unfreeze: top layers that train; 0 freezes all (fixed features), -1 none.
        scaling: "imagenet", which needs 3 channels, or "unit".

    Input shape: (batch, height, width, channels) in [0, 1]. Output shape: (batch, 512).

    Raises:
        KgenreError: a weights file that is missing or does not fit, or "imagenet" without 3 channels.

    Reference: PyTorch's functions on the same weights, to 1e-5 (tests/test_torch_parity.py, tests/test_resnet18.py).
    """
    import keras
    from keras import layers

    from kgenre.archs.pretrained import freeze

    inputs = keras.Input(image.shape[1:])
    x = layers.ZeroPadding2D(3)(inputs)
    x = layers.ReLU()(convolved(x, "conv1", "bn1", 64, 7, 2))
    x = layers.MaxPooling2D(3, strides=2)(layers.ZeroPadding2D(1)(x))
    for number, filters in enumerate((64, 128, 256, 512), 1):
        x = basic_block(x, f"layer{number}_0", filters, 1 if filters == 64 else 2)
        x = basic_block(x, f"layer{number}_1", filters, 1)
    backbone = keras.Model(inputs, x, name="resnet18")
    load(backbone, weights)
    freeze(backbone, unfreeze)
    return layers.GlobalAveragePooling2D()(backbone(scaled(image, scaling)))


def scaled(image, scaling: str):
    from keras import layers

    if scaling == "unit":
        return image
    if image.shape[-1] != 3:
        raise KgenreError(
            f"`scaling` imagenet needs 3 channels. Received: {image.shape[-1]}. Set --image-channels 3, or "
            "--scaling unit."
        )
    factors = [1 / deviation for deviation in IMAGENET_DEVIATION]
    offsets = [-mean / deviation for mean, deviation in zip(IMAGENET_MEAN, IMAGENET_DEVIATION)]
    return layers.Rescaling(factors, offset=offsets, name="imagenet_scaling")(image)


def basic_block(x, name: str, filters: int, strides: int):
    """Two 3 x 3 convolutions and a shortcut, by a 1 x 1 convolution where the size changes."""
    from keras import layers

    y = convolved(layers.ZeroPadding2D(1)(x), f"{name}_conv1", f"{name}_bn1", filters, 3, strides)
    y = convolved(layers.ZeroPadding2D(1)(layers.ReLU()(y)), f"{name}_conv2", f"{name}_bn2", filters, 3, 1)
    if strides > 1 or x.shape[-1] != filters:
        x = convolved(x, f"{name}_downsample_0", f"{name}_downsample_1", filters, 1, strides)
    return layers.ReLU()(layers.Add()([y, x]))


def convolved(x, name: str, norm: str, filters: int, kernel: int, strides: int):
    """Without padding, which PyTorch does otherwise than Keras, and batch normalisation."""
    from keras import layers

    from kgenre.archs.normalization import BatchNormalization

    x = layers.Conv2D(filters, kernel, strides, use_bias=False, name=name)(x)
    return BatchNormalization(epsilon=1e-5, name=norm)(x)  # PyTorch's, which its weights were trained with


def load(backbone, weights: str) -> None:
    """Loads what `weights` of `resnet18` names."""
    from kgenre.archs.pretrained import check_file, load_file, load_into
    from kgenre.weights.torch_file import read_torch_file
    from kgenre.weights.torch_modules import keras_arrays

    if weights == "none":
        return
    if not weights.endswith(TORCH_SUFFIXES):
        load_file(backbone, weights)
        return
    check_file(weights)
    arrays = keras_arrays(read_torch_file(weights))
    kernel = arrays.get("conv1/kernel")
    if kernel is not None and backbone.input_shape[-1] == 1:
        arrays["conv1/kernel"] = kernel.sum(2, keepdims=True)  # of three equal channels
    load_into(backbone, arrays, weights)


def resolve_file(config) -> dict:
    """What `weights` comes to for `resnet18`: the whole path of the file; {} without one."""
    from kgenre.archs.pretrained import placed

    return {} if config.weights == "none" else {"weights": placed(config.weights)}


RESNET18 = Arch(
    Resnet18Settings,
    resnet18,
    "ResNet18, global average pool",
    "ATML GTZAN; He et al. 2016",
    defaults={"feature": "logstft", "learning_rate": 3e-4},
    resolve=resolve_file,
)
