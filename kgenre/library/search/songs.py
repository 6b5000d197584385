"""The songs of a library that one model has analysed, and the searches of `kgenre similar`, `path` and `find`."""

import functools
import os

import numpy as np
import pandas as pd

from kgenre.core.errors import KgenreError, check_known
from kgenre.core.text import one_line
from kgenre.embeddings.neighbours import nearest
from kgenre.library.head import load_head, predict
from kgenre.library.records import Space
from kgenre.library.search.filter_parser import NUMBERS, TEXTS, probability_column
from kgenre.library.search.filters import filter_mask, song_table, tag_texts
from kgenre.library.search.path import path_between
from kgenre.library.store import Library

MAX_NAMED = 5  # songs that an error names


class Songs:
    """A table of songs, and vectors in the same order.

    Attributes:
        table: of `song_table`, a row a song; all copies of the same audio are in it.
        n_tracks: tracks of the library, analysed by this model or not.
        task: of the model, or of the retrained head if there is one.
        first_copy: for each row the row of the first copy of the same audio, int64 (songs,).

    Raises:
        KgenreError: the model has analysed no song that exists now.
    """

    def __init__(self, library: Library, space: Space):
        self.library, self.space = library, space
        library.begin_snapshot()  # a scan that runs meanwhile must not change the vectors after the table is read
        prediction = predict(library, space, load_head(library, space))
        self.task, table = prediction.task, song_table(library, prediction)
        self.n_tracks, self.table = len(table), table[table["confidence"].notna()]
        if self.table.empty:
            raise KgenreError(
                f"{library.path}: {space.name} has analysed no song that exists now. Run `kgenre explore DIR`."
            )
        first_ids = library.copies()
        rows = {track_id: row for row, track_id in enumerate(self.table.index)}
        self.first_copy = np.array([rows[first_ids.get(track_id, track_id)] for track_id in rows], "int64")

    @property
    def labels(self) -> tuple[str, ...]:
        """The genres."""
        return self.task.labels

    @functools.cached_property
    def vectors(self) -> np.ndarray:
        """Mean embeddings, float32 (songs, d); read on first use."""
        return self.library.vectors(self.space)[1]

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
        paths = self.table["path"].tolist()
        folder, last = os.path.split(os.path.abspath(name))
        for path in (os.path.abspath(name), os.path.join(os.path.realpath(folder), last), os.path.realpath(name)):
            if path in paths:
                return paths.index(path)
        if os.path.isfile(name):  # a folder of that name may be words of a song as well
            raise KgenreError(
                f"{name}: not in {self.library.path}, or it failed. Run `kgenre explore DIR` to add new files."
            )
        rows = self._rows_with(name.casefold())
        if len({self.first_copy[row] for row in rows}) != 1:
            named = "; ".join(one_line(paths[row]) for row in rows[:MAX_NAMED])
            more = "; ..." if len(rows) > MAX_NAMED else ""
            found = f"{len(rows)} songs match: {named}{more}" if rows else "no song matches"
            raise KgenreError(f"{name}: {found}. Name a file, or words of one song's path, artist or title.")
        return rows[0]

    def _rows_with(self, words: str) -> list[int]:
        texts = self.table["path"] + " " + self.table["artist"] + " " + self.table["title"]
        texts = [text.casefold() for text in texts]
        rows = [row for row, text in enumerate(texts) if words in text]
        return rows or [row for row, text in enumerate(texts) if all(word in text for word in words.split())]

    def selected(self, where: str | None) -> np.ndarray:
        """One copy of each song that matches a filter, or of every song if `where` is None: bool (songs,).

        Raises:
            KgenreError: not a filter, or an unknown name.
        """
        mask = np.ones(len(self.table), bool)
        if where is not None:
            try:
                mask = filter_mask(where, self.table, self.task, self.tags, lambda: self.tag_table)
            except KgenreError as error:
                others = {space.name for space in self.library.spaces()} - {self.space.name}
                if not others:
                    raise
                raise KgenreError(f"{error} These are the names of {self.space.name}; see --model.") from error
        rows = np.flatnonzero(mask)
        _, one_each = np.unique(self.first_copy[rows], return_index=True)
        mask = np.zeros(len(self.table), bool)
        mask[rows[one_each]] = True
        return mask

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
        allowed = self.selected(where) & (self.first_copy != self.first_copy[row])
        (rows,), (distances,) = nearest(self.vectors, row, len(self.table))
        chosen = allowed[rows] & (distances <= (2 if max_distance is None else max_distance))
        return self._with_tags(self.table.iloc[rows[chosen][:n]].assign(distance=distances[chosen][:n]))

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
        between = self.selected(where) & ~np.isin(self.first_copy, self.first_copy[ends])  # no copies of the ends
        rows = np.union1d(np.flatnonzero(between), ends)
        start, end = np.searchsorted(rows, ends)
        return self._with_tags(self.table.iloc[rows[path_between(self.vectors[rows], start, end, n)]])

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
        return songs.assign(tags=tag_texts(self.space.tags, self.tag_table.loc[songs.index].to_numpy()))

    def _sorted(self, name: str) -> pd.DataFrame:
        check_known("name to sort by", name, [*TEXTS, *NUMBERS, *self.labels, *self.tags])
        if name in (*TEXTS, *NUMBERS):
            return self.table.sort_values(name, kind="stable")
        values = self.table[probability_column(name)] if name in self.labels else self.tag_table[name]
        return self.table.loc[values.sort_values(ascending=False, kind="stable").index]
