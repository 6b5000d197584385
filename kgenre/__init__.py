"""Learns music genres from audio with Keras 3: waveform in, genre names out.

    import kgenre

    model = kgenre.open_model()  # the default model, or "models/RUN"
    model.predict("song.mp3").top(3)

What is listed here is imported when it is first used, so `import kgenre` takes no time and brings no TensorFlow.
docs/python.md has examples.
"""

import importlib

__version__ = "0.2.0"

# What a notebook needs, and the module that it is from.
_PUBLIC = {
    "open_model": "kgenre.serving.catalogue",
    "predict_tracks": "kgenre.serving.predict",
    "TrackReader": "kgenre.audio.reader",
    "ReadPolicy": "kgenre.audio.policy",
    "SliceSpec": "kgenre.audio.slicing",
    "decode": "kgenre.audio.decode",
    "aggregate": "kgenre.model.aggregate",
    "load_collection": "kgenre.collections",
    "ModelSettings": "kgenre.model.settings",
    "RunSettings": "kgenre.training.settings",
    "Run": "kgenre.training.run",
    "build_model": "kgenre.model.build",
    "load_model": "kgenre.model.build",
    "make_task": "kgenre.model.tasks",
    "export_model": "kgenre.serving.exporters",
    "Library": "kgenre.library.store",
    "update_library": "kgenre.library.build",
    "open_library": "kgenre.library.build",
    "read_embeddings": "kgenre.embeddings.files",
    "ARCHS": "kgenre.archs",
    "FEATURES": "kgenre.features",
    "AUGMENTS": "kgenre.augment",
    "DATASETS": "kgenre.collections.datasets",
    "TASKS": "kgenre.model.tasks",
    "EXPORTERS": "kgenre.serving.exporters",
    "CLASSIFIERS": "kgenre.baselines.classifiers",
    "Progress": "kgenre.core.progress",
    "KgenreError": "kgenre.core.errors",
}

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str):
    if name not in _PUBLIC:
        raise AttributeError(f"module 'kgenre' has no attribute {name!r}")
    value = getattr(importlib.import_module(_PUBLIC[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_PUBLIC})
