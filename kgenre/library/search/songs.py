"""The songs of a library that one model has analysed, and the searches of `kgenre similar`, `path` and `find`."""

import functools
import os

import numpy as np
import pandas as pd

from kgenre.core.errors import KgenreError, check_known
from kgenre.core.text import one_line
from kgenre.embeddings.compact_vectors import CompactVectors
from kgenre.library.head import load_head, predict
from kgenre.library.recordings import Recordings
from kgenre.library.records import Space
from kgenre.library.search.filter_parser import NUMBERS, TEXTS, probability_column
from kgenre.library.search.filters import filter_mask, song_table, tag_texts
from kgenre.library.search.path import path_between
from kgenre.library.search.vectors import load_vectors, nearest_songs, row_of
from kgenre.library.store import Library

MAX_NAMED = 5  # songs that an error names


class Songs:
    """The songs of a library, in rows by ascending id; what a search does not need of them is not read.

    Attributes:
        ids: int64 (songs,); all copies of the same audio are in it.
        n_tracks: tracks of the library, analysed by this model or not.
        task: of the model, or of the retrained head if there is one.
        recordings: which of the songs are copies of the same audio.

    Raises:
        KgenreError: the model has analysed no song that exists now.
    """

    def __init__(self, library: Library, space: Space):
        self.library, self.space = library, space
        library.begin_snapshot()  # a scan that runs meanwhile must not change the vectors after the table is read
        self.head, self.ids, self.n_tracks = load_head(library, space), library.ids(space), library.n_tracks()
        self.task = space.task if self.head is None else self.head.task
        if not len(self.ids):
            raise KgenreError(
                f"{library.path}: {space.name} has analysed no song that exists now. Run `kgenre explore DIR`."
            )
        self.recordings = Recordings(library, self.ids)

    @property
    def labels(self) -> tuple[str, ...]:
        """The genres."""
        return self.task.labels

    @functools.cached_property
    def table(self) -> pd.DataFrame:
        """All songs, as of `song_table`; read on first use, which takes 3 kB of memory a song."""
        prediction = predict(self.library, self.space, self.head)
        return song_table(self.library, prediction).loc[self.ids]

    def songs(self, rows: np.ndarray) -> pd.DataFrame:
        """Some rows of `table`, in the given order; without reading the others."""
        if "table" in vars(self):
            return self.table.iloc[rows]
        ids = self.ids[rows]
        prediction = predict(self.library, self.space, self.head, ids)
        return song_table(self.library, prediction, ids).loc[ids]

    @functools.cached_property
    def vectors(self) -> CompactVectors:
        """Mean embeddings; read on first use."""
        return load_vectors(self.library, self.space)[1]

    @property
    def tags(self) -> tuple[str, ...]:
        """Names of the model's tags that are no genre."""
        return tuple(name for name in self.space.tags if name not in self.labels)

    @functools.cached_property
    def tag_table(self) -> pd.DataFrame:
        """Probabilities of all tags of the model, a row a song as in `table`; read on first use."""
        ids, probabilities = self.library.tags(self.space)
        return pd.DataFrame(probabilities.astype("float64"), columns=list(self.space.tags), index=ids)

    def find_row(self, name: str) -> int:
        """The row of a song by its path, or by words that its path, artist and title contain and no other song's do.

        The words are searched for as they are written, and then in any order.

        Raises:
            KgenreError: no song or several songs match.
        """
        folder, last = os.path.split(os.path.abspath(name))
        for path in (os.path.abspath(name), os.path.join(os.path.realpath(folder), last), os.path.realpath(name)):
            track_id = self.library.id_of(path)
            if track_id is not None and (row := row_of(self.ids, track_id)) is not None:
                return row
        if os.path.isfile(name):  # a folder of that name may be words of a song as well
            raise KgenreError(
                f"{name}: not in {self.library.path}, or it failed. Run `kgenre explore DIR` to add new files."
            )
        rows = self._rows_with(name.casefold())
        if len({self.recordings.of[row] for row in rows}) != 1:
            paths = [self.library.path_of(self.ids[row]) for row in rows[:MAX_NAMED]]
            named = "; ".join(map(one_line, paths))
            more = f"; and {len(rows) - MAX_NAMED} more" if len(rows) > MAX_NAMED else ""
            found = f"{len(rows)} songs match: {named}{more}" if len(rows) else "no song matches"
            raise KgenreError(f"{name}: {found}. Name a file, or words of one song's path, artist or title.")
        return int(rows[0])

    def _rows_with(self, words: str) -> np.ndarray:
        """Rows whose texts contain the words as they are, or else in any order: int64 (rows,)."""
        together, apart, each = [], [], words.split()
        for track_id, text in self.library.texts():
            text = text.casefold()
            if words in text:
                found = together
            elif not together and all(word in text for word in each):
                found = apart
            else:
                continue
            if (row := row_of(self.ids, track_id)) is not None:  # it has been analysed
                found.append(row)
        return np.sort(np.array(together or apart, "int64"))

    def selected(self, where: str | None) -> np.ndarray:
        """One copy of each song that matches a filter, or of every song if `where` is None: bool (songs,).

        Raises:
            KgenreError: not a filter, or an unknown name.
        """
        mask = np.ones(len(self.ids), bool)
        if where is not None:
            try:
                mask = filter_mask(where, self.table, self.task, self.tags, lambda: self.tag_table)
            except KgenreError as error:
                others = {space.name for space in self.library.spaces()} - {self.space.name}
                if not others:
                    raise
                raise KgenreError(f"{error} These are the names of {self.space.name}; see --model.") from error
        return self.recordings.one_of_each(mask)

    def similar(self, name: str, n: int, max_distance: float | None, where: str | None) -> pd.DataFrame:
        """The rows of the songs nearest to one, nearest first, with their cosine `distance`.

        Args:
            name: of the song, as of `find_row`. Neither it nor its copies are among the result.
            n: songs at most.
            max_distance: cosine distance in [0, 2] of the farthest song; None for no limit.
            where: a filter, or None.

        Raises:
            KgenreError: no such song, or not a filter.
        """
        row = self.find_row(name)
        of = self.recordings.of
        allowed = self.selected(where) & (of != of[row])
        rows, distances = nearest_songs(self.vectors, row, n, allowed, name)
        chosen = distances <= (2 if max_distance is None else max_distance)
        return self._with_tags(self.songs(rows[chosen]).assign(distance=distances[chosen]))

    def path(self, first: str, last: str, n: int, where: str | None) -> pd.DataFrame:
        """The rows of the songs on a path from one song to another, both included whether they match or not.

        Args:
            first, last: names of the two songs, as of `find_row`.
            n: songs at most.
            where: a filter for the songs between the two, or None.

        Raises:
            KgenreError: no such song, the same song twice, `n` below 2, or not a filter.
        """
        ends = [self.find_row(first), self.find_row(last)]
        of = self.recordings.of
        between = self.selected(where) & ~np.isin(of, of[ends])  # no copies of the ends
        return self._with_tags(self.songs(path_between(self.vectors, *ends, n, between)))

    def find(self, where: str, sort: str = "path", n: int | None = None) -> pd.DataFrame:
        """The rows of the songs that match a filter.

        Args:
            where: the filter.
            sort: a field, ascending, or a genre or tag, the most probable song first.
            n: songs at most; None for all.

        Raises:
            KgenreError: not a filter, or an unknown name to sort by.
        """
        table, ids = self._sorted(sort), self.table.index[self.selected(where)]
        return self._with_tags(table[table.index.isin(ids)].iloc[:n])

    def _with_tags(self, songs: pd.DataFrame) -> pd.DataFrame:
        """Rows of the table, with a column `tags` where the model has tags: as tag_texts gives them."""
        if not self.space.tags:
            return songs
        ids, probabilities = self.library.tags(self.space, songs.index)
        return songs.assign(tags=tag_texts(self.space.tags, probabilities[np.searchsorted(ids, songs.index)]))

    def _sorted(self, name: str) -> pd.DataFrame:
        check_known("name to sort by", name, [*TEXTS, *NUMBERS, *self.labels, *self.tags])
        if name in (*TEXTS, *NUMBERS):
            return self.table.sort_values(name, kind="stable")
        values = self.table[probability_column(name)] if name in self.labels else self.tag_table[name]
        return self.table.loc[values.sort_values(ascending=False, kind="stable").index]
