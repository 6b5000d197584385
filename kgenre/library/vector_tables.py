"""The part of a library that searches, maps and heads read: arrays of all tracks, or of some, in order of ids."""

import json
from collections.abc import Iterable, Iterator

import numpy as np

from kgenre.library.database import Database
from kgenre.library.records import Space, slices_from_row

BLOCK_ROWS = 4096  # rows read at a time
# CROSS JOIN has SQLite begin with the tracks, in order of ids: sorting all vectors afterwards took four times as long.
_MEANS = "FROM tracks t CROSS JOIN vectors v ON v.space_id = ? AND v.audio_hash = t.audio_hash WHERE t.state = 'ok'"
_SLICES = """SELECT t.id, s.starts, s.embeddings, s.probabilities FROM tracks t
    CROSS JOIN slices s ON s.space_id = ? AND s.audio_hash = t.audio_hash WHERE t.state = 'ok'"""


def among(column: str, ids: Iterable[int] | None) -> tuple[str, tuple]:
    """A condition that a column is one of some ids, and its value; none for None."""
    if ids is None:
        return "", ()
    return f" AND {column} IN (SELECT value FROM json_each(?))", (json.dumps([int(one) for one in ids]),)


class VectorTables(Database):
    """Methods of Library that return arrays."""

    def n_tracks(self) -> int:
        """Tracks that can be used, analysed or not."""
        return self._db.execute("SELECT count(*) FROM tracks WHERE state = 'ok'").fetchone()[0]

    def n_recordings(self) -> int:
        """Recordings that these tracks are of: copies of the same audio count once."""
        return self._db.execute("SELECT count(DISTINCT audio_hash) FROM tracks WHERE state = 'ok'").fetchone()[0]

    def vectors(self, space: Space) -> tuple[np.ndarray, np.ndarray]:
        """Ids int64 (n,), ascending, and the mean embedding of each track, float32 (n, d). Copies have equal rows."""
        return self._means(space, "mean")

    def vectors_of(self, space: Space, ids: Iterable[int]) -> np.ndarray:
        """The mean embeddings of tracks, in the order of ascending ids, float32 (m, d); zeros of one that has none."""
        ids = np.asarray(ids, "int64")
        held, means = self._means(space, "mean", only=ids)
        if len(held) == len(ids):
            return means
        vectors = np.zeros((len(ids), means.shape[1]), "float32")
        vectors[np.searchsorted(ids, held)] = means
        return vectors

    def vector_blocks(self, space: Space, only: Iterable[int] | None = None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """`vectors` in blocks of some thousand tracks, of all or of some ids."""
        return self._blocks(space, "mean", "<f4", only)

    def ids(self, space: Space) -> np.ndarray:
        """Ids as of `vectors`, int64 (n,)."""
        rows = self._db.execute(f"SELECT t.id {_MEANS} ORDER BY t.id", (space.id,))
        return np.fromiter((track_id for (track_id,) in rows), "int64")

    def probabilities(self, space: Space, only: Iterable[int] | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Ids as of `vectors`, and the mean probabilities of each track, float32 (n, classes).

        `only`: ids of the tracks; None for all.
        """
        return self._means(space, "probabilities", only=only)

    def tags(self, space: Space, only: Iterable[int] | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Ids as of `vectors`, and the probabilities of the space's tags in each track, float32 (n, tags).

        `only`: ids of the tracks; None for all.
        """
        return self._means(space, "tags", "<f2", only)

    def _means(self, space: Space, column: str, stored_as: str = "<f4", only=None) -> tuple[np.ndarray, np.ndarray]:
        with self.reading():
            # At least as many as there are; the memory of what remains is never touched.
            n = len(only) if only is not None else self.n_tracks()
            ids, means, done = np.empty(n, "int64"), np.empty((0, 0), "float32"), 0
            for part, values in self._blocks(space, column, stored_as, only):
                means = means if done else np.empty((n, values.shape[1]), "float32")
                ids[done : done + len(part)], means[done : done + len(part)] = part, values
                done += len(part)
        return ids[:done], means[:done]

    def _blocks(self, space: Space, column: str, stored_as: str, only=None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        condition, values = among("t.id", only)
        query = f"SELECT t.id, v.{column} {_MEANS}{condition} ORDER BY t.id"
        rows = self._db.execute(query, (space.id, *values))
        while block := rows.fetchmany(BLOCK_ROWS):
            ids, blobs = zip(*block)
            yield np.array(ids, "int64"), np.frombuffer(b"".join(blobs), stored_as).reshape(len(ids), -1)

    def means_of(self, space: Space, track_id: int) -> tuple[np.ndarray, np.ndarray] | None:
        """A track's row of `vectors` and of `probabilities`; None if there is no such track in the space."""
        query = """SELECT v.mean, v.probabilities FROM tracks t
            JOIN vectors v ON v.space_id = ? AND v.audio_hash = t.audio_hash WHERE t.state = 'ok' AND t.id = ?"""
        row = self._db.execute(query, (space.id, int(track_id))).fetchone()
        return None if row is None else (np.frombuffer(row[0], "<f4"), np.frombuffer(row[1], "<f4"))

    def analysed(self, space: Space, ids: Iterable[int]) -> set[int]:
        """The ids among these of usable tracks that have vectors in a space."""
        condition, values = among("t.id", ids)
        return {track_id for (track_id,) in self._db.execute(f"SELECT t.id {_MEANS}{condition}", (space.id, *values))}

    def all_slices(
        self, space: Space, only: Iterable[int] | None = None
    ) -> Iterator[tuple[int, np.ndarray, np.ndarray, np.ndarray]]:
        """Id, and starts, embeddings and probabilities as of `slices`, for each track, or each of some ids, in order
        of ids."""
        condition, values = among("t.id", only)
        for row in self._db.execute(f"{_SLICES}{condition} ORDER BY t.id", (space.id, *values)):
            yield row[0], *slices_from_row(*row[1:], len(space.labels))
