"""Conv-pool networks of Music-Genre-Analysis, as published."""

from kgenre.archs.arch import Arch, NetworkSettings, joined


def convpool(image):
    """Four conv-pool blocks; a dense layer of 1024 follows.

    Conv 32 k4 s2 | 32 k3 s2 | 64 k2 s1 | 128 k2 s1, each relu, BN, max-pool 2. Valid padding, so an image needs at
    least 118 x 118 pixels.

    Input shape: (batch, height, width, channels). Output shape: (batch, h, w, 128).
    """
    from keras import layers

    from kgenre.archs.normalization import BatchNormalization

    x = image
    for filters, kernel, strides in ((32, 4, 2), (32, 3, 2), (64, 2, 1), (128, 2, 1)):
        x = layers.Conv2D(filters, kernel, strides, activation="relu")(x)
        x = BatchNormalization()(x)
        x = layers.MaxPooling2D(2)(x)
    return x


def convconvpool(image):
    """Two blocks of two convolutions and a pool; a dense layer of 1024 follows.

    [Conv 32 k2 s2 relu x2, BN, max-pool 2] [Conv 64 k2 s1 relu x2, BN, max-pool 2].
    Valid padding, so an image needs at least 32 x 32 pixels.

    Input shape: (batch, height, width, channels). Output shape: (batch, h, w, 64).
    """
    from keras import layers

    from kgenre.archs.normalization import BatchNormalization

    x = image
    for filters, strides in ((32, 2), (64, 1)):
        x = layers.Conv2D(filters, 2, strides, activation="relu")(x)
        x = layers.Conv2D(filters, 2, strides, activation="relu")(x)
        x = BatchNormalization()(x)
        x = layers.MaxPooling2D(2)(x)
    return x


def dense_head(maps, dropout: float):
    """The head of Music-Genre-Analysis: dropout, flatten, dense 1024, BN, relu. [(batch, h, w, c)] -> (batch, 1024)."""
    from keras import layers

    from kgenre.archs.dropout import Dropout
    from kgenre.archs.normalization import BatchNormalization

    x = Dropout(dropout)(joined(maps))
    x = layers.Flatten()(x)
    x = layers.Dense(1024)(x)
    x = BatchNormalization()(x)
    return layers.ReLU()(x)


CONVPOOL = Arch(
    NetworkSettings,
    convpool,
    "four conv-pool blocks, dense 1024",
    "Music-Genre-Analysis",
    min_size=118,
    head=dense_head,
)
CONVCONVPOOL = Arch(
    NetworkSettings,
    convconvpool,
    "two double conv-pool blocks, dense 1024",
    "Music-Genre-Analysis",
    min_size=32,
    head=dense_head,
)
