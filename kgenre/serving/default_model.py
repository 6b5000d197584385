"""The default model: musicnn's network with a genre head of our own, ready after set-up.

It ships with the package, in default/ beside this file, with its model card: as a .tflite file that answers through
LiteRT, its head and musicnn's layer of tags. For TensorFlow it is put together from the head and musicnn's weights,
which are fetched once (kgenre.weights), and exported once to the user's cache, so that it is a SavedModel like every
other: `predict`, `embed`, `evaluate` and TF Serving know no difference.
"""

import functools
import hashlib
import importlib.resources
import logging
from pathlib import Path

import numpy as np

from kgenre.core.errors import KgenreError
from kgenre.core.packages import check_installed
from kgenre.core.progress import SILENT, Progress
from kgenre.core.published import cache_dir
from kgenre.core.settings import read_settings_file
from kgenre.model.settings import ModelSettings
from kgenre.model.tasks import DEFAULT_TASK, make_task
from kgenre.model.unsure import UnsureRule, rule_from
from kgenre.serving.tags import TagLayer
from kgenre.weights import WEIGHTS, load
from kgenre.weights.musicnn import TAGS

log = logging.getLogger(__name__)

MUSICNN = "musicnn-msd"
LITERT_FILE, TAGS_FILE, UNSURE_FILE = "model.tflite", "tags.npz", "unsure.json"
# Of the graph that `build` and the export make. Raise it when the same head, settings and weights would give another
# graph: other layers, features or slicing, or other inputs and outputs of the SavedModel.
GRAPH_VERSION = 2


def saved_model(progress: Progress = SILENT) -> Path:
    """The exported default model's folder; made on the first call, which may fetch musicnn's weights.

    Raises:
        KgenreError: the weights are unavailable, with what to type.
    """
    from kgenre.serving.exporters import export_model

    folder = cache_dir() / f"default-{identity()}" / "1"
    if not folder.is_dir():
        check_installed("tensorflow")  # before the weights are fetched
        load(WEIGHTS[MUSICNN], progress)  # first, for the case that they cannot be fetched
        log.info("preparing the default model, once (half a minute)")
        model, labels = settings()
        try:
            task = make_task(DEFAULT_TASK, labels)
            export_model(build(model, labels), task, model.slice_spec, folder, unsure=unsure_rule())
        except (KgenreError, OSError):
            if not folder.is_dir():  # else another process was faster
                raise
    return folder


def litert_file() -> Path:
    """The .tflite file in the package."""
    return Path(str(head_directory() / LITERT_FILE))


def write_litert_files(directory: Path) -> None:
    """Writes the .tflite file and the layer of tags into a directory that has a head; may fetch musicnn's weights."""
    from kgenre.serving.exporters import export_model
    from kgenre.serving.litert_file import read_metadata, write_metadata

    arrays = load(WEIGHTS[MUSICNN])
    layer = TagLayer(tuple(TAGS["msd"]), arrays["dense_1/kernel"], arrays["dense_1/bias"])
    layer.write(directory / TAGS_FILE)
    model, labels = settings(directory)
    file, network = directory / LITERT_FILE, build(model, labels, directory)
    file.unlink(missing_ok=True)
    task, rule = make_task(DEFAULT_TASK, labels), unsure_rule(directory)
    export_model(network, task, model.slice_spec, file, "litert", unsure=rule)
    write_metadata(file, {**read_metadata(file), "made_of": made_of(directory)})


def identity() -> str:
    """Hash of what the export is made of: GRAPH_VERSION, musicnn's weights, the head and its settings."""
    return hashlib.sha256(f"{GRAPH_VERSION} {made_of(head_directory())}".encode()).hexdigest()[:12]


def made_of(directory) -> str:
    """Hash of musicnn's weights and the head in a directory: what the .tflite file must have been made of."""
    digest = hashlib.sha256(WEIGHTS[MUSICNN].sha256.encode())
    files = [directory / name for name in ("config.json", "labels.txt", "head.npz", UNSURE_FILE)]
    for path in files:
        if path.is_file():  # without a rule there is none
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def head_directory():
    """The directory of the head in the package: an importlib.resources Traversable."""
    return importlib.resources.files("kgenre.serving") / "default"


def unsure_rule(directory=None) -> UnsureRule | None:
    """By which rule the default model is unsure, or that of the head in another directory; None without one."""
    path = (directory or head_directory()) / UNSURE_FILE
    return rule_from(path.read_text(encoding="utf-8")) if path.is_file() else None


def settings(directory=None) -> tuple[ModelSettings, list[str]]:
    """The settings and labels of the default model, or of the head in another directory."""
    directory = directory or head_directory()
    labels = (directory / "labels.txt").read_text(encoding="utf-8").split("\n")[:-1]
    with importlib.resources.as_file(directory / "config.json") as path:
        return ModelSettings.compose(read_settings_file(path)), labels


def build(settings: ModelSettings, labels: list[str], directory=None):
    """The default model as a keras.Model, waveform (batch, slice_samples) -> logits (batch, classes).

    Args:
        directory: of the head; the package's if not given.
    """
    model = network(settings, len(labels))
    with ((directory or head_directory()) / "head.npz").open("rb") as file, np.load(file) as head:
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
    spectrogram = front_end(settings)(waveform)
    backbone = pretrained(spectrogram, settings.network.weights)
    pooled = backbone.get_layer("batch_normalization_9").output  # maximum and mean of each map, standardised
    taps = keras.Model(backbone.input, [backbone.output, pooled], name="musicnn")
    taps.trainable = False
    embedding, pooled = taps(mel_of(spectrogram))
    embedding = layers.Identity(name="embedding")(embedding)
    features = layers.Concatenate(name="features")([embedding, pooled])  # (batch, 1706)
    return keras.Model(waveform, layers.Dense(n_classes, name="logits")(features), name="default")


@functools.cache
def tag_layer() -> TagLayer:
    """musicnn's last layer: its tags, as a function of the layer "embedding"."""
    return TagLayer.read(head_directory() / TAGS_FILE)
