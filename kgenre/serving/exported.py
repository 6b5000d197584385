"""An exported model by its path: which file of it answers, for the runtime that was asked for."""

import logging
from pathlib import Path

from kgenre.core import packages
from kgenre.core.errors import KgenreError
from kgenre.serving import litert_model, metadata
from kgenre.serving.litert_file import read_metadata
from kgenre.serving.litert_model import SUFFIX, LitertModel
from kgenre.serving.model import Model
from kgenre.serving.runtimes import AUTO, LITERT, TENSORFLOW
from kgenre.serving.saved_model import SavedModel, check_folder, find_saved_model

log = logging.getLogger(__name__)

FILE = f"model{SUFFIX}"  # of a run, in its folder


def open_exported(path, runtime: str = AUTO) -> Model:
    """The model of a run folder, a SavedModel folder or a .tflite file.

    Raises:
        KgenreError: none is there, none for the runtime, or only one that needs TensorFlow, which is not installed.
    """
    path = Path(path)
    file = path if path.suffix == SUFFIX and path.is_file() else path / FILE
    if file == path and runtime == TENSORFLOW:
        raise KgenreError(f"{path}: answers through LiteRT. Received: --runtime {runtime}. Leave out one of the two.")
    if file != path:
        check_folder(path)
    if runtime == LITERT and not file.is_file():
        raise KgenreError(
            f"{path}: has no {FILE}. Write it with `kgenre export --format litert --model {path} --out {file}`."
        )
    if file == path or runtime == LITERT:
        litert_model.check_installed()
        return LitertModel(file, str(path))
    tensorflow = packages.installed("tensorflow")
    if runtime == AUTO and file.is_file() and litert_model.installed() and _answers(file, path, tensorflow):
        return LitertModel(file, str(path))
    folder = find_saved_model(path)
    if not tensorflow:
        raise KgenreError(
            f"{folder}: TensorFlow is not installed, which a SavedModel needs. Either write a .tflite file with "
            "`kgenre export --format litert` where it is, or install it: `pip install 'kgenre[train]'`."
        )
    return SavedModel(path)


def _answers(file: Path, folder: Path, tensorflow: bool) -> bool:
    """Whether the file answers for its folder: it has the weights of the SavedModel there, unquantized; or none is
    there; or nothing else can, with a warning."""
    try:
        found = SavedModel(folder).identity if tensorflow else _kept_identity(folder)
    except KgenreError:
        return True
    if read_metadata(file)["identity"] == found:
        return True
    if tensorflow:
        log.warning("%s is of other weights than the SavedModel beside it, or quantized, and is not used.", file)
    else:
        log.warning(
            "%s answers, for TensorFlow is not installed; it is quantized, or of other weights than the SavedModel "
            "beside it, or that does not tell.", file,
        )  # fmt: skip
    return not tensorflow


def _kept_identity(folder: Path) -> str | None:
    """Of a SavedModel, without TensorFlow; None where it is not kept beside the graph. Raises as find_saved_model."""
    kept = metadata.read_metadata(find_saved_model(folder))
    return kept["identity"] if kept else None
