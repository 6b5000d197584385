"""The "homebrew" network of ATML GTZAN on log-frequency spectrograms."""

from kgenre.archs.arch import Arch, NetworkSettings, joined


def homebrew(image, dropout: float = 0.5):
    """Convolutions of 128 (5 x 1), 64 (5 x 1), 64 (4 x 1), 64 (4 x 1); `homebrew_head` follows.

    Each convolution with BN, LeakyReLU of 0.2, max-pool 2 and dropout. The source names neither the
    last kernel nor the pools: the one before it and 2 x 2 are taken.

    Input shape: (batch, height, width, channels), 216 x 216 as published. Output shape: (batch, h, w, 64).
    """
    from keras import layers

    from kgenre.archs.dropout import Dropout
    from kgenre.archs.normalization import BatchNormalization

    x = image
    for filters, kernel in ((128, (5, 1)), (64, (5, 1)), (64, (4, 1)), (64, (4, 1))):
        x = layers.Conv2D(filters, kernel)(x)
        x = layers.LeakyReLU(0.2)(BatchNormalization()(x))
        x = Dropout(dropout)(layers.MaxPooling2D(2)(x))
    return x


def homebrew_head(maps):
    """Flatten, dense 364 and 182, each with LeakyReLU of 0.2: [(batch, h, w, 64)] -> (batch, 182)."""
    from keras import layers

    x = layers.Flatten()(joined(maps))
    for size in (364, 182):
        x = layers.LeakyReLU(0.2)(layers.Dense(size)(x))
    return x


HOMEBREW = Arch(
    NetworkSettings,
    homebrew,
    "four tall convolutions on 216 x 216 log-frequency spectrograms, dense 364-182",
    "ATML GTZAN",
    defaults={"feature": "logstft", "image_height": 216, "image_width": 216},
    head=homebrew_head,
)
