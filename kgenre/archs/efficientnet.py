"""EfficientNet-Lite0 (Tan and Le 2019, without squeeze-excitation) on spectrogram images, ImageNet weights."""

from typing import Annotated

from pydantic import Field

from kgenre.archs.arch import Arch, NetworkSettings, Unfreeze, Weights
from kgenre.archs.pretrained import freeze, load_file, load_into, resolve_weights
from kgenre.core.errors import KgenreError
from kgenre.weights import WEIGHTS, load, weights_help

IMAGENET = WEIGHTS["efficientnet_lite0-imagenet"]
# As Google's Lite models were trained: (0..255 - MEAN) / DEVIATION in each of red, green and blue. The README beside
# the converted weights has torchvision's means and deviations, a leftover of the larger EfficientNets: the stem's own
# statistics belong to inputs with a deviation of 0.5, not 1 (tests/test_efficientnet.py).
MEAN, DEVIATION = 127.0, 128.0
STEM, HEAD = 32, 1280  # filters; in Lite models of every width
# (blocks, kernel, stride of the first, expansion, filters)
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


class EfficientnetSettings(NetworkSettings):
    """Weights, and which layers train."""

    weights: Annotated[
        Weights,
        Field(
            description="auto (pretrained where available), imagenet, none (random), or a file. "
            f"{weights_help('efficientnet_lite0')}"
        ),
    ] = "auto"
    unfreeze: Unfreeze = 8  # the last block from its depthwise convolution on, and the head


def efficientnet_lite0(image, weights: str = "none", unfreeze: int = -1):
    """EfficientNet-Lite0 without its classifier, global average pool.

    Args:
        weights: "imagenet"; "none", random; or a .weights.h5 file of this network's own backbone.
        unfreeze: top layers of the backbone that train; 0 freezes all, -1 none. Frozen batch normalisation runs in
            inference mode.

    Input shape: (batch, height, width, 3) in [0, 1], of any size. Output shape: (batch, 1280).

    Raises:
        KgenreError: not 3 channels, a weights file that is missing or does not fit, or "imagenet" where it is
            unavailable.

    Reference: a forward pass in PyTorch on the same state dict, to 1e-5 of the largest value
    (tests/test_efficientnet.py).
    """
    from keras import layers

    if image.shape[-1] != 3:
        raise KgenreError(
            f"`efficientnet_lite0` needs 3 channels. Received: {image.shape[-1]}. Set --image-channels 3."
        )
    network = backbone(tuple(image.shape[1:]))
    if weights == IMAGENET.value:
        load_into(network, load(IMAGENET), IMAGENET.value)
    elif weights != "none":
        load_file(network, weights, "auto, imagenet, ")
    freeze(network, unfreeze)
    x = layers.Rescaling(255 / DEVIATION, offset=-MEAN / DEVIATION, name="imagenet_scaling")(image)
    return layers.GlobalAveragePooling2D()(network(x))  # (batch, 1280)


def resolve_imagenet(config) -> dict:
    """What `weights` comes to for `efficientnet_lite0`, by `resolve_weights`."""
    return resolve_weights(config.weights, IMAGENET)


def backbone(input_shape: tuple):
    """The network from image to features: (batch, h, w, 3) -> (batch, ceil(h / 32), ceil(w / 32), 1280).

    Layers are named as the modules of the published state dict, with an underscore for each dot, which a layer cannot
    have in its name on PyTorch.
    """
    import keras

    inputs = keras.Input(input_shape)
    x = activation(conv(inputs, "conv_stem", "bn0", STEM, 3, 2))
    number = 0
    for blocks, kernel, stride, expansion, filters in STAGES:
        for i in range(blocks):
            x = block(x, f"blocks_{number}", kernel, stride if i == 0 else 1, expansion, filters)
            number += 1
    return keras.Model(inputs, activation(conv(x, "conv_head", "bn1", HEAD)), name="efficientnet_lite0")


def block(x, name: str, kernel: int, stride: int, expansion: int, filters: int):
    """Expansion, depthwise convolution, projection; added to its input where the shape stays."""
    from keras import layers

    y = x
    if expansion > 1:
        y = activation(conv(y, f"{name}_expand_conv", f"{name}_bn0", expansion * x.shape[-1]))
    options = {"padding": "same", "use_bias": False, "depthwise_initializer": initializer()}
    y = layers.DepthwiseConv2D(kernel, stride, name=f"{name}_depthwise_conv", **options)(y)
    y = activation(norm(y, f"{name}_bn1"))
    y = conv(y, f"{name}_project_conv", f"{name}_bn2", filters)
    return layers.Add()([y, x]) if stride == 1 and filters == x.shape[-1] else y


def conv(x, name: str, norm_name: str, filters: int, kernel: int = 1, stride: int = 1):
    """Convolution, padded as TensorFlow does for every image size, and batch normalisation."""
    from keras import layers

    options = {"padding": "same", "use_bias": False, "kernel_initializer": initializer()}
    return norm(layers.Conv2D(filters, kernel, stride, name=name, **options)(x), norm_name)


def initializer():
    """He's normal by outputs, as Google's code has it.

    Keras's default counts all channels as inputs of a depthwise convolution, whose output would then be 1e-10 behind
    the sixteenth block before batch normalisation has seen a batch.
    """
    import keras

    return keras.initializers.VarianceScaling(2.0, "fan_out", "untruncated_normal")


def norm(x, name: str):
    from kgenre.archs.normalization import BatchNormalization

    return BatchNormalization(epsilon=1e-3, name=name)(x)


def activation(x):
    from keras import layers

    return layers.ReLU(max_value=6.0)(x)


EFFICIENTNET_LITE0 = Arch(
    EfficientnetSettings,
    efficientnet_lite0,
    "EfficientNet-Lite0 with ImageNet weights, top layers unfrozen, global average pool",
    "Tan and Le 2019",
    # As for ResNet50: three channels, small steps, few epochs.
    defaults={"image_channels": 3, "learning_rate": 3e-4, "epochs": 20, "patience": 8},
    resolve=resolve_imagenet,
)
