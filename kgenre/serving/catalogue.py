"""The models that can be opened: by a name of the catalogue, or by the path of a run, SavedModel or .tflite file.

`mix:NAME,NAME` is a mixture of models, each by its name or path (serving.mixture).
"""

import functools
import shutil
from collections.abc import Callable
from pathlib import Path

from kgenre.audio.inputs import WAVEFORM
from kgenre.core.errors import KgenreError, check_known
from kgenre.serving import litert_model
from kgenre.serving.exported import open_exported
from kgenre.serving.litert_model import LitertModel
from kgenre.serving.model import MODELS, Model
from kgenre.serving.runtimes import AUTO, LITERT, RUNTIMES
from kgenre.serving.saved_model import SavedModel

DEFAULT = "default"
# {name: row of PACKAGED}
PACKAGED_MODELS = {DEFAULT: "compact", "compact": "compact", "best": "best", "musicnn": "musicnn"}
MIX = "mix:"


def open_model(name=None, runtime: str = AUTO) -> Model:
    """The model of a name: the default model if none, a row of CATALOGUE, a run folder, a SavedModel, a .tflite file,
    or a mixture of several of them.

    Args:
        runtime: "litert", "tensorflow", or "auto": LiteRT where it is installed and there is a .tflite file of the
            same model, else TensorFlow.

    Raises:
        KgenreError: no such model, its weights are not available, or it is not there for the runtime.
    """
    check_known("runtime", runtime, RUNTIMES)
    name = DEFAULT if name is None else str(name)
    if not Path(name).exists():
        if name.startswith(MIX):
            return _mixture(name, runtime)
        if name in CATALOGUE:
            return CATALOGUE[name](runtime)
        if len(Path(name).parts) == 1:
            check_known("model", name, CATALOGUE, where=f"{MODELS}: ")
    return open_exported(name, runtime)


def model_input(name=None) -> str:
    """What the model of a name takes, WAVEFORM or SPECTROGRAM, without opening it where it is one of the catalogue's.

    Raises:
        KgenreError: as `open_model`.
    """
    if name is None or (not Path(name).exists() and (str(name) in CATALOGUE or str(name).startswith(MIX))):
        return WAVEFORM
    return open_model(name).slice_spec.input


def _packaged(packaged: str, name: str, runtime: str) -> Model:
    """A model of the package, by its row of PACKAGED, with its layer of tags."""
    from kgenre.serving.packaged import PACKAGED

    row = PACKAGED[packaged]
    model = _packaged_network(row, name, runtime)
    model.tag_layer = row.tag_layer()
    return model


def _packaged_network(row, name: str, runtime: str) -> Model:
    """The .tflite file of the package, or its SavedModel, which the first use exports."""
    if not row.litert:
        _check_tensorflow(name, runtime)
    elif runtime == LITERT or (runtime == AUTO and litert_model.installed()):
        litert_model.check_installed()
        return LitertModel(row.litert_file, name)
    folder = row.saved_model()
    try:
        return SavedModel(folder, name)
    except KgenreError:  # something else removed files of the cache
        shutil.rmtree(folder.parent)
        return SavedModel(row.saved_model(), name)


def _mixture(name: str, runtime: str) -> Model:
    from kgenre.serving.mixture import Mixture

    return Mixture([open_model(member, runtime) for member in name.removeprefix(MIX).split(",")], name)


def _vggish(runtime: str) -> Model:
    from kgenre.serving.vggish import VggishEmbedder

    _check_tensorflow("vggish", runtime)
    return VggishEmbedder()


def _tagger(name: str, runtime: str) -> Model:
    """A published tagger, by its row of TAGGERS."""
    from kgenre.serving.taggers import Tagger
    from kgenre.weights import WEIGHTS

    _check_tensorflow(name, runtime)
    return Tagger(WEIGHTS[TAGGERS[name]], name)


def _check_tensorflow(name: str, runtime: str) -> None:
    if runtime == LITERT:
        raise KgenreError(f"{name} answers through TensorFlow only. Received: --runtime {runtime}. Leave it out.")


# {name of the model: row of WEIGHTS}
TAGGERS = {
    f"{name}-{tags}": f"{arch}-{tags}"
    for name, arch in (("fcn", "fcn"), ("crnn", "tagger_crnn"))
    for tags in ("msd", "mtt", "jamendo")
}


CATALOGUE: dict[str, Callable[[str], Model]] = {
    **{name: functools.partial(_packaged, packaged, name) for name, packaged in PACKAGED_MODELS.items()},
    "vggish": _vggish,
    **{name: functools.partial(_tagger, name) for name in TAGGERS},
}
