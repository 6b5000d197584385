"""The table of datasets by name, and the one way from `--data` to a table of tracks."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kgenre.collections.datasets.demo import _demo


@dataclass(frozen=True)
class Dataset:
    """One row of DATASETS.

    prepare: folder to keep it in -> path of its manifest, made or downloaded if missing.
    """

    prepare: Callable[[Path], Path]
    says: str
    licence: str


DATASETS = {
    "demo": Dataset(
        _demo, "8 composed genres of 16 songs, made on the spot in under a minute", "made by this package: CC0"
    ),
}
