"""VGGish (Hershey et al. 2017) on its own log-mel patches, with the weights of TF-Hub, as in Genre_Pred.

A network of Keras's own layers and not the hub's module as a layer, which Keras 3 could not train. Its
weights are read from the module's checkpoint and believed only when front end and network together give
the values that are published with the module.
"""

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from kgenre.archs.arch import Arch, NetworkSettings, Unfreeze, Weights
from kgenre.archs.pools import POOLS
from kgenre.archs.pretrained import freeze, resolve_weights
from kgenre.core.errors import KgenreError
from kgenre.features.mel import VGGISH_MEL
from kgenre.weights import WEIGHTS, fetch, weights_help
from kgenre.weights.checkpoint import read_checkpoint

HUB = WEIGHTS["vggish-hub"]
FRAMES, BANDS = 96, 64  # of a patch: 0.96 s
# The module's names and sizes; a pool follows each group of convolutions.
CONVOLUTIONS = (
    {"conv1": 64},
    {"conv2": 128},
    {"conv3_1": 256, "conv3_2": 256},
    {"conv4_1": 512, "conv4_2": 512},
)
DENSE = {"fc1_1": 4096, "fc1_2": 4096, "fc2": 128}
# Mean and standard deviation of the embeddings of a unit sine of 1 kHz and 3 s, published to 10 %.
SINE_EMBEDDINGS, TOLERANCE = (-0.0333, 0.380), 0.1
NEXT = f"Name a folder that holds {HUB.url} with --weights, or start from random weights with --weights none."


class VggishSettings(NetworkSettings):
    """Weights, and how the patches of a slice are joined."""

    weights: Annotated[
        Weights,
        Field(
            description="auto (pretrained where available), hub, none (random), or a folder of the module. "
            f"{weights_help('vggish')}"
        ),
    ] = "auto"
    unfreeze: Unfreeze = 8  # all from conv4_1 on
    pool: Literal[*POOLS] = Field("mean", description="what joins the embeddings of a slice's patches")


