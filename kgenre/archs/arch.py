"""What an architecture declares, and the settings that several architectures share."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import Field

from kgenre.core.errors import KgenreError
from kgenre.core.settings import Settings

Weights = Annotated[str, Field(description="a file of its own weights (.weights.h5, .h5), or none for random ones")]
Unfreeze = Annotated[int, Field(ge=-1, le=1000, description="top layers of the backbone that train; -1 for all")]


class FewFrames(KgenreError):
    """An image of too few columns for a network, which needs `frames`; what to set is told where it is built."""

    def __init__(self, image, frames: int):
        size = "x".join(map(str, image.shape[1:3]))
        super().__init__(f"this network pools over at least {frames} frames. Received: an image of {size}.")
        self.frames = frames


class NetworkSettings(Settings):
    """What acts around every network: a linear layer to the embedding, and dropout before the classifier."""

    # As Music-Genre-Analysis published it.
    dropout: float = Field(0.5, ge=0, le=0.95, description="dropout before the dense layers")
    # A student has as many as its teacher, whose embedding it learns; else the network's own.
    embedding_size: int | None = Field(
        None, ge=1, le=65536, description="values of the embedding, by a linear layer; the network's own if not given"
    )


@dataclass(frozen=True)
class Arch:
    """One row of ARCHS.

    settings: the architecture's own settings.
    front: spectrogram image (batch, height, width, channels) in [0, 1], and by keyword the values of the settings
        that it names -> embedding (batch, d), or what `head` takes of it. What it does not name acts around it.
    description: what it is, for the table in docs/networks.md and `--help`.
    source: the system or paper it is from.
    defaults: values of other components' settings that differ for this network.
    resolve: what depends on the machine: settings -> values to replace in them, settled before training and
        recorded with the run.
    features: names of the features that it accepts; None for any. Pretrained weights need them at their own settings.
    min_size: rows and columns that an image must have; a feature of fewer bins needs --image-height.
    head: the dense layers, of a network that sees several features: list of what `front` makes of each feature's
        image, and by keyword the values that it names -> embedding (batch, d). None of a network that sees one.
    """

    settings: type[NetworkSettings]
    front: Callable
    description: str
    source: str
    defaults: dict = field(default_factory=dict)
    resolve: Callable[[NetworkSettings], dict] = lambda settings: {}
    features: tuple[str, ...] | None = None
    min_size: int = 1
    head: Callable | None = None

    def build(self, images: Sequence, **values):
        """The network: an image of each feature (batch, height, width, channels), all of one width -> (batch, d).

        Args:
            values: settings of the network, by name; the parts take those that they name.
        """
        maps = [self.front(image, **_named(self.front, values)) for image in images]
        if self.head is None:
            [embedding] = maps
            return embedding
        return self.head(maps, **_named(self.head, values))


def _named(part: Callable, values: dict) -> dict:
    """The values that a part of a network has arguments for."""
    return {name: value for name, value in values.items() if name in inspect.signature(part).parameters}


def joined(maps: Sequence):
    """What `Arch.front` gave of each feature, side by side for dense layers; that of one feature as it is.

    Input shapes: (batch, h, w, c), which are flattened; (batch, frames, d), of as many frames; or (batch, d).
    """
    from keras import layers

    if len(maps) == 1:
        return maps[0]
    return layers.Concatenate()([layers.Flatten()(one) if len(one.shape) == 4 else one for one in maps])
