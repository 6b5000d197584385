"""What a named dataset declares of itself."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from kgenre.core.progress import Progress

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Remote:
    """A file that a dataset is made of.

    url: where its publisher has it.
    size: in bytes.
    sha256, sha1, md5: hexadecimal digest as published; at least one.
    """

    url: str
    size: int
    sha256: str | None = None
    sha1: str | None = None
    md5: str | None = None

    @property
    def file(self) -> str:
        """Its name."""
        return self.url.rsplit("/", 1)[-1]


@dataclass(frozen=True)
class Tracks:
    """What a dataset gives.

    table: the tracks, with collections.tables.COLUMNS.
    parents: {genre: its parent} of a tree of genres; empty where genres are a flat list.
    left_out: {path or track id: cause} of what is not among the tracks.
    given_split: who gave the split that the table has, to complete "split ...".
    """

    table: "pd.DataFrame"
    parents: Mapping[str, str] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)
    given_split: str = "given by the manifest"


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """The declaration of a dataset, in the order in which each declaration file gives it.

    description: what it contains, for the table of datasets.
    citation: the paper or page to cite.
    licence: of the recordings.
    size: of the download, or the time that it takes to make, as text.
    remotes: the files to download; none of a dataset that is made, or is a folder of the user's.
    known_faults: {track_id: cause} of the tracks that are left out whenever it is loaded.
    labels: its genres, sorted; none where the user's files say them.
    load: folder that it is in, and a Progress -> its tracks. Raises KgenreError, with what to type, where it is not
        there and cannot be made on the spot.
    needs_folder: whether it is a folder of the user's, so that `--data` must name it: NAME:DIR.
    """

    description: str
    citation: str
    licence: str
    size: str
    remotes: tuple[Remote, ...] = ()
    known_faults: Mapping[str, str] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    load: Callable[[Path, Progress], Tracks]
    needs_folder: bool = False