def vggish(
    image,
    dropout: float = 0.5,
    weights: str = "none",
    unfreeze: int = -1,
    pool: str = "mean",
    width: float = 1.0,
    expected: tuple[float, float] = SINE_EMBEDDINGS,
):
    """VGGish on each patch of 96 frames, its embeddings joined, then a dense layer of 256.

    Patches do not overlap; frames that fill none are left out.

    Args:
        weights: "hub", the TF-Hub module google/vggish/1; "none", random; or a folder that holds the module.
        unfreeze: top layers of the backbone that train, pools counted (8: all from conv4_1 on);
            0 freezes all, -1 none.
        pool: what joins the embeddings of the patches, a row of POOLS.
        width: filters and units, as a share of VGGish's.
        expected: mean and standard deviation that `check_embeddings` expects of the weights.

    Input shape: (batch, 64, at least 96 frames, 1), `vggish_mel` as an image. Output shape: (batch, 256).

    Raises:
        KgenreError: another image, weights that cannot be downloaded, or a module that is not VGGish.
    """
    from keras import layers, ops

    from kgenre.archs.dropout import Dropout

    bands, frames, channels = image.shape[1:]
    if bands != BANDS or channels != 1:
        raise KgenreError(
            f"`vggish` needs {BANDS} mel bands in 1 channel. Received: {bands} in {channels}. "
            "Leave out --n-mels, --image-height and --image-channels."
        )
    if frames < FRAMES:
        raise KgenreError(
            f"`vggish` needs {FRAMES} frames at least. Received: {frames}. "
            "Set a larger --slice-seconds (0.975 at its own hop), or a smaller --hop-length."
        )
    backbone = vggish_backbone(width)
    if weights != "none":
        path = find_module(weights)
        load_module(backbone, path)
        check_embeddings(backbone, path, expected)
    freeze(backbone, unfreeze)
    x = backbone(patches(image))  # (batch * patches, 128)
    x = POOLS[pool](ops.reshape(x, (-1, frames // FRAMES, x.shape[-1])))
    return layers.Dense(256, activation="relu")(Dropout(dropout)(x))


def patches(image):
    """Image (batch, 64, frames, 1) -> log-mel patches (batch * patches, 96, 64, 1)."""
    from keras import layers

    low, high = VGGISH_MEL.value_range(VGGISH_MEL.settings())
    x = layers.Rescaling(high - low, offset=low)(image)
    return log_mel_patches(layers.Permute((2, 1, 3))(x))


def log_mel_patches(log_mel):
    """Log-mel spectrogram (batch, frames, 64, 1) -> patches (batch * patches, 96, 64, 1); frames over are left out."""
    from keras import layers, ops

    x = layers.Cropping2D(((0, log_mel.shape[1] % FRAMES), (0, 0)))(log_mel)
    return ops.reshape(x, (-1, FRAMES, BANDS, 1))


def vggish_backbone(width: float = 1.0):
    """VGGish: log-mel patches (n, 96, 64, 1) -> embeddings (n, 128), before any activation.

    Convolutions 3 x 3 of 64 | 128 | 256, 256 | 512, 512, each relu, a 2 x 2 max-pool after each group; dense
    4096, 4096 relu, 128.
    """
    import keras
    from keras import layers

    # Nine layers without batch normalisation: Glorot's start would leave the last a 20th of its input.
    options = {"activation": "relu", "kernel_initializer": "he_uniform"}
    inputs = x = keras.Input((FRAMES, BANDS, 1))
    for group in CONVOLUTIONS:
        for name, filters in group.items():
            x = layers.Conv2D(round(width * filters), 3, padding="same", name=name, **options)(x)
        x = layers.MaxPooling2D(2)(x)
    x = layers.Flatten()(x)  # (n, 6 * 4 * 512): time, frequency, channels, as TF-Slim's
    for name, units in DENSE.items():
        x = layers.Dense(round(width * units), name=name, **(options if name != "fc2" else {}))(x)
    return keras.Model(inputs, x, name="vggish")


def resolve_module(config) -> dict:
    """What `weights` comes to for `vggish`, by `resolve_weights`."""
    return resolve_weights(config.weights, HUB)


def find_module(weights: str) -> str:
    """The module's directory: the fetched one for "hub", or the one that is named.

    Raises:
        KgenreError: no download, or no directory of a module.
    """
    if weights == HUB.value:
        return str(fetch(HUB))
    if not (Path(weights) / "saved_model.pb").is_file():
        raise KgenreError(
            "`weights` of `vggish` must be auto, hub, none or the folder of a TF-Hub module. "
            f"Received: {weights}, which holds no saved_model.pb."
        )
    return weights


def load_module(backbone, path: str) -> None:
    """Gives the backbone the variables of a module's checkpoint, in the order in which the module made them.

    Raises:
        KgenreError: no checkpoint, or variables of another number or other shapes.
    """
    try:
        variables = read_checkpoint(str(Path(path) / "variables" / "variables"))
    except ValueError as error:
        raise KgenreError(f"{path}: the module's variables cannot be read ({str(error)[:200]}). {NEXT}") from error
    names = sorted((name for name in variables if name.endswith("/VARIABLE_VALUE")), key=_with_numbers)
    found, needed = [variables[name].shape for name in names], [tuple(weight.shape) for weight in backbone.weights]
    if found != needed:
        raise KgenreError(f"{path}: not a module of VGGish ({_difference(found, needed)}). {NEXT}")
    backbone.set_weights([variables[name] for name in names])


def _with_numbers(name: str) -> list:
    """Sorts `_variables/10/...` behind `_variables/9/...`."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def _difference(found: list, needed: list) -> str:
    if len(found) != len(needed):
        return f"{len(found)} variables, VGGish has {len(needed)}"
    number = next(i for i, (ours, theirs) in enumerate(zip(needed, found)) if ours != theirs)
    return f"its variable {number + 1} has the shape {found[number]}, VGGish's {needed[number]}"


def check_embeddings(backbone, path: str, expected: tuple[float, float] = SINE_EMBEDDINGS) -> None:
    """Compares the embeddings of a sine, through our front end and `backbone`, with what they must be.

    Raises:
        KgenreError: mean or standard deviation more than 10 % off.
    """
    import numpy as np

    embeddings = embeddings_of_sine(backbone)
    received = (embeddings.mean(), embeddings.std())
    if not np.allclose(received, expected, rtol=TOLERANCE, atol=0):
        raise KgenreError(
            f"{path}: not the weights of VGGish: of a 1 kHz sine its embeddings must have the mean {expected[0]:.4f} "
            f"and the deviation {expected[1]:.3f}. Received: {received[0]:.4f} and {received[1]:.3f}. {NEXT}"
        )


def embeddings_of_sine(backbone):
    """Embeddings of 3 s of a unit sine of 1 kHz: NumPy (3, 128)."""
    import keras
    import numpy as np

    sample_rate = VGGISH_MEL.defaults["sample_rate_hz"]
    sine = np.sin(2 * np.pi * 1000.0 * np.arange(3 * sample_rate) / sample_rate)
    log_mel = VGGISH_MEL.build(sample_rate, VGGISH_MEL.settings())(keras.ops.convert_to_tensor(sine[None], "float32"))
    embeddings = backbone(log_mel_patches(log_mel[..., None]), training=False)
    return np.float64(keras.ops.convert_to_numpy(embeddings))


VGGISH = Arch(
    VggishSettings,
    vggish,
    "VGGish on patches of 0.96 s, weights of TF-Hub, top layers unfrozen, dense 256",
    "Genre_Pred; Hershey et al. 2017",
    # Five patches and no frame over: Genre_Pred took the 31 of a track at once, six times the cost of a slice, where
    # short crops from anywhere in a track teach more. A pretrained network wants small steps and few epochs, and its
    # filters know the one size of a mel band: no zoom.
    defaults={
        "feature": "vggish_mel",
        "slice_seconds": 4.815,
        "augment": (),
        "learning_rate": 1e-4,
        "epochs": 20,
        "patience": 8,
    },
    resolve=resolve_module,
    features=("vggish_mel",),
)
