"""The table of architectures: one row, one builder, from picture to embedding.

To add one, write a builder in a file of this folder and give it a row here. The command line's
choices, the README's table and the tests follow from the table.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from kgenre.archs.convpool import convconvpool, convpool
from kgenre.archs.resnet import resnet50, resolve_weights


@dataclass(frozen=True)
class Arch:
    """One row of ARCHS.

    build: picture (batch, height, width, channels) in [0, 1], and keyword values of the config named
        in `takes` -> embedding (batch, d).
    says: what it is, for the README's table and `--help`.
    source: the system or paper it is from.
    takes: the names of the config's fields that the builder reads.
    defaults: config values that differ from the general ones for this network.
    resolve: what depends on the machine: config -> values to replace in it, settled before training
        and recorded with the run.
    """

    build: Callable
    says: str
    source: str
    takes: tuple[str, ...] = ("dropout",)
    defaults: dict = field(default_factory=dict)
    resolve: Callable = lambda config: {}


ARCHS = {
    "convpool": Arch(convpool, "four conv-pool blocks, dense 1024", "Music-Genre-Analysis"),
    "convconvpool": Arch(convconvpool, "two double conv-pool blocks, dense 1024", "Music-Genre-Analysis"),
    "resnet50": Arch(
        resnet50,
        "ImageNet ResNet50, top layers unfrozen, global average pool, dense 1024",
        "Music-Genre-Analysis; He et al. 2016",
        takes=("dropout", "weights", "unfreeze", "pooling", "scaling"),
        # A pretrained backbone wants three channels, small steps and few epochs; R1's zoom for it was 0.4.
        defaults={"image_channels": 3, "zoom_range": 0.4, "learning_rate": 3e-4, "epochs": 20, "patience": 8},
        resolve=resolve_weights,
    ),
}
