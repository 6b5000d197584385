"""From a SavedModel and files to genres: what predict, evaluate and training's validation share."""

import functools
import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kgenre.errors import KgenreError
from kgenre.pipeline import TrackReader, sliding_batches

log = logging.getLogger(__name__)

# (slices, clip) -> probabilities (slices, classes), embeddings (slices, d)
SlicePredictor = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class TrackResult:
    """What the model says of one track."""

    path: str
    seconds: float
    slice_probabilities: np.ndarray  # (slices, classes)
    slice_embeddings: np.ndarray  # (slices, d)

    @property
    def probabilities(self) -> np.ndarray:
        """Mean over slices, (classes,)."""
        return self.slice_probabilities.mean(axis=0)

    @property
    def embedding(self) -> np.ndarray:
        """Mean over slices, (d,)."""
        return self.slice_embeddings.mean(axis=0)


class Predictor:
    """An exported SavedModel with what it says of itself.

    Attributes: labels, sample_rate, clip_samples, hop_samples, name, identity.

    Raises:
        KgenreError: no SavedModel of kgenre's at the path.
    """

    def __init__(self, path, name: str | None = None):
        import tensorflow as tf

        self.path, self.name = find_saved_model(path), name or str(path)
        try:
            self.module = tf.saved_model.load(str(self.path))
        except (OSError, ValueError) as error:
            raise KgenreError(f"{self.path}: not a readable SavedModel ({str(error).splitlines()[0]}).") from error
        if not {"about", "serving_default"} <= set(self.module.signatures):
            raise KgenreError(f"{self.path}: a SavedModel, but not one that kgenre exported.")
        about = {name: value.numpy() for name, value in self.module.signatures["about"]().items()}
        self.labels = [label.decode() for label in about["labels"]]
        self.sample_rate, self.clip_samples = int(about["sample_rate"]), int(about["clip_samples"])
        self.hop_samples = int(about["hop_samples"])

    def __call__(self, windows) -> tuple[np.ndarray, np.ndarray]:
        """Windows (n, clip_samples) -> probabilities (n, classes), embeddings (n, d)."""
        answer = self.module.signatures["serving_default"](waveform=windows)
        return answer["probabilities"].numpy(), answer["embedding"].numpy()

    @functools.cached_property
    def identity(self) -> str:
        """Hash of weights, labels and sizes; not of the files, which differ from one export to the next."""
        import tensorflow as tf

        weights = tf.train.load_checkpoint(str(self.path / "variables" / "variables"))
        names = [name for name in weights.get_variable_to_shape_map() if name.endswith("/VARIABLE_VALUE")]
        values = sorted(np.asarray(weights.get_tensor(name)).tobytes() for name in names)
        about = (self.labels, self.sample_rate, self.clip_samples, self.hop_samples)
        digest = hashlib.sha256(repr(about).encode())
        for value in values:
            digest.update(hashlib.sha256(value).digest())
        return digest.hexdigest()[:16]

    def reader(self, cache_bytes: int = 0) -> TrackReader:
        return TrackReader(self.sample_rate, self.clip_samples, self.hop_samples, cache_bytes)


def open_model(name=None):
    """The model of a name: the default model if none, a row of PRETRAINED, a run folder or a SavedModel folder.

    Returns:
        Predictor, or what has its attributes, `reader` and call.
    """
    from kgenre.config import check_known
    from kgenre.pretrained import DEFAULT, PRETRAINED

    name = DEFAULT if name is None else str(name)
    if not Path(name).exists():
        if name in PRETRAINED:
            return PRETRAINED[name]()
        if len(Path(name).parts) == 1:
            check_known("model", name, PRETRAINED, where="a model is a run folder, a SavedModel folder or a name: ")
    return Predictor(name)


def find_saved_model(path) -> Path:
    """The SavedModel in a run folder, a serving folder (its highest version), or the folder itself."""
    from kgenre.run import Run

    path = Path(path)
    for folder in (path, path / "saved_model"):
        if (folder / "saved_model.pb").is_file():
            return folder
        versions = [
            child for child in folder.glob("*") if child.name.isdigit() and (child / "saved_model.pb").is_file()
        ]
        if versions:
            return max(versions, key=lambda child: int(child.name))
    if not path.exists():
        raise KgenreError(f"{path}: no such model. `model` is a run folder or a SavedModel folder.")
    unfinished = Run(path).begun
    step = (
        f"Finish the run with `kgenre train --resume --out {path}`" if unfinished else "Name a run or SavedModel folder"
    )
    raise KgenreError(f"{path}: holds no SavedModel. {step}.")


def classify(
    predict: SlicePredictor,
    reader: TrackReader,
    paths: Sequence[str],
    batch_size: int = 32,
    workers: int = 2,
    advance: Callable[[], None] = lambda: None,
) -> Iterator[TrackResult]:
    """Classifies tracks, each as soon as its last slice is known; `reader.failures` has the others."""
    parts: dict[int, list] = {}
    for numbers, lasts, windows in sliding_batches(reader, paths, batch_size, workers):
        for number, last, *answer in zip(numbers.numpy(), lasts.numpy(), *predict(windows)):
            parts.setdefault(number, []).append(answer)
            if last:
                answers = parts.pop(number)
                advance()
                if paths[number] not in reader.failures:
                    yield _track_result(paths[number], reader, answers)


def _track_result(path: str, reader: TrackReader, answers: list) -> TrackResult:
    probabilities, embeddings = (np.stack(column) for column in zip(*answers))
    return TrackResult(path, reader.seconds[path], probabilities, embeddings)
