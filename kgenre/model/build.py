"""The one graph: waveform -> spectrogram -> image -> network -> logits; a spectrogram may be given instead."""

import functools
import inspect
from collections.abc import Mapping

import keras
import numpy as np
from keras import layers

from kgenre.archs import ARCHS, Arch, NetworkSettings
from kgenre.archs.arch import FewFrames
from kgenre.archs.dropout import Dropout
from kgenre.archs.normalization import BatchNormalization  # noqa: F401  known to Keras, to load models
from kgenre.audio.inputs import SPECTROGRAM
from kgenre.audio.slicing import SliceSpec
from kgenre.augment import AUGMENTS, build_augmentations
from kgenre.core.errors import KgenreError
from kgenre.core.settings import Settings
from kgenre.features import FEATURES
from kgenre.model.image import SpectrogramImage
from kgenre.model.settings import ModelSettings
from kgenre.model.tasks import TASKS, Task


def check_backend() -> None:
    """Raises KgenreError where Keras's backend is not TensorFlow, whose graphs are exported."""
    backend = keras.backend.backend()
    if backend != "tensorflow":
        raise KgenreError(
            f"Export and distillation need Keras's TensorFlow backend. Received: {backend}. "
            "Set KERAS_BACKEND=tensorflow for this command."
        )


def build_model(
    settings: ModelSettings,
    n_classes: int,
    augmentations: Mapping[str, Settings] | None = None,
    seed: int = 0,
    precision: str = "float32",
) -> keras.Model:
    """The model that is trained: slices (batch, *slice_spec.shape) -> logits (batch, n_classes), float32.

    The layer "embedding" gives the vector before the classifier.

    Args:
        settings: ModelSettings.
        n_classes: int, genres.
        augmentations: {name: settings} of those that act in training; the model's layers are those of waveforms and
            spectrograms.
        seed: int, of weights, dropout and augmentations.
        precision: Keras's dtype policy of the network; the spectrogram before it and the logits after it are float32.

    Raises:
        KgenreError: an image too small for the network, or values that a builder refuses.
    """
    keras.utils.set_random_seed(seed)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        slices = keras.Input(settings.slice_spec.shape, name=settings.input, dtype="float32")
        image = augmented_image(settings, slices, augmentations or {}, seed)
        embedding = named_embedding(embed(settings, image), settings.network.embedding_size)
        x = Dropout(settings.network.dropout)(embedding)
        logits = layers.Dense(n_classes, dtype="float32", name="logits")(x)
    finally:
        keras.config.set_dtype_policy(before)
    return keras.Model(slices, logits, name=settings.arch)


def augmented_image(settings: ModelSettings, slices, augmentations: Mapping[str, Settings], seed: int):
    """Slices (batch, *slice_spec.shape) -> what the network sees in training (batch, height, width, channels)."""
    spec = settings.slice_spec
    for layer in build_augmentations(augmentations, "waveform", spec, seed).values():
        slices = layer(slices)
    image = front_end(settings)(slices)
    for layer in build_augmentations(augmentations, "spectrogram", spec, seed).values():
        image = layer(image)
    return image


def named_embedding(x, size: int | None):
    """The layer "embedding" behind a network's output (batch, d): as it is, or a linear layer to `size` values."""
    return (layers.Dense(size, name="embedding") if size else layers.Identity(name="embedding"))(x)


def embed(settings: ModelSettings, image):
    """Image (batch, height, width, channels) -> the architecture's embedding (batch, d)."""
    arch = ARCHS[settings.arch]
    try:
        return arch.build(image, **builder_values(arch, settings.network))
    except FewFrames as error:
        step = f"--slice-frames {error.frames} or more" if settings.input == SPECTROGRAM else "a larger --slice-seconds"
        raise KgenreError(f"{error} Set --image-width {error.frames}, or {step}.") from error
    except ValueError as error:  # Keras's word for a map that has shrunk to nothing
        cause = str(error).splitlines()[0]
        start = f"`{settings.arch}` cannot take an image of {'x'.join(map(str, image.shape[1:]))}"
        least = arch.min_size
        small = [flag for flag, n in zip(("--image-height", "--image-width"), image.shape[1:3]) if n < least]
        if small:
            flags = " and ".join(f"{flag} {least}" for flag in small)
            raise KgenreError(f"{start}: it needs {least} rows and columns. Set {flags} or more.") from error
        longer = "--slice-frames" if settings.input == SPECTROGRAM else "--slice-seconds"
        raise KgenreError(f"{start} ({cause}) Set a larger --image-height, --image-width or {longer}.") from error


def builder_values(arch: Arch, network: NetworkSettings) -> dict:
    """The settings that an architecture's builder names; the others act around it."""
    named = inspect.signature(arch.build).parameters
    return {name: value for name, value in network if name in named}


def load_model(path, compile: bool = False) -> keras.Model:
    """Loads a .keras file of this package.

    Args:
        compile: bool, bring back optimizer and loss too, to train on.

    Raises:
        KgenreError: missing, unreadable, or not a model.
    """
    register_layers()
    try:
        return keras.saving.load_model(path, compile=compile)
    except (OSError, ValueError, TypeError) as error:
        raise KgenreError(f"{path}: not a readable model ({str(error).splitlines()[0]}).") from error


@functools.cache
def register_layers() -> None:
    """Makes the layers of every feature and augmentation, and the losses of every task, known to Keras.

    A fresh process must do so to load them.

    A row's layers are registered when they are built, wherever they are defined.
    """
    spec = SliceSpec(16000, 16000, 16000)
    for task in TASKS.values():
        task(("a",)).loss(False, np.ones(1))
    for feature in FEATURES.values():
        feature.build(spec.sample_rate, feature.settings())
    for augmentation in AUGMENTS.values():
        augmentation.build(augmentation.settings(), spec, 0)


def front_end(settings: ModelSettings):
    """Slices (batch, *slice_spec.shape) -> image (batch, height, width, channels) in [0, 1], float32."""
    feature, value_range = _feature(settings)
    image = settings.image
    resize = SpectrogramImage(
        *value_range,
        image.image_height,
        image.image_width,
        image.image_channels,
        image.frame_scaling,
        name="spectrogram_image",
    )
    return lambda slices: resize(feature(slices))


def _feature(settings: ModelSettings):
    """What makes the spectrogram, of slices (batch, ...) -> (batch, frames, bins), and the values that are 0 and 1."""
    own = settings.spectrogram
    if settings.input == SPECTROGRAM:
        return lambda slices: slices, (own.value_low, own.value_high)
    row = FEATURES[settings.feature]
    return row.build(settings.audio.sample_rate_hz, own), row.value_range(own)


def slice_model(model: keras.Model, task: Task) -> keras.Model:
    """The model that answers: slices (batch, ...) -> probabilities and embedding, float32."""
    probabilities = task.activation()(model.output)
    embedding = layers.Identity(dtype="float32", name="embedding_float32")(model.get_layer("embedding").output)
    return keras.Model(model.input, [probabilities, embedding])


def reseed(model: keras.Model, seed: int, epoch: int) -> None:
    """Sets the state of every random layer from seed and epoch, so that a resumed run draws as an unbroken one."""
    states = [variable for variable in model.variables if "seed_generator_state" in variable.path]
    for variable, state in zip(states, np.random.default_rng([seed, epoch]).integers(0, 2**31, (len(states), 2))):
        variable.assign(state.astype(variable.dtype))
    if keras.backend.backend() == "torch":  # whose dropout draws from the process's own generator
        import torch

        torch.manual_seed(seed * 100_003 + epoch)
