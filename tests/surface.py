"""What people type and other programs read of this version, as JSON: commands, flags, settings, columns of files.

freeze.py keeps it for each release; test_stored_files.py finds whatever a later version no longer has.
"""

import contextlib
import importlib
import io
import pkgutil
import re

import keras

import kgenre
from kgenre.__main__ import COMMANDS, command_module
from kgenre.archs import ARCHS
from kgenre.augment import AUGMENTS
from kgenre.baselines.classifiers import CLASSIFIERS
from kgenre.collections.datasets import DATASETS
from kgenre.collections.protocols import PROTOCOLS
from kgenre.collections.tables import COLUMNS
from kgenre.core.settings import Settings, fields_of
from kgenre.embeddings.columns import COLUMNS as VECTOR_COLUMNS
from kgenre.engines.settings import EngineSettings
from kgenre.features import FEATURES
from kgenre.library.playlists import COLUMNS as SONG_COLUMNS
from kgenre.preparation.settings import ShardSettings
from kgenre.recipes.catalogue import all_recipes
from kgenre.serving.catalogue import CATALOGUE
from kgenre.serving.clients.settings import ClientSettings
from kgenre.serving.exporters import EXPORTERS
from kgenre.serving.saved_model import SavedModel
from kgenre.training.distillation.settings import DistillationSettings
from kgenre.training.optimizers import OPTIMIZERS
from kgenre.training.pretraining.settings import PretrainingSettings
from kgenre.training.run import Run
from kgenre.training.settings import every_class
from kgenre.web.classify.schema import Answer, Limits, ModelAnswer, SliceAnswer
from kgenre.web.classify.settings import ServeSettings
from kgenre.weights import WEIGHTS

FLAG = re.compile(r"(?<![\w-])--[a-z][a-z0-9.-]*")
TABLES = {
    "archs": ARCHS, "features": FEATURES, "augmentations": AUGMENTS, "optimizers": OPTIMIZERS, "datasets": DATASETS,
    "classifiers": CLASSIFIERS, "protocols": PROTOCOLS, "exporters": EXPORTERS, "models": CATALOGUE, "weights": WEIGHTS,
}  # fmt: skip
ROWS = ("archs", "features", "augmentations", "optimizers")  # of TABLES, whose rows have settings of their own
BESIDE = {
    "engine": EngineSettings, "prepare": ShardSettings, "client": ClientSettings, "serve": ServeSettings,
    "distill": DistillationSettings, "pretrain": PretrainingSettings,
}  # fmt: skip


def surface(run: Run) -> dict:
    """{kind: names}, where names are a list, or {name: what belongs to it}. `run`: one of this version."""
    return {
        "commands": {name: sorted(set(FLAG.findall(help_of(name)))) for name in COMMANDS},
        "python": sorted(kgenre.__all__),
        "settings": settings_by_owner(),
        "recipes": sorted(all_recipes()),
        **{name: sorted(table) for name, table in TABLES.items()},
        "layers": registered_layers(),
        "signatures": signatures(run),
        "answers": {one.__name__: sorted(one.model_fields) for one in (Answer, SliceAnswer, ModelAnswer, Limits)},
        "columns": {"tracks": list(COLUMNS), "embeddings": list(VECTOR_COLUMNS), "songs": list(SONG_COLUMNS)},
        "run files": sorted(path.name for path in run.folder.iterdir()),
        "run.json": sorted(run.load_facts()),
    }


def help_of(command: str) -> str:
    text = io.StringIO()
    with contextlib.redirect_stdout(text), contextlib.suppress(SystemExit):
        command_module(command).main(["--help"])
    return text.getvalue()


def settings_by_owner() -> dict:
    """{who has them: {setting: its choices and the ends of its range}}."""
    rows = {f"{kind} {name}": row.settings for kind in ROWS for name, row in TABLES[kind].items()}
    of_all = {"run": ranges(*(one for one in every_class() if one not in rows.values()))}
    return of_all | {owner: ranges(one) for owner, one in {**rows, **BESIDE}.items()}


def ranges(*settings: type[Settings]) -> dict:
    return {
        name: {"choices": list(field.choices or ()), "low": field.low, "high": field.high}
        for one in settings
        for name, field in fields_of(one).items()
    }


def registered_layers() -> list[str]:
    """The names by which .keras files call this package's classes."""
    for module in pkgutil.walk_packages(kgenre.__path__, "kgenre."):
        if "__main__" not in module.name:
            with contextlib.suppress(ImportError):  # of what is not installed, such as tensorflow-io
                importlib.import_module(module.name)
    return sorted(name for name in keras.saving.get_custom_objects() if name.startswith("kgenre>"))


def signatures(run: Run) -> dict:
    """{signature of the exported model: names of its inputs and outputs}."""
    found = SavedModel(run.folder / "saved_model").module.signatures
    return {name: sorted([*one.structured_input_signature[1], *one.structured_outputs]) for name, one in found.items()}


def lost(before, now, where: str = "") -> list[str]:
    """What `before` has and `now` lacks: names, and the ends of ranges that have come nearer."""
    if isinstance(before, dict):
        return [
            fault
            for name, part in before.items()
            for fault in (lost(part, now[name], f"{where} {name}") if name in now else [f"{where} {name}"])
        ]
    if isinstance(before, list):
        return [f"{where} {name}" for name in before if name not in now]
    if now is None or now == before:  # None: no end
        return []
    nearer = before is None or (now > before if where.endswith("low") else now < before)
    return [f"{where} {before} -> {now}"] if nearer else []
