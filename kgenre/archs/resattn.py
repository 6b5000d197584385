"""A small residual network with attention over time: our own, to learn from a few hundred songs."""

from kgenre.archs.pools import attention

STAGES = (24, 48, 96, 128)


def resattn(image, dropout: float = 0.5):
    """Stem 3 x 3 of 24, stride 2; residual stages of 24, 48, 96, 128, each halving both sides; attention over time.

    Frequencies are averaged away only at the end, so a stage still knows a bass from a hi-hat; the attention
    lets a bar that tells the genre outweigh one that does not.

    Input shape: (batch, height, width, channels), 31 x 31 at least. Output shape: (batch, 128).
    """
    from keras import layers

    x = layers.Conv2D(STAGES[0], 3, strides=2, padding="same", use_bias=False)(image)
    x = layers.ReLU()(norm(x))
    for filters in STAGES:
        x = layers.AveragePooling2D(2)(residual(x, filters))
    x = layers.Permute((2, 1, 3))(x)  # (batch, width / 32, height / 32, 128)
    x = layers.TimeDistributed(layers.GlobalAveragePooling1D())(x)  # (batch, width / 32, 128)
    return attention(layers.Dropout(dropout)(x))


def residual(x, filters: int):
    """Two 3 x 3 convolutions, their sum with a 1 x 1 shortcut: (batch, h, w, c) -> (batch, h, w, filters)."""
    from keras import layers

    def conv(y, kernel: int):
        return norm(layers.Conv2D(filters, kernel, padding="same", use_bias=False)(y))

    y = conv(layers.ReLU()(conv(x, 3)), 3)
    return layers.ReLU()(layers.Add()([y, conv(x, 1)]))


def norm(x):
    """Normalisation over groups of 8 channels of one example.

    Not over the batch: mixed and masked pictures have other statistics than those that are judged, and valid
    accuracy then jumps by tens of points from epoch to epoch (measured).
    """
    from keras import layers

    return layers.GroupNormalization(x.shape[-1] // 8)(x)
