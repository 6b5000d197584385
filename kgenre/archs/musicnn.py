"""musicnn (Pons and Serra 2019): tall and wide filters on mel bands, trained to tag music."""

from typing import Literal

from pydantic import Field

from kgenre.archs.arch import Arch, NetworkSettings, Unfreeze
from kgenre.archs.pretrained import check_mel_image, freeze
from kgenre.core.errors import KgenreError
from kgenre.features.mel import MUSICNN_MEL
from kgenre.weights import load, weights_help, weights_of

EMBEDDING = 200


class MusicnnSettings(NetworkSettings):
    """Its published weights."""

    weights: Literal["msd", "mtt", "none"] = Field(
        "msd", description=f"none for random ones, or pretrained ones. {weights_help('musicnn')}"
    )
    unfreeze: Unfreeze = 0  # a few hundred tracks would corrupt it


def musicnn(image, weights: str = "none", unfreeze: int = -1, dropout: float = 0.5):
    """musicnn's penultimate layer: 200 values of a slice of any length; it was trained on 187 frames (3 s).

    Args:
        weights: "msd" or "mtt", trained on the tags of the Million Song Dataset or of MagnaTagATune
            (kgenre.weights); or "none", random.
        unfreeze: top layers that train; 0 freezes all, -1 none. Frozen batch normalisation runs in
            inference mode.
        dropout: before the last dense layer; none where all is frozen, for it would only add noise.

    Input shape: (batch, 96, frames, 1), `musicnn_mel` as an image. Output shape: (batch, 200).

    Raises:
        KgenreError: another image, or weights that are not available.

    Reference: a forward pass written for itself on the same checkpoint, to 1e-5 (tests/test_musicnn.py).
    """
    network = pretrained(image, weights, dropout if unfreeze else 0.0)
    freeze(network, unfreeze)
    return network(mel_of(image))  # (batch, 200)


def pretrained(image, weights: str, dropout: float = 0.0):
    """The backbone for an image of `musicnn_mel`, with the weights that `musicnn` names."""
    check_mel_image("musicnn", image, MUSICNN_MEL.settings().n_mels)
    network = backbone(image.shape[2], dropout)
    if weights != "none":
        load_into(network, pretrained_arrays(weights))
    return network


def pretrained_arrays(weights: str) -> dict:
    """The arrays of the weights "msd" or "mtt" by name.

    Raises:
        KgenreError: no such weights, or they are unavailable.
    """
    rows = weights_of("musicnn")
    if weights not in rows:
        raise KgenreError(f"`weights` of musicnn must be {', '.join(rows)} or none. Received: {weights}.")
    return load(rows[weights])


def load_into(network, arrays: dict) -> None:
    """Sets the variables of `backbone` from those of a checkpoint, by name."""
    for variable in network.weights:
        layer, name = variable.path.split("/")[-2:]
        # A checkpoint has the channels of the middle convolutions where we have the width, one of the two being 1.
        variable.assign(arrays[f"{layer}/{name}"].reshape(variable.shape))


def mel_of(image):
    """The image's values in the feature's own units: (batch, 96, frames, 1) -> (batch, frames, 96, 1)."""
    from keras import layers

    low, high = MUSICNN_MEL.value_range(MUSICNN_MEL.settings())
    x = layers.Rescaling(high - low, offset=low, dtype="float32", name="musicnn_units")(image)
    return layers.Permute((2, 1, 3))(x)


def backbone(frames: int, dropout: float = 0.0):
    """The network from mel (batch, frames, 96, 1) to penultimate layer (batch, 200).

    Layers are named as the variables of its checkpoints; the front end's maps of timbre (204 each) and of
    time (51 each) go on beside three convolutions over all of them (64 each): (batch, frames, 753).
    """
    import keras
    from keras import layers

    from kgenre.archs.dropout import Dropout
    from kgenre.archs.normalization import BatchNormalization

    def norm(x, number: int):
        return BatchNormalization(name=f"batch_normalization_{number}".removesuffix("_0"))(x)

    def conv(x, number: int, filters: int, kernel: tuple, padding: str = "valid"):
        name = f"conv2d_{number}".removesuffix("_0")
        return layers.Conv2D(filters, kernel, padding=padding, activation="relu", name=name)(x)

    def over_bands(x):  # (batch, frames, bands, filters) -> (batch, frames, 1, filters)
        return layers.MaxPooling2D((1, x.shape[2]))(x)

    inputs = keras.Input((frames, 96, 1))
    mel = norm(inputs, 0)
    padded = layers.ZeroPadding2D((3, 0))(mel)
    maps = [over_bands(norm(conv(padded, 0, 204, (7, 38)), 1)), over_bands(norm(conv(padded, 1, 204, (7, 67)), 2))]
    for number, length in ((2, 128), (3, 64), (4, 32)):
        maps.append(over_bands(norm(conv(mel, number, 51, (length, 1), "same"), number + 1)))
    x = front = layers.Concatenate()(maps)  # (batch, frames, 1, 561)
    middle = []
    for number in (5, 6, 7):  # a convolution over all channels is 7 frames long and 1 wide where they stand last
        y = norm(conv(layers.ZeroPadding2D((3, 0))(x), number, 64, (7, 1)), number + 1)
        x = layers.Add()([y, x]) if middle else y
        middle.append(x)
    x = layers.Reshape((frames, 753))(layers.Concatenate()([front, *middle]))
    pools = [layers.GlobalMaxPooling1D()(x), layers.GlobalAveragePooling1D()(x)]
    x = layers.Concatenate(name="pooled")([layers.Reshape((753, 1))(pool) for pool in pools])
    x = norm(layers.Flatten()(x), 9)  # (batch, 1506): the maximum and the mean of a map side by side
    x = layers.Dense(EMBEDDING, activation="relu", name="dense")(Dropout(dropout)(x))
    return keras.Model(inputs, norm(x, 10), name="musicnn")


MUSICNN = Arch(
    MusicnnSettings,
    musicnn,
    "musicnn's front end of tall and wide filters, mid end and 200-d embedding, trained to tag music",
    "Pons and Serra 2019",
    # Slices of 187 frames, as it was trained on.
    defaults={"feature": "musicnn_mel", "slice_seconds": 2.98, "augment": (), "crops_per_track": 6},
    features=("musicnn_mel",),
)
