"""What a named dataset declares of itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from kgenre.core.progress import Progress

if TYPE_CHECKING:
    import pandas as pd  # `--help` of every command reads these declarations


@dataclass(frozen=True)
class Remote:
    """A file that a dataset is made of.

    A .zip is unpacked to a folder of its name, and removed; any other file is kept as it is.

    url: where its publisher has it.
    size: in bytes; None where only a rounded one is published.
    sha256, sha1, md5: hexadecimal digest as published; at least one.
    space: bytes of disk that it takes in the end, rounded; 0 for `size`.
    shared: whether other datasets use it too, so that one that lies beside the dataset's folder will do.
    """

    url: str
    size: int | None = None
    sha256: str | None = None
    sha1: str | None = None
    md5: str | None = None
    space: int = 0
    shared: bool = False

    @property
    def file(self) -> str:
        """Its name."""
        return self.url.rsplit("/", 1)[-1]

    @property
    def bytes_on_disk(self) -> int:
        return self.space or self.size or 0

    def find(self, folder: Path) -> Path | None:
        """The complete file, or the unpacked folder, of a dataset that is in `folder`; None where it is missing."""
        name = self.file.removesuffix(".zip")
        places = (folder, folder.parent) if self.shared else (folder,)
        return next((place / name for place in places if (place / name).exists()), None)


@dataclass(frozen=True)
class Tracks:
    """What a dataset gives.

    table: the tracks, with collections.tables.COLUMNS.
    parents: {genre: its parent} of a tree of genres; empty where genres are a flat list.
    left_out: {path or track id: cause} of what is not among the tracks.
    given_split: who gave the split that the table has, to complete "split ...".
    """

    table: pd.DataFrame
    parents: Mapping[str, str] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)
    given_split: str = "given by the manifest"


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """The declaration of a dataset, in the order in which each declaration file gives it.

    description: what it contains, for the table of datasets.
    citation: the paper or page to cite.
    licence: of the recordings.
    tracks: how many, of which some may have known faults; None where the user's folder decides.
    size: of the download, or the time that it takes to make, as text.
    remotes: the files to download; none of a dataset that is made, or is a folder of the user's.
    known_faults: {track_id: cause} of the tracks that are left out whenever it is loaded.
    labels: its genres, sorted; none where the user's files say them.
    load: folder that it is in, and a Progress -> its tracks. Raises KgenreError, with what to type, where it is not
        there and cannot be made on the spot.
    user_has_it: whether the user brings it, and `remotes` only add to it.
    needs_folder: whether it is a folder of the user's, so that `--data` must name it: NAME:DIR.
    home: its folder in data/, where that is shared with others and has not its own name.
    features_csv: folder -> path of the features that its authors published, as FMA's features.csv. Raises KgenreError
        where they are missing.
    """

    description: str
    citation: str
    licence: str
    tracks: int | None = None
    size: str
    remotes: tuple[Remote, ...] = ()
    known_faults: Mapping[str, str] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    load: Callable[[Path, Progress], Tracks]
    user_has_it: bool = False
    needs_folder: bool = False
    home: str = ""
    features_csv: Callable[[Path], Path] | None = None

    def is_in(self, folder: Path) -> bool:
        """Whether all that it is made of lies in the folder; of what the user has, whether something of it does."""
        if self.user_has_it or self.needs_folder:
            added = {remote.file for remote in self.remotes}
            return folder.is_file() or (folder.is_dir() and any(path.name not in added for path in folder.iterdir()))
        return folder.is_dir() and all(remote.find(folder) for remote in self.remotes)
