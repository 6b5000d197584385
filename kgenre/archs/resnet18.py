"""ResNet18 (He et al. 2016), which Keras does not ship, as in ATML GTZAN."""

from kgenre.archs.arch import Arch, NetworkSettings, Unfreeze, Weights


class Resnet18Settings(NetworkSettings):
    """Weights of its backbone."""

    weights: Weights = "none"  # nobody ships ImageNet weights of it for Keras
    unfreeze: Unfreeze = -1


def resnet18(image, weights: str = "none", unfreeze: int = -1):
    """Conv 7 x 7 s2 of 64, max-pool; two basic blocks each of 64, 128, 256, 512; global average.

    Args:
        weights: "none", random, or a .weights.h5 file of this network's own backbone.
        unfreeze: top layers that train; 0 freezes all (fixed features), -1 none.

    Input shape: (batch, height, width, channels). Output shape: (batch, 512).

    Raises:
        KgenreError: a weights file that is missing or does not fit.
    """
    import keras
    from keras import layers

    from kgenre.archs.normalization import BatchNormalization
    from kgenre.archs.pretrained import freeze, load_file

    inputs = keras.Input(image.shape[1:])
    x = layers.ZeroPadding2D(3)(inputs)
    x = layers.Conv2D(64, 7, strides=2, use_bias=False)(x)
    x = layers.ReLU()(BatchNormalization()(x))
    x = layers.MaxPooling2D(3, strides=2)(layers.ZeroPadding2D(1)(x))
    for filters in (64, 128, 256, 512):
        x = basic_block(x, filters, 1 if filters == 64 else 2)
        x = basic_block(x, filters, 1)
    backbone = keras.Model(inputs, x, name="resnet18")
    if weights != "none":
        load_file(backbone, weights)
    freeze(backbone, unfreeze)
    return layers.GlobalAveragePooling2D()(backbone(image))


def basic_block(x, filters: int, strides: int):
    """Two 3 x 3 convolutions and a shortcut, by a 1 x 1 convolution where the size changes."""
    from keras import layers

    from kgenre.archs.normalization import BatchNormalization

    def conv(y, kernel: int, step: int):
        y = layers.ZeroPadding2D(kernel // 2)(y)  # as PyTorch pads, whose weights users have
        return BatchNormalization()(layers.Conv2D(filters, kernel, strides=step, use_bias=False)(y))

    y = conv(layers.ReLU()(conv(x, 3, strides)), 3, 1)
    shortcut = x if strides == 1 and x.shape[-1] == filters else conv(x, 1, strides)
    return layers.ReLU()(layers.Add()([y, shortcut]))


RESNET18 = Arch(
    Resnet18Settings,
    resnet18,
    "ResNet18, global average pool",
    "ATML GTZAN; He et al. 2016",
    defaults={"feature": "logstft", "learning_rate": 3e-4},
)
