"""What `kgenre similar`, `kgenre path` and `kgenre find` share: the library, the songs, the list that comes out."""

import functools
import os

import numpy as np
import pandas as pd

from kgenre.core.errors import KgenreError
from kgenre.core.text import one_line
from kgenre.library.head import kept, predict
from kgenre.library.search.filters import matching, song_table
from kgenre.library.store import Library, Space

SHOWN = 5  # songs that are named where several fit


class Songs:
    """The songs of a library that a model has heard, as a table and as vectors of the same order.

    Attributes:
        table: of `song_table`, a row a song; of copies of the same audio all are in it.
        known: tracks that the library holds, heard by this model or not.
        labels: the genres, of the retrained head if there is one.
        first: for each row the row of the first copy of the same audio, int64 (songs,).
    """

    def __init__(self, library: Library, space: Space):
        self.library, self.space = library, space
        library.hold()  # a scan that goes on meanwhile must not come between the table and the vectors
        prediction = predict(library, space, kept(library, space))
        self.labels, table = prediction.labels, song_table(library, prediction)
        self.known, self.table = len(table), table[table["confidence"].notna()]
        if self.table.empty:
            raise KgenreError(f"{library.path}: {space.name} has heard no song that is there now.")
        first = library.copies()
        rows = {track_id: row for row, track_id in enumerate(self.table.index)}
        self.first = np.array([rows[first.get(track_id, track_id)] for track_id in rows], "int64")

    @functools.cached_property
    def vectors(self) -> np.ndarray:
        """Mean embeddings, float32 (songs, d); read when they are first asked for."""
        return self.library.vectors(self.space)[1]

    @property
    def tags(self) -> tuple[str, ...]:
        """Names of the tags that follow from the vectors of the default model; none of another's."""
        from kgenre.serving.catalogue import MUSICNN_NAMES
        from kgenre.weights.musicnn import TAGS

        names = TAGS["msd"] if self.space.name in MUSICNN_NAMES else ()
        return tuple(name for name in names if name not in self.labels)

    @functools.cached_property
    def tag_table(self) -> pd.DataFrame:
        """Probabilities of `tags`, a row a song as in `table`; every slice is read at the first access."""
        from kgenre.serving.default_model import tag_probabilities
        from kgenre.weights.musicnn import TAGS

        rows = [tag_probabilities(embeddings) for _, _, embeddings, _ in self.library.all_slices(self.space)]
        return pd.DataFrame(np.array(rows, "float64"), columns=TAGS["msd"], index=self.table.index)

    def row(self, name: str) -> int:
        """The row of a song, by its path, or by words of its path, artist and title that fit no other: as they
        stand, or else in any order.

        Raises:
            KgenreError: none, or several.
        """
        paths = self.table["path"].tolist()
        folder, last = os.path.split(os.path.abspath(name))
        for path in (os.path.abspath(name), os.path.join(os.path.realpath(folder), last), os.path.realpath(name)):
            if path in paths:
                return paths.index(path)
        if os.path.exists(name):
            raise KgenreError(
                f"{name}: not in {self.library.path}, or it failed. `kgenre explore DIR` adds what is new."
            )
        names = self.table["path"] + " " + self.table["artist"] + " " + self.table["title"]
        names = [text.casefold() for text in names]
        rows = [row for row, text in enumerate(names) if name.casefold() in text]
        if not rows:
            words = name.casefold().split()
            rows = [row for row, text in enumerate(names) if all(word in text for word in words)]
        if len({self.first[row] for row in rows}) != 1:
            some = "; ".join(one_line(paths[row]) for row in rows[:SHOWN])
            rule = (
                f"{len(rows)} songs fit it: {some}{'; ...' if len(rows) > SHOWN else ''}" if rows else "no song fits it"
            )
            raise KgenreError(f"{name}: {rule}. Name a file, or words of one song's path, artist or title.")
        return rows[0]

    def wanted(self, where: str | None) -> np.ndarray:
        """Which songs to choose from, bool (songs,): one copy of each, of those that a filter lets through."""
        mask = np.ones(len(self.table), bool)
        if where is not None:
            try:
                mask = matching(where, self.table, self.labels, self.tags, lambda: self.tag_table)
            except KgenreError as error:
                others = {space.name for space in self.library.spaces()} - {self.space.name}
                if not others:
                    raise
                raise KgenreError(f"{error} These are what {self.space.name} knows; --model takes another.") from error
        rows = np.flatnonzero(mask)
        _, one = np.unique(self.first[rows], return_index=True)
        mask = np.zeros(len(self.table), bool)
        mask[rows[one]] = True
        return mask
