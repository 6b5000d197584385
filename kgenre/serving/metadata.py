"""From a SavedModel and files to genres: what predict, evaluate and training's validation share."""

import hashlib
import json
from pathlib import Path

import numpy as np

from kgenre.audio.slicing import SliceSpec

ABOUT = Path("assets.extra") / "about.json"  # in a SavedModel; TF Serving leaves that folder to us


def model_metadata(folder: Path, labels: list[str], spec: SliceSpec) -> dict:
    """What a SavedModel says of itself: labels, sizes, and

    identity: hash of weights, labels and sizes; not of the files, which differ from one export to the next.
    files: hash of the files' sizes and of the weights' checksums, to tell whether this still holds.
    """
    import tensorflow as tf

    weights = tf.train.load_checkpoint(str(folder / "variables" / "variables"))
    names = [name for name in weights.get_variable_to_shape_map() if name.endswith("/VARIABLE_VALUE")]
    values = sorted(np.asarray(weights.get_tensor(name)).tobytes() for name in names)
    digest = hashlib.sha256(repr((labels, spec.sample_rate, spec.slice_samples, spec.hop_samples)).encode())
    for value in values:
        digest.update(hashlib.sha256(value).digest())
    return {
        "labels": labels,
        "sample_rate": spec.sample_rate,
        "clip_samples": spec.slice_samples,
        "hop_samples": spec.hop_samples,
        "identity": digest.hexdigest()[:16],
        "files": _files_hash(folder),
    }


def spec_of(metadata: dict) -> SliceSpec:
    """The slice spec in a metadata dict; `clip_samples` is its wire name for slice_samples."""
    return SliceSpec(metadata["sample_rate"], metadata["clip_samples"], metadata["hop_samples"])


def write_metadata(folder: Path, about: dict) -> None:
    """Keeps what `model_metadata` gives beside the graph, to be read without TensorFlow."""
    (folder / ABOUT).parent.mkdir(exist_ok=True)
    (folder / ABOUT).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


def read_metadata(folder: Path) -> dict | None:
    """What `write_metadata` kept; None where there is no such file, or one of other files."""
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
