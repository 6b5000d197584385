"""What an export says of itself: labels, task, slices, and an identity; readable without TensorFlow."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from kgenre.audio.slicing import SliceSpec
from kgenre.model.tasks import Task, task_from, task_values

# What may be told of a model beside what `metadata_values` gives: why its metrics are too high, when it is unsure, and
# by what its logits have been divided.
FACTS = ("leaky", "unsure", "temperature")
# What an identity is of beside the weights. One more name here, and every stored vector is of another model.
IDENTIFYING = ("task", "labels", "thresholds", "parents", "sample_rate", "slice_samples", "hop_samples", "bins")
ABOUT = Path("assets.extra") / "about.json"  # in a SavedModel; TF Serving leaves that folder to us


def metadata_values(task: Task, spec: SliceSpec) -> dict:
    """What the endpoint `about` gives. `bins` is of spectrograms."""
    return {
        **task_values(task),
        "sample_rate": spec.sample_rate,
        "slice_samples": spec.slice_samples,
        "hop_samples": spec.hop_samples,
        "input": spec.input,
        **({"bins": spec.bins} if spec.bins else {}),
    }


def task_and_spec(metadata: dict) -> tuple[Task, SliceSpec]:
    """The other way round."""
    sizes = (metadata[name] for name in ("sample_rate", "slice_samples", "hop_samples"))
    return task_from(metadata), SliceSpec(*sizes, metadata.get("bins", 0))


def model_metadata(folder: Path, task: Task, spec: SliceSpec) -> dict:
    """`metadata_values` of a SavedModel, and

    identity: hash of weights, labels and sizes; not of the files, which differ from one export to the next.
    files: hash of the files' sizes and of the weights' checksums, to tell whether this still holds.
    """
    import tensorflow as tf

    weights = tf.train.load_checkpoint(str(folder / "variables" / "variables"))
    names = [name for name in weights.get_variable_to_shape_map() if name.endswith("/VARIABLE_VALUE")]
    values = metadata_values(task, spec)
    identity = model_identity(values, [weights.get_tensor(name) for name in names])
    return {**values, "identity": identity, "files": _files_hash(folder)}


def model_identity(values: dict, weights: Iterable[np.ndarray]) -> str:
    """Hash of `metadata_values` and of the weights: the same for every export of the same model.

    Weights count in any order and however often they are kept.

    Vectors of two formats may be mixed where this is equal, for they agree to 1e-4 (tests/test_litert.py).
    """
    told = {name: values[name] for name in IDENTIFYING if name in values}
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode())
    # What layers draw from, integers, is none of the answer.
    floats = (array for array in map(np.asarray, weights) if array.dtype.kind not in "iu")
    for array in sorted({array.tobytes() for array in floats}):
        digest.update(hashlib.sha256(array).digest())
    return digest.hexdigest()[:16]


def write_metadata(folder: Path, metadata: dict) -> None:
    """Keeps what `model_metadata` gives beside the graph, to be read without TensorFlow."""
    (folder / ABOUT).parent.mkdir(exist_ok=True)
    (folder / ABOUT).write_text(json.dumps(metadata, indent=1) + "\n", encoding="utf-8")


def add_facts(folder: Path, facts: dict) -> None:
    """Adds FACTS to what was kept beside the graph."""
    (folder / ABOUT).parent.mkdir(exist_ok=True)
    metadata = json.loads((folder / ABOUT).read_text(encoding="utf-8")) if (folder / ABOUT).is_file() else {}
    write_metadata(folder, {**metadata, **facts})


def read_metadata(folder: Path) -> dict | None:
    """What `write_metadata` kept; None where there is no such file, or one of other files."""
    try:
        metadata = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        return metadata if metadata["files"] == _files_hash(folder) else None
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _files_hash(folder: Path) -> str:
    variables = folder / "variables"
    sizes = sorted((path.name, path.stat().st_size) for path in (folder / "saved_model.pb", *variables.iterdir()))
    checksums = (variables / "variables.index").read_bytes()  # of every weight
    return hashlib.sha256(repr(sizes).encode() + checksums).hexdigest()
