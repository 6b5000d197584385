"""The table of datasets that `--data` knows by name.

To add one, write its declaration in a file of this folder and give it a row here. The command line's
choices, the table in the docs and the tests follow from the table.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kgenre.collections.datasets import demo
from kgenre.core.progress import Progress


@dataclass(frozen=True)
class Dataset:
    """One row of DATASETS.

    prepare: folder to keep it in, and a Progress -> path of its manifest, made or downloaded if missing.
    description: what it is, for the table of datasets.
    licence: of the recordings.
    """

    prepare: Callable[[Path, Progress], Path]
    description: str
    licence: str


DATASETS = {"demo": Dataset(demo.prepare, demo.DESCRIPTION, demo.LICENCE)}
