"""Recordings: files that hold the same encoded audio are one, and one file stands for it on the map and in lists."""

import numpy as np

from kgenre.core.text import count
from kgenre.library.store import TEXTS, Library


class Recordings:
    """The recordings of some files, each with its files in order: those with the most of title, artist, album, genre
    and year in their tags come first, and of these the first by path. Format, bit rate and sound are the same.

    Args:
        library: that holds the files.
        ids: int64 (files,), ascending.

    Attributes:
        ids: as above.
        of: int64 (files,), for each file the row of the first one of its recording.
        copies: int64, rows of the files that have copies, recording by recording, in the order of their files.
    """

    def __init__(self, library: Library, ids: np.ndarray):
        self.ids, self.of = ids, np.arange(len(ids))
        ordered = _ordered_copies(library, ids)
        self.copies = np.searchsorted(ids, np.array([track for files in ordered for track in files], "int64"))
        self._files = {track: files for files in ordered for track in files}
        for files in ordered:
            rows = np.searchsorted(ids, files)
            self.of[rows] = rows[0]

    def files(self, track: int) -> list[int]:
        """The ids of all files of a file's recording, in their order; none for an id that is not among `ids`."""
        if track in self._files:
            return self._files[track]
        if not len(self.ids) or not self.ids[0] <= track <= self.ids[-1]:
            return []
        return [track] if self.ids[np.searchsorted(self.ids, track)] == track else []

    def one_of_each(self, usable: np.ndarray | None = None) -> np.ndarray:
        """The first usable file of each recording: bool (files,).

        Args:
            usable: bool (files,); None for all.
        """
        mask = np.ones(len(self.ids), bool) if usable is None else usable.copy()
        copies = self.copies[mask[self.copies]]
        _, found = np.unique(self.of[copies], return_index=True)
        mask[copies] = False
        mask[copies[found]] = True
        return mask


def size_text(library: Library) -> str:
    """How many recordings a library has, and of how many files."""
    recordings, files = library.n_recordings(), library.n_tracks()
    return count(recordings, "recording") + (f", {count(files, 'file')}" if files > recordings else "")


def _ordered_copies(library: Library, ids: np.ndarray) -> list[list[int]]:
    """The ids of the files of each recording that has several."""
    first = library.copies()
    tracks = library.tracks(ids[np.isin(ids, list(first))])
    known = (tracks[list(TEXTS)] != "").sum(axis=1) + tracks["year"].notna()
    groups: dict[int, list[int]] = {}
    for _, _, track in sorted(zip(-known, tracks["path"], tracks.index.tolist())):
        groups.setdefault(first[track], []).append(track)
    return list(groups.values())
