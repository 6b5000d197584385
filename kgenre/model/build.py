"""The one graph: waveform -> spectrogram -> picture -> network -> logits."""

import keras
import numpy as np
from keras import layers

from kgenre.archs import ARCHS
from kgenre.augment import build_augmentations, random_layers, zoom  # noqa: F401  registered by import, for load_model
from kgenre.core.errors import KgenreError
from kgenre.features import FEATURES, chroma, cqt, logmel, logstft, mfcc  # noqa: F401  registered by import, for load_model
from kgenre.model.image import SpectrogramImage
from kgenre.model.settings import Config
from kgenre.model.tasks import Task


def check_backend() -> None:
    """Raises KgenreError where Keras's backend is not TensorFlow, whose graphs are trained and exported."""
    backend = keras.backend.backend()
    if backend != "tensorflow":
        raise KgenreError(
            f"Training and export need Keras's TensorFlow backend. Received: {backend}. "
            "Set KERAS_BACKEND=tensorflow for this command; the model.keras that it leaves loads under any backend."
        )


def build_model(config: Config, n_classes: int) -> keras.Model:
    """The model that is trained: waveform (batch, slice_samples) -> logits (batch, n_classes), float32.

    The layer "embedding" gives the vector before the classifier. The network computes in
    `config.precision`; the spectrogram before it and the logits after it are float32.

    Raises:
        KgenreError: a picture too small for the network, or values that a builder refuses.
    """
    keras.utils.set_random_seed(config.seed)
    arch = ARCHS[config.arch]
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(config.precision)
    try:
        waveform = keras.Input((config.slice_samples,), name="waveform", dtype="float32")
        x = waveform
        for layer in build_augmentations(config, "waveform").values():
            x = layer(x)
        picture = front_end(config)(x)
        for layer in build_augmentations(config, "picture").values():
            picture = layer(picture)
        values = {name: getattr(config, name) for name in arch.takes}
        try:
            embedding = arch.build(picture, **values)
        except ValueError as error:  # Keras's word for a map that has shrunk to nothing
            cause = str(error).splitlines()[0]
            raise KgenreError(
                f"`{config.arch}` cannot take a picture of {'x'.join(map(str, picture.shape[1:]))} ({cause}) "
                "Set a larger --image-height, --image-width or --slice-seconds."
            ) from error
        embedding = layers.Identity(name="embedding")(embedding)
        x = layers.Dropout(config.dropout)(embedding)
        logits = layers.Dense(n_classes, dtype="float32", name="logits")(x)
    finally:
        keras.config.set_dtype_policy(before)
    model = keras.Model(waveform, logits, name=config.arch)
    for layer in model._flatten_layers():
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = config.bn_momentum
    return model


def load_model(path, compile: bool = False) -> keras.Model:
    """Loads a .keras file of this package, with the layers that importing this module registers.

    Args:
        compile: bool, bring back optimizer and loss too, to train on.

    Raises:
        KgenreError: missing, unreadable, or not a model.
    """
    try:
        return keras.saving.load_model(path, compile=compile)
    except (OSError, ValueError, TypeError) as error:
        raise KgenreError(f"{path}: not a readable model ({str(error).splitlines()[0]}).") from error


def front_end(config: Config):
    """Waveform (batch, samples) -> picture (batch, height, width, channels) in [0, 1], float32."""
    feature = FEATURES[config.feature].build(config)
    image = SpectrogramImage(
        *FEATURES[config.feature].value_range(config),
        config.image_height,
        config.image_width,
        config.image_channels,
        config.frame_scaling,
        name="spectrogram_image",
    )
    return lambda waveform: image(feature(waveform))


def slice_model(model: keras.Model, task: Task) -> keras.Model:
    """The model that answers: waveform (batch, slice_samples) -> probabilities and embedding, float32."""
    probabilities = task.activation()(model.output)
    embedding = layers.Identity(dtype="float32", name="embedding_float32")(model.get_layer("embedding").output)
    return keras.Model(model.input, [probabilities, embedding])


def reseed(model: keras.Model, seed: int, epoch: int) -> None:
    """Sets the state of every random layer from seed and epoch, so that a resumed run draws as an unbroken one."""
    states = [variable for variable in model.variables if "seed_generator_state" in variable.path]
    for variable, state in zip(states, np.random.default_rng([seed, epoch]).integers(0, 2**31, (len(states), 2))):
        variable.assign(state.astype(variable.dtype))
