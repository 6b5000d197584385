"""The convolutional recurrent networks of CNNs and RNNs on FMA-small: one after the other, and side by side."""

from typing import Literal

from pydantic import Field

from kgenre.archs.arch import Arch
from kgenre.archs.cnn import DEFAULTS, SOURCE, BlockSettings, dense_head, needs_frames, square_map


class RecurrentSettings(BlockSettings):
    """The recurrent layer, beside the blocks of its CNN."""

    rnn: Literal["lstm", "gru"] = Field("gru", description="recurrent cell")  # fewer weights, as accurate
    bidirectional: bool = Field(False, description="read the frames both ways")


def crnn(image, rnn: str, bidirectional: bool, block: str, block_at: str):
    """The square CNN without its last pool in time, then a recurrent layer of 128; dense 128-32 follow.

    Input shape: (batch, bins, frames of at least 64, channels). Output shape: (batch, 128 or 256).
    """
    needs_frames(image, 64)
    x = square_map(image, 1, block, block_at)  # (batch, height, frames / 64, 256)
    return recurrent(x, rnn, bidirectional)


def crnn_parallel(image, rnn: str, bidirectional: bool, block: str, block_at: str):
    """The square CNN beside a recurrent layer of 128 over means of 20 frames, joined; dense 256-32 follow.

    Input shape: (batch, bins, frames of at least 384, channels). Output shape: (batch, d).
    """
    from keras import layers

    needs_frames(image, 384)
    left = layers.Flatten()(square_map(image, 6, block, block_at))
    right = recurrent(layers.AveragePooling2D((1, 20))(image), rnn, bidirectional)
    return layers.Concatenate()([left, right])


def recurrent(x, rnn: str, bidirectional: bool):
    """The last state of a recurrent layer over time: (batch, height, frames, c) -> (batch, 128 or 256)."""
    from keras import layers

    height, frames, channels = x.shape[1:]
    x = layers.Permute((2, 1, 3))(x)
    x = layers.Reshape((frames, height * channels))(x)  # (batch, frames, height * c)
    cell = {"lstm": layers.LSTM, "gru": layers.GRU}[rnn](128)
    return layers.Bidirectional(cell)(x) if bidirectional else cell(x)


CRNN = Arch(
    RecurrentSettings,
    crnn,
    "square CNN, then an LSTM or GRU of 128",
    SOURCE,
    defaults=DEFAULTS,
    head=dense_head(128, 32),
)
CRNN_PARALLEL = Arch(
    RecurrentSettings,
    crnn_parallel,
    "square CNN beside an LSTM or GRU of 128",
    SOURCE,
    defaults=DEFAULTS,
    head=dense_head(256, 32),
)
