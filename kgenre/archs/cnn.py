"""The convolutional networks of CNNs and RNNs on FMA-small: along time, over all frequencies at once, and square."""

from typing import Literal

from pydantic import Field

from kgenre.archs.arch import Arch, FewFrames, NetworkSettings, joined

SOURCE = "CNNs and RNNs on FMA-small"
# The system sees 640 frames of hop 1024: whole tracks of 30 s, one at a time.
DEFAULTS = {"feature": "cqt", "hop_length": 1024, "slice_seconds": 29.7, "crops_per_track": 2, "batch_size": 16}
CHROMA_BINS = 12


class BlockSettings(NetworkSettings):
    """Blocks that replace convolutions, as the system compared them; its plain network is the default."""

    block: Literal["basic", "resnet", "densenet"] = Field("basic", description="what replaces a convolution")
    block_at: Literal["second", "all"] = Field("second", description="the convolutions that are replaced")


def freqcnn(image, block: str = "basic", block_at: str = "second"):
    """Frequency CNN: 1 x 5 convolutions of 16, 16, 32, 32, each frequency by itself until the dense layers.

    Max-pool 4, 4, 4, 6 in time; `frequency_head` follows.

    Input shape: (batch, bins, frames of at least 384, channels). Output shape: (batch, bins, frames / 384, 32).
    """
    needs_frames(image, 384)
    return conv_pool(image, (16, 16, 32, 32), (1, 5), ((1, 4), (1, 4), (1, 4), (1, 6)), block, block_at)


def frequency_head(maps, dropout: float):
    """Flatten; dense 512-128-32, of chroma 256-32: [(batch, bins, frames, 32)] -> (batch, 32)."""
    chroma = all(one.shape[1] <= CHROMA_BINS for one in maps)
    return dense_layers(maps, (256, 32) if chroma else (512, 128, 32), dropout)


def tempcnn(image, block: str = "basic", block_at: str = "second"):
    """Temporal CNN: a first convolution of 64 over all bins x 5 frames, then 1 x 5 of 128, 256, 512.

    Max-pool 4, 4, 4, 6 in time; dense 256-32 follow.

    Input shape: (batch, bins, frames of at least 384, channels). Output shape: (batch, 1, frames / 384, 512).
    """
    from keras import layers

    from kgenre.archs.normalization import BatchNormalization

    needs_frames(image, 384)
    x = layers.ZeroPadding2D((0, 2))(image)
    x = layers.Conv2D(64, (image.shape[1], 5), use_bias=False)(x)  # (batch, 1, frames, 64)
    x = layers.ReLU()(BatchNormalization()(x))
    x = layers.MaxPooling2D((1, 4))(x)
    place = "all" if block_at == "all" else "first"
    return conv_pool(x, (128, 256, 512), (1, 5), ((1, 4), (1, 4), (1, 6)), block, place)


def squarecnn(image, block: str = "basic", block_at: str = "second"):
    """Square CNN: 3 x 3 convolutions of 8, 32, 128, 256, pooled to one pixel; dense 128-32 follow.

    Pools (2, 4) (2, 4) (3, 4) (6, 6) of mel bands, the last (5, 6) of 84 CQT bins; of chroma (2, 4)
    (2, 4) (2, 4) (1, 6) with a last convolution of 1 x 5.

    Input shape: (batch, bins, frames of at least 384, channels). Output shape: (batch, 1 or more, frames / 384, 256).
    """
    needs_frames(image, 384)
    return square_map(image, 6, block, block_at)


def square_map(image, last_time_pool: int, block: str, block_at: str):
    """The square CNN's last map: (batch, 1 or more, frames / 64 / last_time_pool, 256)."""
    bins = image.shape[1]
    if bins <= CHROMA_BINS:
        x = conv_pool(image, (8, 32, 128), (3, 3), ((2, 4), (2, 4), (2, 4)), block, block_at)
        return conv_pool(x, (256,), (1, 5), ((1, last_time_pool),), block if block_at == "all" else "basic", "all")
    height = max(1, min(6 if bins >= 96 else 5, bins // 12))  # what the other pools leave of 128 bands or 84 bins
    pools = ((2, 4), (2, 4), (3, 4), (height, last_time_pool))
    return conv_pool(image, (8, 32, 128, 256), (3, 3), pools, block, block_at)


def conv_pool(x, filters: tuple, kernel: tuple, pools: tuple, block: str, block_at: str):
    """Convolutions and max-pools in turn; `block` replaces the second convolution, the first, or all."""
    from keras import layers

    place = {"first": 0, "second": 1}.get(block_at)
    for number, (size, pool) in enumerate(zip(filters, pools, strict=True)):
        x = conv_block(x, size, kernel, block if block_at == "all" or number == place else "basic")
        x = layers.MaxPooling2D(pool)(x)
    return x


def conv_block(x, filters: int, kernel: tuple, block: str):
    """One convolution and what replaces it: (batch, h, w, c) -> (batch, h, w, filters).

    basic: convolution, BN, relu. resnet: two of them, the second's relu after a 1 x 1 shortcut is added.
    densenet: two of half the filters, the input of each joined to what goes on; a 1 x 1 convolution ends it.
    """
    from keras import layers

    from kgenre.archs.normalization import BatchNormalization

    def conv(y, size: int, shape: tuple):
        return BatchNormalization()(layers.Conv2D(size, shape, padding="same", use_bias=False)(y))

    if block == "basic":
        return layers.ReLU()(conv(x, filters, kernel))
    if block == "resnet":
        y = conv(layers.ReLU()(conv(x, filters, kernel)), filters, kernel)
        return layers.ReLU()(layers.Add()([y, conv(x, filters, (1, 1))]))
    for _ in range(2):
        x = layers.Concatenate()([x, layers.ReLU()(conv(x, filters // 2, kernel))])
    return layers.ReLU()(conv(x, filters, (1, 1)))


def dense_head(*sizes: int):
    """A head, `dense_layers` of these sizes."""
    return lambda maps, dropout: dense_layers(maps, sizes, dropout)


def dense_layers(maps, sizes: tuple, dropout: float):
    """Flatten, then dropout and a relu layer of each size: [(batch, h, w, c) or (batch, d)] -> (batch, sizes[-1])."""
    from keras import layers

    from kgenre.archs.dropout import Dropout

    x = layers.Flatten()(joined(maps))
    for size in sizes:
        x = Dropout(dropout)(x)
        x = layers.Dense(size, activation="relu")(x)
    return x


def needs_frames(image, frames: int) -> None:
    if image.shape[2] < frames:
        raise FewFrames(image, frames)


FREQCNN = Arch(
    BlockSettings,
    freqcnn,
    "1 x 5 convolutions along time, frequency by frequency",
    SOURCE,
    defaults=DEFAULTS,
    head=frequency_head,
)
TEMPCNN = Arch(
    BlockSettings,
    tempcnn,
    "a convolution over all frequencies, then 1 x 5 along time",
    SOURCE,
    defaults=DEFAULTS,
    head=dense_head(256, 32),
)
SQUARECNN = Arch(
    BlockSettings,
    squarecnn,
    "3 x 3 convolutions of 8, 32, 128, 256",
    SOURCE,
    defaults=DEFAULTS,
    head=dense_head(128, 32),
)
