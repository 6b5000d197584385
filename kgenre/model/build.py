"""The one graph: waveform -> spectrogram -> image -> network -> logits; a spectrogram may be given instead."""

import functools
from collections.abc import Callable, Mapping

import keras
import numpy as np
from keras import layers

from kgenre.archs import ARCHS
from kgenre.archs.arch import FewFrames
from kgenre.archs.dropout import Dropout
from kgenre.archs.normalization import BatchNormalization  # noqa: F401  known to Keras, to load models
from kgenre.audio.inputs import SPECTROGRAM
from kgenre.audio.slicing import SliceSpec
from kgenre.augment import AUGMENTS, build_augmentations
from kgenre.core.errors import KgenreError
from kgenre.core.settings import Settings
from kgenre.features import FEATURES
from kgenre.model.image import IMAGE, SpectrogramImage
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
        images = augmented_images(settings, slices, augmentations or {}, seed)
        embedding = named_embedding(embed(settings, images), settings.network.embedding_size)
        x = Dropout(settings.network.dropout)(embedding)
        logits = layers.Dense(n_classes, dtype="float32", name="logits")(x)
    finally:
        keras.config.set_dtype_policy(before)
    return keras.Model(slices, logits, name=settings.arch)


def augmented_images(settings: ModelSettings, slices, augmentations: Mapping[str, Settings], seed: int) -> list:
    """Slices (batch, *slice_spec.shape) -> what the network sees in training: (batch, height, width, channels) each."""
    spec = settings.slice_spec
    for layer in build_augmentations(augmentations, "waveform", spec, seed).values():
        slices = layer(slices)
    images = []
    for name, image in zip(_branches(settings), (front_end(slices) for front_end in front_ends(settings))):
        # From the same seed for each feature: they draw the same, so that moments stay beside each other.
        for layer in build_augmentations(augmentations, "spectrogram", spec, seed).values():
            image = _named(layer, name)(image)
        images.append(image)
    return images


def _branches(settings: ModelSettings) -> list[str]:
    """What tells apart the layers of the features: their names, and nothing of one that is alone."""
    return [f"_{feature}" for feature in settings.features] if len(settings.features) > 1 else [""]


def _named(layer: keras.layers.Layer, name: str) -> keras.layers.Layer:
    """The same layer with `name` added to its own."""
    return type(layer).from_config({**layer.get_config(), "name": layer.name + name}) if name else layer


def named_embedding(x, size: int | None):
    """The layer "embedding" behind a network's output (batch, d): as it is, or a linear layer to `size` values."""
    return (layers.Dense(size, name="embedding") if size else layers.Identity(name="embedding"))(x)


def embed(settings: ModelSettings, images: list):
    """An image of each feature (batch, height, width, channels) -> the architecture's embedding (batch, d)."""
    arch = ARCHS[settings.arch]
    try:
        return arch.build(images, **dict(settings.network))
    except FewFrames as error:
        step = f"--slice-frames {error.frames} or more" if settings.input == SPECTROGRAM else "a larger --slice-seconds"
        raise KgenreError(f"{error} Set --image-width {error.frames}, or {step}.") from error
    except ValueError as error:  # Keras's word for a map that has shrunk to nothing
        cause, image = str(error).splitlines()[0], min(images, key=lambda one: one.shape[1])
        start = f"`{settings.arch}` cannot take an image of {'x'.join(map(str, image.shape[1:]))}"
        least = arch.min_size
        small = [flag for flag, n in zip(("--image-height", "--image-width"), image.shape[1:3]) if n < least]
        if small:
            flags = " and ".join(f"{flag} {least}" for flag in small)
            raise KgenreError(f"{start}: it needs {least} rows and columns. Set {flags} or more.") from error
        longer = "--slice-frames" if settings.input == SPECTROGRAM else "--slice-seconds"
        raise KgenreError(f"{start} ({cause}) Set a larger --image-height, --image-width or {longer}.") from error


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


def front_end(settings: ModelSettings) -> Callable:
    """That of a network that sees one feature, or spectrograms that are given, as `front_ends`."""
    [only] = front_ends(settings)
    return only


def front_ends(settings: ModelSettings) -> list[Callable]:
    """Of each feature: slices (batch, *slice_spec.shape) -> image (batch, height, width, channels) in [0, 1], float32.

    A column of one image is the same moment as that of another: images of several features have the width of the one
    with the most frames, where the settings give none.
    """
    image, spectrograms, width = settings.image, _spectrograms(settings), settings.image.image_width
    if width is None and len(spectrograms) > 1:
        width = max(_frames(settings, feature) for feature in settings.features)
    found = []
    for name, (spectrogram, value_range) in zip(_branches(settings), spectrograms):
        resize = SpectrogramImage(
            *value_range,
            image.image_height,
            width,
            image.image_channels,
            image.frame_scaling,
            name=f"{IMAGE}{name}",
        )
        found.append(lambda slices, spectrogram=spectrogram, resize=resize: resize(spectrogram(slices)))
    return found


def _spectrograms(settings: ModelSettings) -> list[tuple[Callable, tuple[float, float]]]:
    """What makes each spectrogram, of slices (batch, ...) -> (batch, frames, bins), and the values that are 0 and 1."""
    if settings.spectrogram:
        return [(lambda slices: slices, (settings.spectrogram.value_low, settings.spectrogram.value_high))]
    rate = settings.audio.sample_rate_hz
    rows = [(FEATURES[feature], own) for feature, own in settings.features.items()]
    return [(row.build(rate, own), row.value_range(own)) for row, own in rows]


def _frames(settings: ModelSettings, feature: str) -> int:
    """Frames that a feature makes of a slice."""
    layer = FEATURES[feature].build(settings.audio.sample_rate_hz, settings.features[feature])
    return layer(keras.Input(settings.slice_spec.shape)).shape[1]


def slice_model(model: keras.Model, task: Task) -> keras.Model:
    """The model that answers: slices (batch, ...) -> probabilities and embedding, float32."""
    probabilities = task.activation()(model.output)
    embedding = layers.Identity(dtype="float32", name="embedding_float32")(model.get_layer("embedding").output)
    return keras.Model(model.input, [probabilities, embedding])


def reseed(model: keras.Model, seed: int, epoch: int) -> None:
    """Sets the state of every random layer from seed and epoch, so that a resumed run draws as an unbroken one.

    Layers that were built from one seed, the same augmentation of several features, go on to draw the same.
    """
    states = [variable for variable in model.variables if "seed_generator_state" in variable.path]
    seeds = {id(state): layer.seed for layer in model.layers if hasattr(layer, "seed") for state in layer.variables}
    drawn, of_seed = np.random.default_rng([seed, epoch]).integers(0, 2**31, (len(states), 2)), {}
    for variable, state in zip(states, drawn):
        own = seeds.get(id(variable))
        state = state if own is None else of_seed.setdefault(own, state)
        variable.assign(state.astype(variable.dtype))
    if keras.backend.backend() == "torch":  # whose dropout draws from the process's own generator
        import torch

        torch.manual_seed(seed * 100_003 + epoch)
