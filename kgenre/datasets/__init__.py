"""The table of datasets by name, and the one way from `--data` to a table of tracks."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kgenre.config import check_known
from kgenre.errors import KgenreError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Dataset:
    """One row of DATASETS.

    prepare: folder to keep it in -> path of its manifest, made or downloaded if missing.
    """

    prepare: Callable[[Path], Path]
    says: str
    licence: str


def _demo(folder: Path) -> Path:
    from kgenre.cli import progress
    from kgenre.datasets.demo import make_demo

    with progress() as bar:
        task = bar.add_task("composing the demo collection", total=None, unit="songs")
        make_demo(folder / "demo", progress=lambda done, total: bar.update(task, completed=done, total=total))
    return folder / "demo" / "manifest.csv"


DATASETS = {
    "demo": Dataset(
        _demo, "8 composed genres of 16 songs, made on the spot in under a minute", "made by this package: CC0"
    ),
}


def load_collection(data: str, folder: Path = Path("data"), seed: int = 0):
    """Tracks of a named dataset, a folder of genre folders, or a manifest.

    Returns:
        Collection, with every track in a split.

    Raises:
        KgenreError: nothing of that name, or nothing usable in it.
    """
    from kgenre.datasets.collection import read_folder, read_manifest
    from kgenre.datasets.splits import with_split

    path = Path(data)
    if data in DATASETS:
        table = read_manifest(DATASETS[data].prepare(folder))
    elif data and path.is_dir():
        table = read_folder(path)
    elif path.is_file() and path.suffix.lower() in (".csv", ".parquet"):
        table = read_manifest(path)
    elif path.exists() or len(path.parts) > 1 or path.suffix:
        rule = "is neither a folder nor a .csv or .parquet manifest" if path.exists() else "no such folder or file"
        raise KgenreError(f"{data}: {rule}. `data` is a name ({', '.join(DATASETS)}), a folder, or a manifest.")
    else:
        check_known("data", data, DATASETS, where="`data` is a name, a folder, or a .csv or .parquet manifest: ")
    return with_split(data, table, seed)
