"""The models of the package: networks that others trained with genre heads of our own, ready after set-up.

Each has a folder in models/ beside this file, with its model card: its head, its layer of tags, and a .tflite file
that answers through LiteRT, unless that is too large for the package. For TensorFlow it is put together from the head
and the network's weights, which are in the package or fetched once (kgenre.weights), and exported once to the user's
cache, so that it is a SavedModel like every other: `predict`, `embed`, `evaluate` and TF Serving know no difference.
"""

import dataclasses
import functools
import hashlib
import importlib.resources
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kgenre.core.errors import KgenreError
from kgenre.core.files import write_beside
from kgenre.core.packages import check_installed
from kgenre.core.progress import SILENT, Progress
from kgenre.core.published import cache_dir
from kgenre.core.settings import read_settings_file
from kgenre.model.settings import ModelSettings
from kgenre.model.tasks import DEFAULT_TASK, make_task
from kgenre.model.unsure import UnsureRule, rule_from
from kgenre.serving import packaged_networks
from kgenre.serving.tags import TagLayer
from kgenre.weights import WEIGHTS, load, taggers

log = logging.getLogger(__name__)

LITERT_FILE, TAGS_FILE, UNSURE_FILE = "model.tflite", "tags.npz", "unsure.json"
HEAD_FILES = ("config.json", "labels.txt", "head.npz")
# Of the graphs that `build` and the export make. Raise it when the same head, settings and weights would give another
# graph: other layers, features or slicing, or other inputs and outputs of the SavedModel.
GRAPH_VERSION = 3


@dataclass(frozen=True)
class PackagedModel:
    """One row of PACKAGED.

    name: of the model, and of its folder.
    weights: the rows of WEIGHTS that the network is made of.
    network: (ModelSettings, number of genres) -> keras.Model, with layers "embedding", "features" and "logits".
    read_tags: gives its layer of tags, of weights that may be fetched.
    litert: whether its .tflite file is in the package; else it answers through TensorFlow only.
    folder: of its files; that in the package if not given.
    """

    name: str
    weights: tuple[str, ...]
    network: Callable
    read_tags: Callable[[], TagLayer]
    litert: bool = True
    folder: Path | None = None

    def at(self, folder: Path) -> "PackagedModel":
        """The same model, with the files of another folder."""
        return dataclasses.replace(self, folder=folder)

    @property
    def directory(self):
        """The folder with its files: a Path or an importlib.resources Traversable."""
        return self.folder or importlib.resources.files("kgenre.serving") / "models" / self.name

    @property
    def litert_file(self) -> Path:
        return Path(str(self.directory / LITERT_FILE))

    @property
    def default_settings(self) -> ModelSettings:
        """The settings of its architecture, or of the first of several, which take the same slices."""
        row = WEIGHTS[self.weights[0]]
        return ModelSettings.compose({"arch": row.arch, "weights": row.value})

    def saved_model(self, progress: Progress = SILENT) -> Path:
        """The folder of its SavedModel; exported on the first call, which may fetch weights.

        Raises:
            KgenreError: the weights are unavailable, with what to type.
        """
        from kgenre.serving.exporters import export_model

        folder = cache_dir() / f"{self.name}-{self.identity}" / "1"
        if not folder.is_dir():
            check_installed("tensorflow")  # before the weights are fetched
            for name in self.weights:  # first, for the case that they cannot be fetched
                load(WEIGHTS[name], progress)
            log.info("preparing the model %s, once (half a minute)", self.name)
            model, labels = self.settings()
            task = make_task(DEFAULT_TASK, labels)
            try:
                export_model(self.build(), task, model.slice_spec, folder, unsure=self.unsure_rule())
            except (KgenreError, OSError):
                if not folder.is_dir():  # else another process was faster
                    raise
        return folder

    def write_litert_files(self) -> None:
        """Writes the layer of tags, and the .tflite file of a row that has one, into a folder that has a head.

        It may fetch weights. An existing .tflite file is replaced only when the new one has been checked.
        """
        from kgenre.serving.exporters import export_model
        from kgenre.serving.litert_file import read_metadata, write_metadata

        self.read_tags().write(self.directory / TAGS_FILE)
        if not self.litert:
            return
        model, labels = self.settings()
        task, rule = make_task(DEFAULT_TASK, labels), self.unsure_rule()

        def write(part: Path) -> None:
            export_model(self.build(), task, model.slice_spec, part, "litert", unsure=rule)
            write_metadata(part, {**read_metadata(part), "made_of": self.made_of})

        write_beside(self.litert_file, write)

    @property
    def identity(self) -> str:
        """Hash of what the export is made of: GRAPH_VERSION, the network's weights, the head and its settings."""
        return hashlib.sha256(f"{GRAPH_VERSION} {self.made_of}".encode()).hexdigest()[:12]

    @property
    def made_of(self) -> str:
        """Hash of the network's weights and the head: what the .tflite file must have been made of."""
        digest = hashlib.sha256("".join(WEIGHTS[name].sha256 for name in self.weights).encode())
        for path in (self.directory / name for name in (*HEAD_FILES, UNSURE_FILE)):
            if path.is_file():  # without a rule there is none
                digest.update(hashlib.sha256(path.read_bytes()).digest())
        return digest.hexdigest()

    def unsure_rule(self) -> UnsureRule | None:
        """By which rule it is unsure; None without one."""
        path = self.directory / UNSURE_FILE
        return rule_from(path.read_text(encoding="utf-8")) if path.is_file() else None

    def settings(self) -> tuple[ModelSettings, list[str]]:
        """Its settings and labels."""
        labels = (self.directory / "labels.txt").read_text(encoding="utf-8").split("\n")[:-1]
        with importlib.resources.as_file(self.directory / "config.json") as path:
            return ModelSettings.compose(read_settings_file(path)), labels

    def build(self):
        """It as a keras.Model: waveform (batch, slice_samples) -> logits (batch, classes)."""
        settings, labels = self.settings()
        model = self.network(settings, len(labels))
        with (self.directory / "head.npz").open("rb") as file, np.load(file) as head:
            model.get_layer("logits").set_weights([head["kernel"].astype("float32"), head["bias"].astype("float32")])
        return model

    def tag_layer(self) -> TagLayer:
        """Its tags, as a function of the layer "embedding"."""
        return _read_tags(self.directory / TAGS_FILE)


