"""Two of the taggers of archs.taggers side by side, made for slices of five seconds and for a processor."""

from typing import Literal

from pydantic import Field

from kgenre.archs.arch import Arch, FewFrames, NetworkSettings, Unfreeze
from kgenre.archs.pretrained import check_mel_image, freeze
from kgenre.archs.taggers import EPSILON, FCN_BLOCKS, resolve_unfreeze, variable_name
from kgenre.core.errors import KgenreError
from kgenre.features.mel import TAGGER_MEL
from kgenre.weights import load, weights_help, weights_of

# {branch: (maps of the first convolution, rank of the second, rank of the third)}. Most of `fcn`'s work is in these.
BRANCHES = {"msd": (32, 40, 96), "jamendo": (32, 16, 48)}
POOLS = ((2, 4), (2, 4), (2, 4), (3, 1))
TAG_SHIFT = "tags/shift"  # the array of its weights that is added to the scores of the taggers' tags
CELL = 64  # frames to a value in time behind the pools, 1 s
FILTERS = tuple(filters for filters, _ in FCN_BLOCKS)


class ShortFcnSettings(NetworkSettings):
    """Weights of its own, and which layers train."""

    weights: Literal["taggers", "none"] = Field(
        "taggers", description=f"none for random ones, or pretrained ones. {weights_help('short_fcn')}"
    )
    unfreeze: Unfreeze = 0  # a few hundred tracks would corrupt it


def short_fcn(image, weights: str = "none", unfreeze: int = -1):
    """Choi's fully convolutional network for short slices, once for each of two sets of tags.

    A branch is `fcn` (archs.taggers) with three changes. Its first convolution has fewer maps. Its second and third are
    of low rank: a 3 x 3 convolution to few maps, and a 1 x 1 convolution to all. And where `fcn` takes the maximum over
    five seconds before its last convolution, which a slice of five seconds has one of, this takes it over two, at each
    second, so that the last maximum chooses between moments.

    With pretrained weights normalisation behind the convolutions is part of them, and never trains.

    Args:
        weights: "taggers", fitted to the published ones (kgenre.weights), or "none", random.
        unfreeze: top layers that train; 0 freezes all, -1 none. Frozen batch normalisation runs in inference mode.

    Input shape: (batch, 96, frames of at least 64, 1), `tagger_mel` as an image. Output shape: (batch, 128).

    Raises:
        KgenreError: another image, or weights that are not available.

    Reference: what it was fitted to, `fcn` with the published weights (baselines.low_rank).
    """
    from keras import layers

    check_mel_image("short_fcn", image, TAGGER_MEL.settings().n_mels)
    if image.shape[2] < CELL:
        raise FewFrames(image, CELL)
    network = make_network(image.shape[1:])
    if weights != "none":
        set_weights(network, load(weights_of("short_fcn")[weights]))
    freeze(network, unfreeze)
    if weights != "none":
        for layer in network.layers:  # what it would do is in the kernels
            if isinstance(layer, layers.BatchNormalization):
                layer.trainable = False
    return network(image)


def make_network(shape):
    """The branches side by side with random weights, as a keras.Model. `shape` is that of one image, without batch."""
    import keras
    from keras import layers

    inputs = keras.Input(tuple(shape))
    outputs = [branch(inputs, name, sizes) for name, sizes in BRANCHES.items()]
    return keras.Model(inputs, layers.Concatenate()(outputs), name="short_fcn")


def branch(x, name: str, sizes: tuple[int, int, int]):
    """One network: image (batch, 96, frames, 1) -> (batch, 64)."""
    from keras import layers

    from kgenre.archs.normalization import BatchNormalization

    def layer(kind, part: str, *args, **kwargs):
        return kind(*args, name=f"{name}_{part}", **kwargs)

    def norm(x, part: str):
        return layer(BatchNormalization, f"{part}_bn", epsilon=EPSILON)(x)

    x = norm(x, "spec")
    for number, (filters, pool) in enumerate(zip((sizes[0], *FILTERS[1:]), POOLS), 1):
        rank = rank_of(number, sizes)
        if rank:
            x = layer(layers.Conv2D, f"layer{number}_rank", rank, 3, padding="same", use_bias=False)(x)
        x = layer(layers.Conv2D, f"layer{number}_conv", filters, 1 if rank else 3, padding="same")(x)
        x = layers.MaxPooling2D(pool)(layers.ReLU()(norm(x, f"layer{number}")))
    x = layers.Concatenate(axis=2)([x, x[:, :, :1]])  # the slice begins again at its end, as a short song does
    x = layers.MaxPooling2D((1, 2), strides=1)(x)
    x = layer(layers.Conv2D, "layer5_conv", FILTERS[-1], (3, 1), padding="same")(x)
    return layers.GlobalMaxPooling2D()(layers.ReLU()(norm(x, "layer5")))


def rank_of(number: int, sizes: tuple[int, int, int]) -> int | None:
    """The rank of a convolution, by the value of BRANCHES; None of one that is whole."""
    return dict(zip((2, 3), sizes[1:])).get(number)


def set_weights(network, arrays: dict) -> None:
    """Sets the variables of a network that `short_fcn` makes: {"msd_layer2_rank/kernel": array, ...}.

    Normalisation behind convolutions is in their kernels already; its own variables stay as they are, which is no
    normalisation at all.
    """
    for variable in network.weights:
        name = "/".join(variable_name(variable))
        if name in arrays:
            variable.assign(arrays[name])
        elif "_bn/" not in name:
            raise KgenreError(f"the weights of short_fcn lack {name}. Install kgenre again.")


SHORT_FCN = Arch(
    ShortFcnSettings,
    short_fcn,
    "two taggers of low rank side by side, for slices of 5 s; the network of the default model",
    "Choi et al. 2016; Won et al. 2020; kgenre",
    # 320 frames: five values in time.
    defaults={"feature": "tagger_mel", "slice_seconds": 5.12, "augment": (), "crops_per_track": 4, "batch_size": 32},
    resolve=resolve_unfreeze,
    features=("tagger_mel",),
)
