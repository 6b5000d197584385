"""The default model: musicnn's network with a genre head of our own, ready after set-up.

The head is in models/default/ with its model card; musicnn's weights are fetched once (archs.musicnn_weights).
The two are put together and exported once to the user's cache, so that the default model is a SavedModel
like every other: `predict`, `embed`, `evaluate` and TF Serving know no difference.
"""

import functools
import hashlib
import logging
import sysconfig
from pathlib import Path

import numpy as np

import kgenre
from kgenre.core.errors import KgenreError
from kgenre.core.settings import read_settings_file
from kgenre.model.settings import ModelSettings
from kgenre.model.tasks import make_task
from kgenre.weights.musicnn import SHA256, TAGS, cache_folder, load

log = logging.getLogger(__name__)

FILES = ("config.json", "labels.txt", "head.npz")
# In a clone or an editable install, beside the package; in a wheel's, where its data files go.
PLACES = (
    Path(__file__).resolve().parent.parent / "models" / "default",
    *(
        Path(sysconfig.get_path("data", scheme)) / "share" / "kgenre" / "default"
        for scheme in (sysconfig.get_default_scheme(), sysconfig.get_preferred_scheme("user"))
    ),
)
# Code that the exported graph is made of: where it changes, the graph in the cache is old.
SOURCES = (
    "default.py",
    "export.py",
    "model.py",
    "slices.py",
    "archs/musicnn.py",
    "features/__init__.py",
    "features/logmel.py",
    "features/stft.py",
)


def saved_model() -> Path:
    """The exported default model's folder; made on the first call, which may fetch musicnn's weights.

    Raises:
        KgenreError: the weights cannot be had, with what to type.
    """
    from kgenre.serving.exporters import export_model

    folder = cache_folder() / f"default-{identity()}" / "1"
    if not folder.is_dir():
        load("msd")  # what cannot be fetched should say so first
        log.info("preparing the default model, once (half a minute)")
        model, labels = settings()
        try:
            export_model(build(model, labels), make_task("single_label", labels), model.audio.slice_spec, folder)
        except (KgenreError, OSError):
            if not folder.is_dir():  # else another process was faster
                raise
    return folder


def identity() -> str:
    """Hash of what the export is made from: head, weights and code."""
    digest = hashlib.sha256(f"{kgenre.__version__} {SHA256}".encode())
    package = Path(__file__).resolve().parent
    for path in (*(place() / name for name in FILES), *(package / name for name in SOURCES)):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def place() -> Path:
    """The folder of the head."""
    for folder in PLACES:
        if (folder / FILES[-1]).is_file():
            return folder
    raise KgenreError(f"{PLACES[0]}: the default model's head is missing. Install kgenre again, or name a --model.")


def settings() -> tuple[ModelSettings, list[str]]:
    """The default model's settings and labels."""
    labels = (place() / "labels.txt").read_text(encoding="utf-8").split("\n")[:-1]
    return ModelSettings.compose(read_settings_file(place() / "config.json")), labels


def build(settings: ModelSettings, labels: list[str]):
    """The default model as a keras.Model, waveform (batch, slice_samples) -> logits (batch, classes)."""
    with np.load(place() / "head.npz") as head:
        model = network(settings, len(labels))
        model.get_layer("logits").set_weights([head["kernel"].astype("float32"), head["bias"].astype("float32")])
    return model


def network(settings: ModelSettings, n_classes: int):
    """musicnn, and a linear layer on its 200-d embedding beside the mean over time of its 753 maps.

    The layer "embedding" gives the 200 values alone, of which musicnn's tags are a function.
    """
    import keras
    from keras import layers

    from kgenre.archs.musicnn import mel_of, pretrained
    from kgenre.model.build import front_end

    waveform = keras.Input((settings.audio.slice_samples,), name="waveform", dtype="float32")
    picture = front_end(settings)(waveform)
    backbone = pretrained(picture, settings.network.weights)
    pooled = backbone.get_layer("batch_normalization_9").output  # maximum and mean of each map, standardised
    taps = keras.Model(backbone.input, [backbone.output, pooled], name="musicnn")
    taps.trainable = False
    embedding, pooled = taps(mel_of(picture))
    embedding = layers.Identity(name="embedding")(embedding)
    features = layers.Concatenate(name="features")([embedding, pooled])  # (batch, 1706)
    return keras.Model(waveform, layers.Dense(n_classes, name="logits")(features), name="default")


def tags(slice_embeddings: np.ndarray) -> dict[str, float]:
    """musicnn's 50 tags, strongest first, mean over slices: embeddings (slices, 200) -> {tag: [0, 1]}."""
    strengths = tag_strengths(slice_embeddings)
    return dict(sorted(zip(TAGS["msd"], strengths.tolist()), key=lambda pair: -pair[1]))


def tag_strengths(slice_embeddings: np.ndarray) -> np.ndarray:
    """Strengths of TAGS["msd"], mean over slices: embeddings (slices, 200) -> (50,) in [0, 1]."""
    kernel, bias = tag_layer()
    return (1 / (1 + np.exp(-(slice_embeddings @ kernel + bias)))).mean(axis=0)


@functools.cache
def tag_layer() -> tuple[np.ndarray, np.ndarray]:
    """Kernel (200, 50) and bias (50,) of musicnn's last layer."""
    arrays = load("msd")
    return arrays["dense_1/kernel"], arrays["dense_1/bias"]
