"""What a .tflite file says of itself: labels.txt and about.json, in a zip archive behind the graph.

This is where TensorFlow Lite's metadata keep a model's files too: LiteRT reads the graph and ignores what follows,
and `unzip model.tflite` shows it. Reading and writing it needs nothing but Python.
"""

import json
import zipfile
from pathlib import Path

from kgenre.core.errors import KgenreError
from kgenre.core.files import write_beside

ABOUT, LABELS = "about.json", "labels.txt"


def write_metadata(path: Path, metadata: dict) -> None:
    """Puts metadata behind the graph, in place of those that are there.

    Args:
        path: a .tflite file.
        metadata: as JSON takes it; with `labels`.
    """
    graph = path.read_bytes()[: _graph_size(path)]

    def write(part: Path) -> None:
        part.write_bytes(graph)
        with zipfile.ZipFile(part, "a") as archive:
            archive.writestr(ABOUT, json.dumps(metadata, indent=1) + "\n")
            archive.writestr(LABELS, "\n".join(metadata["labels"]) + "\n")

    write_beside(path, write)


def read_metadata(path: Path) -> dict:
    """What `write_metadata` put there.

    Raises:
        KgenreError: the file is missing, unreadable, or not of kgenre.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return json.loads(archive.read(ABOUT))
    except OSError as error:
        raise KgenreError(f"{path}: cannot be read: {error.strerror}.") from error
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise KgenreError(
            f"{path}: not a .tflite file that kgenre exported, or damaged. Use `kgenre export --format litert`."
        ) from error


def add_facts(path: Path, facts: dict) -> None:
    """Adds FACTS of serving.metadata."""
    write_metadata(path, {**read_metadata(path), **facts})


def _graph_size(path: Path) -> int:
    """Bytes before the archive, or all of them where there is none yet."""
    try:
        with zipfile.ZipFile(path) as archive:
            return min(info.header_offset for info in archive.infolist())
    except zipfile.BadZipFile:
        return path.stat().st_size
