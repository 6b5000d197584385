"""An exported SavedModel as a serving.Model."""

import functools
from pathlib import Path

import numpy as np

from kgenre.core.errors import KgenreError
from kgenre.model.aggregate import SliceOutputs
from kgenre.model.unsure import rule_from
from kgenre.serving.metadata import FACTS, model_metadata, read_metadata, task_and_spec
from kgenre.serving.model import MODELS, Model, answer_in_parts


class SavedModel(Model):
    """An exported SavedModel with what it says of itself.

    Its attributes are those of serving.Model.

    Raises:
        KgenreError: no SavedModel of kgenre's at the path.
    """

    def __init__(self, path, name: str | None = None):
        self.path, self.name = find_saved_model(path), name or str(path)
        metadata = read_metadata(self.path) or self.metadata_of_graph()
        self.task, self.slice_spec = task_and_spec(metadata)
        self.identity, self.leaky = metadata["identity"], metadata.get("leaky", "")
        self.unsure = rule_from(metadata.get("unsure"))

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

    def __call__(self, slices: np.ndarray) -> SliceOutputs:
        return answer_in_parts(self._answer, slices, self.slice_spec)

    def _answer(self, slices: np.ndarray) -> SliceOutputs:
        answer = self.module.signatures["serving_default"](**{self.slice_spec.input: slices})
        return SliceOutputs(answer["probabilities"].numpy(), answer["embedding"].numpy())

    def metadata_of_graph(self) -> dict:
        """What `read_metadata` gives, of the graph itself: for exports that lack the file."""
        about = self.module.signatures["about"]()
        values = {name: _plain(value) for name, value in about.items()}
        facts = {name: values[name] for name in FACTS if values.get(name)}
        return {**model_metadata(self.path, *task_and_spec(values)), **facts}


def _plain(tensor):
    """A number, a text, or a list of these."""
    value = tensor.numpy()
    if tensor.dtype.name == "string":
        value = np.char.decode(np.asarray(value, "S"), "utf-8")
    return value.tolist()


def check_folder(path: Path) -> None:
    """Raises KgenreError where a path is none of a folder."""
    if not path.is_dir():
        raise KgenreError(f"{path}: {'not a' if path.exists() else 'no such'} model. {MODELS}.")


def no_genres(folder) -> str:
    """What to tell of a run that was pre-trained, where a model is asked for."""
    return (
        f"{folder}: was pre-trained without labels, and names no genres. Train it with `kgenre train --init {folder} "
        "--data LABELLED`."
    )


def find_saved_model(path) -> Path:
    """The SavedModel in a run folder, a serving folder (its highest version), or the folder itself."""
    path = Path(path)
    check_folder(path)
    for folder in (path, path / "saved_model"):
        if (folder / "saved_model.pb").is_file():
            return folder
        versions = [
            child for child in folder.glob("*") if child.name.isdigit() and (child / "saved_model.pb").is_file()
        ]
        if versions:
            return max(versions, key=lambda child: int(child.name))
    if (path / "labels.txt").is_file() and not (path / "labels.txt").read_text(encoding="utf-8").strip():
        raise KgenreError(no_genres(path))
    unfinished = (path / "run.json").is_file()
    step = f"Finish the run with `kgenre train --resume --out {path}`" if unfinished else MODELS
    if (path / "fold-1").is_dir():  # of a cross-validation
        step = f"Name one of its folds, {path / 'fold-1'}"
    raise KgenreError(f"{path}: holds no SavedModel. {step}.")
