"""A deep CNN on random 128 x 128 mel crops (Song-genre CNN), after MusicRecNet of Elbir and Aydin 2020."""

from kgenre.archs.arch import Arch, NetworkSettings, joined


def melcrop(image):
    """Blocks of convolution, BN, relu, max-pool and dropout, as MusicRecNet's three but five; dense 256 follows.

    Filters 32, 64, 128, 256, 256 of 3 x 3; dropout .25 in the blocks.

    Input shape: (batch, height, width, channels), at least 32 x 32. Output shape: (batch, 256).
    """
    from keras import layers

    from kgenre.archs.dropout import Dropout
    from kgenre.archs.normalization import BatchNormalization

    x = image
    for filters in (32, 64, 128, 256, 256):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        x = layers.ReLU()(BatchNormalization()(x))
        x = Dropout(0.25)(layers.MaxPooling2D(2)(x))
    return layers.GlobalAveragePooling2D()(x)


def melcrop_head(maps, dropout: float):
    """Dropout, dense 256, BN, relu: [(batch, 256)] -> (batch, 256)."""
    from keras import layers

    from kgenre.archs.dropout import Dropout
    from kgenre.archs.normalization import BatchNormalization

    x = Dropout(dropout)(joined(maps))
    x = BatchNormalization()(layers.Dense(256, use_bias=False)(x))
    return layers.ReLU()(x)


MELCROP = Arch(
    NetworkSettings,
    melcrop,
    "five conv blocks on 128 x 128 mel crops of 4 s, dense 256",
    "Song-genre CNN; Elbir and Aydin 2020",
    defaults={"sample_rate_hz": 16000, "slice_seconds": 4.08, "crops_per_track": 6},
    min_size=32,
    head=melcrop_head,
)
