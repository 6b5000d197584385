"""The taggers of Choi et al. 2016 and 2017, as Won et al. 2020 trained them: convolutions alone, and with GRUs."""

from typing import Literal

from pydantic import Field

from kgenre.archs.arch import Arch, FewFrames, NetworkSettings, Unfreeze
from kgenre.archs.pretrained import check_mel_image, freeze
from kgenre.features.mel import TAGGER_MEL
from kgenre.weights import load, weights_help, weights_of

# Filters of each convolution, and how its map is pooled in frequency and time.
FCN_BLOCKS = ((64, (2, 4)), (128, (2, 4)), (128, (2, 4)), (128, (3, 5)), (64, (4, 4)))
CRNN_BLOCKS = ((64, (2, 2)), (128, (3, 3)), (128, (4, 4)), (128, (4, 4)))
UNITS = 32  # of each of the two GRUs
EPSILON = 1e-5  # of batch normalisation, PyTorch's


class FcnSettings(NetworkSettings):
    """Published weights, and which layers train."""

    weights: Literal["msd", "mtt", "jamendo", "none"] = Field(
        "msd", description=f"none for random ones, or pretrained ones. {weights_help('fcn')}"
    )
    unfreeze: Unfreeze = 0  # a few hundred tracks would corrupt it


class TaggerCrnnSettings(FcnSettings):
    """The same of `tagger_crnn`."""

    weights: Literal["msd", "mtt", "jamendo", "none"] = Field(
        "msd", description=f"none for random ones, or pretrained ones. {weights_help('tagger_crnn')}"
    )


def fcn(image, weights: str = "none", unfreeze: int = -1, width: float = 1.0):
    """Choi's fully convolutional network: five convolutions, pooled to one pixel of 64 values.

    It was trained on slices of 29 s. Where a slice has twice the 1280 frames that the pools span, the map has several
    pixels, of which the embedding is the mean.

    Args:
        weights: "msd", "mtt" or "jamendo", trained on the tags of the Million Song Dataset, of MagnaTagATune or of
            MTG-Jamendo (kgenre.weights); or "none", random.
        unfreeze: top layers that train; 0 freezes all, -1 none. Frozen batch normalisation runs in inference mode.
        width: share of the filters, of random weights.

    Input shape: (batch, 96, frames of at least 1280, 1), `tagger_mel` as an image. Output shape: (batch, 64).

    Raises:
        KgenreError: another image, or weights that are not available.

    Reference: a forward pass in PyTorch on the same state dict, to 1e-5 (tests/test_taggers.py).
    """
    from keras import layers

    def pixel(x):  # (batch, 1, frames / 1280, 64) -> (batch, 64)
        return layers.GlobalAveragePooling2D()(x)

    blocks = tuple((round(width * filters), pool) for filters, pool in FCN_BLOCKS)
    return pretrained("fcn", image, blocks, pixel, weights, unfreeze)


def tagger_crnn(image, weights: str = "none", unfreeze: int = -1):
    """Choi's convolutional recurrent network: four convolutions, then the last state of two GRUs of 32.

    It was trained on slices of 29 s.

    Args:
        weights, unfreeze: as of `fcn`.

    Input shape: (batch, 96, frames of at least 96, 1), `tagger_mel` as an image. Output shape: (batch, 32).

    Raises:
        KgenreError: another image, or weights that are not available.

    Reference: a forward pass in PyTorch on the same state dict, to 1e-5 (tests/test_taggers.py).
    """
    from keras import layers

    def last_state(x):  # (batch, 1, frames / 96, 128) -> (batch, 32)
        x = layers.Reshape((x.shape[2], x.shape[3]))(x)
        x = layers.GRU(UNITS, return_sequences=True, name="gru_0")(x)
        return layers.GRU(UNITS, name="gru_1")(x)

    return pretrained("tagger_crnn", image, CRNN_BLOCKS, last_state, weights, unfreeze)


def pretrained(arch: str, image, blocks: tuple, end, weights: str, unfreeze: int):
    """The embedding of an image by the network that `backbone` makes, with the weights of that name."""
    check_mel_image(arch, image, TAGGER_MEL.settings().n_mels)
    network = backbone(arch, image, blocks, end)
    if weights != "none":
        arrays = of_image(load(weights_of(arch)[weights]))
        for variable in network.weights:
            variable.assign(arrays["/".join(variable_name(variable))])
    freeze(network, unfreeze)
    return network(image)


def of_image(arrays: dict) -> dict:
    """The arrays with statistics of the first normalisation that are of the image, in [0, 1], and not of its dB."""
    low, high = TAGGER_MEL.value_range(TAGGER_MEL.settings())
    mean, variance = (arrays[f"spec_bn/moving_{name}"].astype("float64") for name in ("mean", "variance"))
    return arrays | {
        "spec_bn/moving_mean": (mean - low) / (high - low),
        "spec_bn/moving_variance": (variance + EPSILON) / (high - low) ** 2 - EPSILON,
    }


def variable_name(variable) -> tuple[str, str]:
    """Layer and name of a variable, those of a GRU's cell included: ("gru_0", "kernel")."""
    parts = [part for part in variable.path.split("/") if part != "gru_cell"]
    return parts[-2], parts[-1]


def backbone(arch: str, image, blocks: tuple, end):
    """The network from image (batch, 96, frames, 1) to embedding; layers are named as the modules of the files."""
    import keras
    from keras import layers

    from kgenre.archs.normalization import BatchNormalization

    def norm(x, name: str):
        return BatchNormalization(epsilon=EPSILON, name=name)(x)

    least = 1
    for _, pool in blocks:
        least *= pool[1]
    if image.shape[2] < least:
        raise FewFrames(image, least)
    inputs = keras.Input(tuple(image.shape[1:]))
    x = norm(inputs, "spec_bn")
    for number, (filters, pool) in enumerate(blocks, 1):
        x = layers.Conv2D(filters, 3, padding="same", name=f"layer{number}_conv")(x)
        x = layers.MaxPooling2D(pool)(layers.ReLU()(norm(x, f"layer{number}_bn")))
    return keras.Model(inputs, end(x), name=arch)


def resolve_unfreeze(settings) -> dict:
    """Random weights train as a whole."""
    return {"unfreeze": -1} if settings.weights == "none" else {}


# Slices of 29 s, as they were trained on.
DEFAULTS = {"feature": "tagger_mel", "slice_seconds": 29.0, "augment": (), "crops_per_track": 2, "batch_size": 16}
FCN = Arch(
    FcnSettings,
    fcn,
    "five 3 x 3 convolutions pooled to one pixel of 64, trained to tag music",
    "Choi et al. 2016; Won et al. 2020",
    defaults=DEFAULTS,
    resolve=resolve_unfreeze,
    features=("tagger_mel",),
)
TAGGER_CRNN = Arch(
    TaggerCrnnSettings,
    tagger_crnn,
    "four 3 x 3 convolutions, then two GRUs of 32, trained to tag music",
    "Choi et al. 2017; Won et al. 2020",
    defaults=DEFAULTS,
    resolve=resolve_unfreeze,
    features=("tagger_mel",),
)
