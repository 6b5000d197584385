"""What a named dataset declares of itself."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kgenre.core.progress import Progress


@dataclass(frozen=True)
class Dataset:
    """The declaration of a dataset, in the order in which each declaration file gives it.

    description: what it contains, for the table of datasets.
    citation: the paper or page to cite.
    licence: of the recordings.
    size: of the download, or the time that it takes to make, as text.
    labels: its genres, sorted.
    prepare: folder to keep it in, and a Progress -> path of its manifest, downloaded or made if missing.
    known_faults: {track_id: cause} of the tracks that are left out whenever it is loaded.
    """

    description: str
    citation: str
    licence: str
    size: str
    labels: tuple[str, ...]
    prepare: Callable[[Path, Progress], Path]
    known_faults: Mapping[str, str] = field(default_factory=dict)
