"""From a SavedModel and files to genres: what predict, evaluate and training's validation share."""

import functools
import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kgenre.errors import KgenreError
from kgenre.pipeline import TrackReader, sliding_batches

log = logging.getLogger(__name__)

ABOUT = Path("assets.extra") / "about.json"  # in a SavedModel; TF Serving leaves that folder to us

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
        self.path, self.name = find_saved_model(path), name or str(path)
        about = read_about(self.path) or self._ask()
        self.labels, self.sample_rate = about["labels"], about["sample_rate"]
        self.clip_samples, self.hop_samples = about["clip_samples"], about["hop_samples"]
        self.identity = about["identity"]

    @functools.cached_property
    def module(self):
        """The SavedModel; loaded when it is first asked for, as TensorFlow is, which takes ten seconds."""
        import tensorflow as tf

        try:
            module = tf.saved_model.load(str(self.path))
        except (OSError, ValueError, tf.errors.OpError) as error:
            raise KgenreError(f"{self.path}: not a readable SavedModel ({str(error).splitlines()[0]}).") from error
        if not {"about", "serving_default"} <= set(module.signatures):
            raise KgenreError(f"{self.path}: a SavedModel, but not one that kgenre exported.")
        return module

    def __call__(self, windows) -> tuple[np.ndarray, np.ndarray]:
        """Windows (n, clip_samples) -> probabilities (n, classes), embeddings (n, d)."""
        answer = self.module.signatures["serving_default"](waveform=windows)
        return answer["probabilities"].numpy(), answer["embedding"].numpy()

    def _ask(self) -> dict:
        """What `read_about` gives, of the graph itself: for exports that lack the file."""
        about = {name: value.numpy() for name, value in self.module.signatures["about"]().items()}
        labels = [label.decode() for label in about.pop("labels")]
        return described(self.path, labels, **{name: int(value) for name, value in about.items()})

    def reader(self, cache_bytes: int = 0) -> TrackReader:
        return TrackReader(self.sample_rate, self.clip_samples, self.hop_samples, cache_bytes)


def described(folder: Path, labels: list[str], sample_rate: int, clip_samples: int, hop_samples: int) -> dict:
    """What a SavedModel says of itself: labels, sizes, and

    identity: hash of weights, labels and sizes; not of the files, which differ from one export to the next.
    files: hash of the files' sizes and of the weights' checksums, to tell whether this still holds.
    """
    import tensorflow as tf

    weights = tf.train.load_checkpoint(str(folder / "variables" / "variables"))
    names = [name for name in weights.get_variable_to_shape_map() if name.endswith("/VARIABLE_VALUE")]
    values = sorted(np.asarray(weights.get_tensor(name)).tobytes() for name in names)
    digest = hashlib.sha256(repr((labels, sample_rate, clip_samples, hop_samples)).encode())
    for value in values:
        digest.update(hashlib.sha256(value).digest())
    return {
        "labels": labels,
        "sample_rate": sample_rate,
        "clip_samples": clip_samples,
        "hop_samples": hop_samples,
        "identity": digest.hexdigest()[:16],
        "files": _files_hash(folder),
    }


def write_about(folder: Path, about: dict) -> None:
    """Keeps what `described` gives beside the graph, to be read without TensorFlow."""
    (folder / ABOUT).parent.mkdir(exist_ok=True)
    (folder / ABOUT).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


def read_about(folder: Path) -> dict | None:
    """What `write_about` kept; None where there is no such file, or one of other files."""
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        return about if about["files"] == _files_hash(folder) else None
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _files_hash(folder: Path) -> str:
    variables = folder / "variables"
    sizes = sorted((path.name, path.stat().st_size) for path in (folder / "saved_model.pb", *variables.iterdir()))
    checksums = (variables / "variables.index").read_bytes()  # of every weight
    return hashlib.sha256(repr(sizes).encode() + checksums).hexdigest()


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
