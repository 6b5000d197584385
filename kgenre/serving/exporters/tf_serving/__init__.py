"""What TensorFlow Serving needs beside the versions of a model: its configuration, and containers to start."""

import importlib.resources
import re
from pathlib import Path

import kgenre
from kgenre.core.files import write_text

FILES = ("models.config", "batching.config", "docker-compose.yml")


def write_server_files(folder: Path) -> list[Path]:
    """Writes FILES into a serving folder, but for those that are there: they are yours to change.

    Args:
        folder: it holds the version folders; TF Serving's name of the model is made of its name.

    Returns:
        The files that were written.
    """
    values, written = {"NAME": model_name(folder), "VERSION": kgenre.__version__}, []
    for file in FILES:
        if not (folder / file).exists():
            text = importlib.resources.files(__name__).joinpath(file).read_text(encoding="utf-8")
            write_text(folder / file, re.sub("|".join(values), lambda word: values[word[0]], text))
            written.append(folder / file)
    return written


def model_name(folder: Path) -> str:
    """A folder's name as one that needs no quoting in an address, a container's path or a configuration."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", folder.resolve().name) or "model"
