"""The one graph: waveform -> spectrogram -> picture -> network -> logits."""

import keras
import numpy as np
from keras import layers, ops

from kgenre.archs import ARCHS
from kgenre.augment import built, random_layers, zoom  # noqa: F401  registered by import, for load_model
from kgenre.config import Config
from kgenre.errors import KgenreError
from kgenre.features import FEATURES, chroma, cqt, logmel, logstft, mfcc  # noqa: F401  registered by import, for load_model


@keras.saving.register_keras_serializable(package="kgenre")
class SpectrogramImage(layers.Layer):
    """Turns a spectrogram into a picture: frequency down, time across, [low, high] as [0, 1].

    Args:
        low, high: float, values that become 0 and 1.
        height, width: int or None, size to resize to (bilinear); None keeps the spectrogram's.
        channels: int, equal channels to repeat the picture in.
        frame_scaling: bool, scale each time frame to [0, 1] by itself (R1; it erases the level contour).

    Input shape: (batch, frames, bins), float32.
    Output shape: (batch, height or bins, width or frames, channels), float32.
    """

    def __init__(self, low=-80.0, high=0.0, height=None, width=None, channels=1, frame_scaling=False, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.low, self.high, self.height, self.width = low, high, height, width
        self.channels, self.frame_scaling = channels, frame_scaling

    def call(self, spectrogram):
        x = (spectrogram - self.low) / (self.high - self.low)
        if self.frame_scaling:
            low, high = ops.min(x, axis=2, keepdims=True), ops.max(x, axis=2, keepdims=True)
            x = (x - low) / ops.maximum(high - low, 1e-6)
        x = ops.transpose(x, (0, 2, 1))[..., None]  # (batch, bins, frames, 1)
        size = (self.height or x.shape[1], self.width or x.shape[2])
        if size != x.shape[1:3]:
            x = ops.image.resize(x, size, data_format="channels_last")
        return ops.repeat(x, self.channels, axis=3) if self.channels > 1 else x

    def compute_output_shape(self, input_shape):
        batch, frames, bins = input_shape
        return (batch, self.height or bins, self.width or frames, self.channels)

    def get_config(self):
        names = ("low", "high", "height", "width", "channels", "frame_scaling")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def check_backend() -> None:
    """Raises KgenreError where Keras's backend is not TensorFlow, whose graphs are trained and exported."""
    backend = keras.backend.backend()
    if backend != "tensorflow":
        raise KgenreError(
            f"Training and export need Keras's TensorFlow backend. Received: {backend}. "
            "Set KERAS_BACKEND=tensorflow for this command; the model.keras that it leaves loads under any backend."
        )


def build_model(config: Config, n_classes: int) -> keras.Model:
    """The model that is trained: waveform (batch, clip_samples) -> logits (batch, n_classes), float32.

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
        waveform = keras.Input((config.clip_samples,), name="waveform", dtype="float32")
        x = waveform
        for layer in built(config, "waveform").values():
            x = layer(x)
        picture = front_end(config)(x)
        for layer in built(config, "picture").values():
            picture = layer(picture)
        values = {name: getattr(config, name) for name in arch.takes}
        try:
            embedding = arch.build(picture, **values)
        except ValueError as error:  # Keras's word for a map that has shrunk to nothing
            cause = str(error).splitlines()[0]
            raise KgenreError(
                f"`{config.arch}` cannot take a picture of {'x'.join(map(str, picture.shape[1:]))} ({cause}) "
                "Set a larger --image-height, --image-width or --clip-seconds."
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
        *FEATURES[config.feature].shades(config),
        config.image_height,
        config.image_width,
        config.image_channels,
        config.frame_scaling,
        name="spectrogram_image",
    )
    return lambda waveform: image(feature(waveform))


def slice_model(model: keras.Model) -> keras.Model:
    """The model that answers: waveform (batch, clip_samples) -> probabilities and embedding, float32."""
    probabilities = layers.Softmax(dtype="float32", name="probabilities")(model.output)
    embedding = layers.Identity(dtype="float32", name="embedding_float32")(model.get_layer("embedding").output)
    return keras.Model(model.input, [probabilities, embedding])


def reseed(model: keras.Model, seed: int, epoch: int) -> None:
    """Sets the state of every random layer from seed and epoch, so that a resumed run draws as an unbroken one."""
    states = [variable for variable in model.variables if "seed_generator_state" in variable.path]
    for variable, state in zip(states, np.random.default_rng([seed, epoch]).integers(0, 2**31, (len(states), 2))):
        variable.assign(state.astype(variable.dtype))
