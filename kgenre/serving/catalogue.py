"""The models that can be opened: by a name of the catalogue, or by the folder of a run or a SavedModel."""

import shutil
from pathlib import Path

from kgenre.audio.inputs import WAVEFORM
from kgenre.core.errors import KgenreError, check_known
from kgenre.serving.model import Model
from kgenre.serving.saved_model import SavedModel
from kgenre.serving.vggish import VggishEmbedder

DEFAULT, MUSICNN = "default", "musicnn"
MUSICNN_NAMES = (DEFAULT, MUSICNN)  # whose embedding is musicnn's own, of which its tags are a function


def open_model(name=None) -> Model:
    """The model of a name: the default model if none, a row of CATALOGUE, a run folder or a SavedModel folder.

    Raises:
        KgenreError: no such model, or its weights are not available.
    """
    name = DEFAULT if name is None else str(name)
    if not Path(name).exists():
        if name in CATALOGUE:
            return CATALOGUE[name]()
        if len(Path(name).parts) == 1:
            check_known("model", name, CATALOGUE, where="a model is a run folder, a SavedModel folder or a name: ")
    return SavedModel(name)


def model_input(name=None) -> str:
    """What the model of a name takes, WAVEFORM or SPECTROGRAM, without opening it where it is one of the catalogue's.

    Raises:
        KgenreError: as `open_model`.
    """
    if name is None or (str(name) in CATALOGUE and not Path(name).exists()):
        return WAVEFORM
    return open_model(name).slice_spec.input


def _default(name: str = DEFAULT) -> SavedModel:
    """The default model; exported again where something else removed files of the cache."""
    from kgenre.serving import default_model

    folder = default_model.saved_model()
    try:
        return SavedModel(folder, name)
    except KgenreError:
        shutil.rmtree(folder.parent)
        return SavedModel(default_model.saved_model(), name)


CATALOGUE = {DEFAULT: _default, MUSICNN: lambda: _default(MUSICNN), "vggish": VggishEmbedder}