@functools.cache
def _read_tags(path) -> TagLayer:
    return TagLayer.read(path)


def musicnn_tags() -> TagLayer:
    """musicnn's last layer."""
    arrays = load(WEIGHTS["musicnn-msd"])
    return TagLayer(tuple(taggers.TAGS["msd"]), arrays["dense_1/kernel"], arrays["dense_1/bias"])


def tagger_tags(*names: str) -> TagLayer:
    """The last layers of taggers, rows of WEIGHTS, each on its own part of their concatenated embeddings.

    A tag that several have gets the mean of their logits.
    """
    members = [(taggers.TAGS[WEIGHTS[name].value], load(WEIGHTS[name])) for name in names]
    ends = np.cumsum([len(arrays["dense/kernel"]) for _, arrays in members])
    named: dict[str, list] = {}
    for end, (tags, arrays) in zip(ends, members):
        values = arrays["dense/kernel"]
        kernel = np.pad(values, ((end - len(values), ends[-1] - end), (0, 0)))  # 0 for the values of the others
        for tag, column, bias in zip(tags, kernel.T, arrays["dense/bias"], strict=True):
            named.setdefault(taggers.SPELT.get(tag, tag), []).append((column, bias))
    kernels = np.stack([np.mean([kernel for kernel, _ in found], axis=0) for found in named.values()], axis=1)
    return TagLayer(tuple(named), kernels, np.array([np.mean([bias for _, bias in found]) for found in named.values()]))


COMPACT_TAGGERS = ("fcn-msd", "fcn-jamendo")  # in the order of the branches


def compact_tags() -> TagLayer:
    """Those of the two taggers, shifted so that each tag's mean probability by the short network is theirs."""
    from kgenre.archs.short_fcn import TAG_SHIFT

    layer = tagger_tags(*COMPACT_TAGGERS)
    return dataclasses.replace(layer, bias=layer.bias + load(WEIGHTS["short_fcn-taggers"])[TAG_SHIFT])


PACKAGED = {
    row.name: row
    for row in (
        PackagedModel("compact", ("short_fcn-taggers",), packaged_networks.compact, compact_tags),
        PackagedModel(
            "best",
            packaged_networks.BEST,
            packaged_networks.best,
            functools.partial(tagger_tags, *packaged_networks.BEST),
            litert=False,  # 5 MB
        ),
        PackagedModel("musicnn", ("musicnn-msd",), packaged_networks.musicnn, musicnn_tags),
    )
}
