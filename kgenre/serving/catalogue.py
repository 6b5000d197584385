"""From a SavedModel and files to genres: what predict, evaluate and training's validation share."""

import shutil
from pathlib import Path

from kgenre.core.errors import KgenreError
from kgenre.serving.saved_model import SavedModel
from kgenre.serving.vggish import VggishEmbedder


def open_model(name=None):
    """The model of a name: the default model if none, a row of PRETRAINED, a run folder or a SavedModel folder.

    Returns:
        SavedModel, or what has its attributes, `reader` and call.
    """
    from kgenre.core.errors import check_known
    from kgenre.serving.catalogue import DEFAULT, PRETRAINED

    name = DEFAULT if name is None else str(name)
    if not Path(name).exists():
        if name in PRETRAINED:
            return PRETRAINED[name]()
        if len(Path(name).parts) == 1:
            check_known("model", name, PRETRAINED, where="a model is a run folder, a SavedModel folder or a name: ")
    return SavedModel(name)


DEFAULT, MUSICNN = "default", "musicnn"


MUSICNN_NAMES = (DEFAULT, MUSICNN)  # whose embedding is musicnn's own, of which its tags are a function


def _default(name: str = DEFAULT) -> SavedModel:
    """The default model; made anew where a cleaner has been at the cache."""
    from kgenre.serving import default_model as default

    folder = default.saved_model()
    try:
        return SavedModel(folder, name)
    except KgenreError:
        shutil.rmtree(folder.parent)
        return SavedModel(default.saved_model(), name)


def _musicnn() -> SavedModel:
    return _default(MUSICNN)


PRETRAINED = {DEFAULT: _default, MUSICNN: _musicnn, "vggish": VggishEmbedder}
