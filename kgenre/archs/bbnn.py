"""BBNN, the bottom-up broadcast network of Liu et al. 2019, as in CNNs and RNNs on FMA-small."""

from kgenre.archs.arch import Arch, NetworkSettings, joined
from kgenre.archs.cnn import DEFAULTS, SOURCE


def bbnn(image):
    """A convolution, three Inception blocks that broadcast their input, and a transition layer.

    Conv 3 x 3 of 16, max-pool (1, 4), BN; three blocks, 16 -> 80 -> 144 -> 208 channels; BN, relu, 1 x 1
    convolution of 32, average pool 2 x 2; BN, relu, global average. It has no dense layers: the averages of several
    features are joined.

    Input shape: (batch, bins, frames, channels). Output shape: (batch, 32).
    """
    from keras import layers

    from kgenre.archs.normalization import BatchNormalization

    x = layers.Conv2D(16, 3, padding="same")(image)
    x = BatchNormalization()(layers.MaxPooling2D((1, 4))(x))
    for _ in range(3):
        x = layers.Concatenate()([x, *streams(x)])
    x = layers.Conv2D(32, 1)(bn_relu(x))
    x = bn_relu(layers.AveragePooling2D(2)(x))
    return layers.GlobalAveragePooling2D()(x)


def streams(x) -> list:
    """The four streams of an Inception block, 16 channels each: (batch, h, w, c) -> four of (batch, h, w, 16)."""
    from keras import layers

    def conv(y, kernel: int):
        return layers.Conv2D(16, kernel, padding="same")(bn_relu(y))

    pooled = layers.MaxPooling2D(3, strides=1, padding="same")(x)
    return [conv(x, 1), conv(conv(x, 1), 3), conv(conv(x, 1), 5), conv(pooled, 1)]


def bn_relu(x):
    from keras import layers

    from kgenre.archs.normalization import BatchNormalization

    return layers.ReLU()(BatchNormalization()(x))


BBNN = Arch(
    NetworkSettings,
    bbnn,
    "three Inception blocks that broadcast their input",
    f"{SOURCE}; Liu et al. 2019",
    defaults=DEFAULTS,
    head=joined,
)
