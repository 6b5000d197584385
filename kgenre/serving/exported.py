"""An exported model by its path: which file of it answers, for the runtime that was asked for."""

import logging
from pathlib import Path

from kgenre.core.errors import KgenreError
from kgenre.serving import litert_model
from kgenre.serving.litert_file import read_metadata
from kgenre.serving.litert_model import SUFFIX, LitertModel
from kgenre.serving.model import Model
from kgenre.serving.runtimes import AUTO, LITERT, TENSORFLOW
from kgenre.serving.saved_model import SavedModel

log = logging.getLogger(__name__)

FILE = f"model{SUFFIX}"  # of a run, in its folder


def open_exported(path, runtime: str = AUTO) -> Model:
    """The model of a run folder, a SavedModel folder or a .tflite file.

    Raises:
        KgenreError: none is there, or none for the runtime.
    """
    path = Path(path)
    file = path if path.suffix == SUFFIX and path.is_file() else path / FILE
    if file == path and runtime == TENSORFLOW:
        raise KgenreError(f"{path}: answers through LiteRT. Received: --runtime {runtime}. Leave out one of the two.")
    if runtime == LITERT and not file.is_file():
        raise KgenreError(
            f"{path}: has no {FILE}. Write it with `kgenre export --format litert --model {path} --out {file}`."
        )
    if file == path or runtime == LITERT:
        litert_model.check_installed()
        return LitertModel(file, str(path))
    if runtime == AUTO and file.is_file() and litert_model.installed() and _is_of(file, path):
        return LitertModel(file, str(path))
    return SavedModel(path)


def _is_of(file: Path, folder: Path) -> bool:
    """Whether the file has the weights of the SavedModel beside it, unquantized; or no SavedModel is there."""
    try:
        saved = SavedModel(folder)
    except KgenreError:
        return True
    same = read_metadata(file)["identity"] == saved.identity
    if not same:
        log.warning("%s is of other weights than the SavedModel beside it, or quantized, and is not used.", file)
    return same
