"""The library: one SQLite file; outside this package's tables there are arrays and data frames, no SQL.

Vectors are stored by the hash of the audio: copies of a file share them, and a file that was moved or tagged again
keeps them. Each model with its settings has a space of its own, so that vectors of two models are never mixed.
"""

import hashlib
import json
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict

import numpy as np
import pandas as pd

from kgenre.audio.policy import DEFAULT_POLICY, ReadPolicy
from kgenre.core.errors import KgenreError
from kgenre.core.files import lasting_name
from kgenre.library.records import Space, space_from_row
from kgenre.library.scan_tables import ScanTables, paths_below
from kgenre.library.vector_tables import BLOCK_ROWS, VectorTables, among
from kgenre.model.tasks import task_values

TEXTS = ("title", "artist", "album", "genre")


class Library(ScanTables, VectorTables):
    """A library file. Any thread may use it; each has a connection of its own.

    Args:
        path: the file; location.default_library_path has the default.
        create: create the file if it does not exist.

    Raises:
        KgenreError: the file does not exist, is not a library, was made by another version, or cannot be written.
    """

    # Tracks.

    def tracks(self, only: Iterable[int] | None = None) -> pd.DataFrame:
        """Tracks that can be used, index id: path, title, artist, album, year, genre (of the tags), folder, seconds,
        gain_db.

        Paths are text as of os.fsdecode; `folder` is relative to the folder that was scanned. `gain_db` brings
        the track to the common loudness. Year, seconds and gain are NaN where unknown.

        `only`: ids of the tracks; None for all.
        """
        names, numbers = ("path", *TEXTS, "folder"), ("id", "year", "seconds", "gain_db")
        condition, values = among("id", only)
        query = f"SELECT id, path, {', '.join(TEXTS)}, year, seconds, gain_db FROM tracks WHERE state = 'ok'{condition}"
        rows, folder_of = self._db.execute(f"{query} ORDER BY id", values), _folder_namer(self.roots())
        columns, shared = {name: [] for name in (*names, *numbers)}, {}
        while block := rows.fetchmany(BLOCK_ROWS):
            ids, paths, *texts, years, seconds, gains = zip(*block)
            paths = [os.fsdecode(path) for path in paths]
            columns["path"] += paths
            columns["folder"] += map(folder_of, paths)
            for name, column in zip(TEXTS, texts):  # a text that many tracks have is held once
                columns[name] += [shared.setdefault(text, text) for text in column]
            for name, column in zip(numbers, (ids, years, seconds, gains)):
                columns[name].append(np.array(column, "int64" if name == "id" else "float64"))
        table = {name: pd.Series(columns[name], dtype=object) for name in names}
        table |= {name: np.concatenate([*columns[name], []]) for name in numbers}
        index = pd.Index(table.pop("id").astype("int64"), name="id")
        order = ["path", "title", "artist", "album", "year", "genre", "folder", "seconds", "gain_db"]
        return pd.DataFrame(table, columns=order).set_index(index)

    def failures(self, space: Space | None = None, folder=None) -> pd.DataFrame:
        """Files and folders that cannot be used, by any model or by the space's, sorted by path: path, reason.

        Args:
            folder: only those below it; None for all.
        """
        query = """SELECT path, reason FROM tracks WHERE state = 'failed' UNION ALL
            SELECT t.path, f.reason FROM tracks t
            JOIN failed_analyses f ON f.audio_hash = t.audio_hash AND f.space_id = ?
            WHERE t.state = 'ok' ORDER BY path"""
        within = paths_below(folder)
        rows = [row for row in self._db.execute(query, (space and space.id,)) if row[0].startswith(within)]
        paths, reasons = [os.fsdecode(path) for path, _ in rows], [reason for _, reason in rows]
        return pd.DataFrame({"path": pd.Series(paths, dtype=object), "reason": pd.Series(reasons, dtype=object)})

    def notes(self) -> dict[str, str]:
        """{path: note} of tracks that can be used although something is wrong with them, such as a truncated end."""
        rows = self._db.execute("SELECT path, reason FROM tracks WHERE state = 'ok' AND reason != '' ORDER BY path")
        return {os.fsdecode(path): reason for path, reason in rows}

    def path_of(self, track_id: int) -> str:
        """The path of a track that can be used.

        Raises:
            KgenreError: no such track.
        """
        # SQLite stores 64 bits; a larger number would raise OverflowError.
        valid = isinstance(track_id, (int, np.integer)) and 0 <= track_id < 1 << 63
        query = "SELECT path FROM tracks WHERE id = ? AND state = 'ok'"
        row = self._db.execute(query, (int(track_id),)).fetchone() if valid else None
        if row is None:
            raise KgenreError(f"{self.path}: no track has the id {track_id!r}.")
        return os.fsdecode(row[0])

    def id_of(self, path) -> int | None:
        """The id of a track that can be used; None if the library has no such path."""
        query = "SELECT id FROM tracks WHERE path = ? AND state = 'ok'"
        row = self._db.execute(query, (os.fsencode(path),)).fetchone()
        return row[0] if row else None

    def id_of_any(self, path) -> int | None:
        """The id of a file, usable or not; None if the library has no such path."""
        row = self._db.execute("SELECT id FROM tracks WHERE path = ?", (os.fsencode(path),)).fetchone()
        return row[0] if row else None

    def texts(self) -> Iterator[tuple[int, str]]:
        """Id, and path, artist and title in one text, of each track that can be used, in order of ids."""
        rows = self._db.execute("SELECT id, path, artist, title FROM tracks WHERE state = 'ok' ORDER BY id")
        for track_id, path, artist, title in rows:
            yield track_id, f"{os.fsdecode(path)} {artist} {title}"

    def copies(self) -> dict[int, int]:
        """{track id: lowest id of a track with the same audio} of the tracks that have copies."""
        query = """SELECT t.id, c.first FROM tracks t JOIN
            (SELECT audio_hash, min(id) AS first FROM tracks WHERE state = 'ok' AND audio_hash IN
                (SELECT audio_hash FROM tracks GROUP BY audio_hash HAVING count(*) > 1)  -- of the index alone
            GROUP BY audio_hash HAVING count(*) > 1)
            c ON c.audio_hash = t.audio_hash WHERE t.state = 'ok'"""
        return dict(self._db.execute(query))

    # Spaces and analyses.

    def spaces(self) -> list[Space]:
        """All spaces, the last used one first."""
        query = "SELECT id, name, identity, config_hash, config FROM spaces ORDER BY used DESC, id DESC"
        return [space_from_row(*row) for row in self._db.execute(query)]

    def space(self, identity: str | None = None) -> Space:
        """The space of a model, by its identity or name; the last used one if `identity` is None.

        Raises:
            KgenreError: there is none.
        """
        spaces = self.spaces()
        if not spaces:
            raise KgenreError(f"{self.path}: no track is analysed yet. Run `kgenre explore DIR`.")
        for space in spaces:
            if identity is None or identity == space.identity or lasting_name(identity) == space.name:
                return space
        known = ", ".join(dict.fromkeys(f"{space.name} ({space.identity})" for space in spaces))
        raise KgenreError(f"{self.path}: has no analysis by the model {identity!r}. Known: {known}.")

    def open_space(self, model, policy: ReadPolicy = DEFAULT_POLICY, versions: str = "") -> Space:
        """The space of a model and a way to read tracks; created if it does not exist.

        The decoder's version is stored but makes no new space: an update of the decoder changes samples less than an
        encoder does, and is no reason to analyse a library again. Nor does a first pass: with one or without, the
        analyses are the same in the end.

        Args:
            model: task.labels, tag_names, slice_spec, name and identity are read.
            policy: how tracks are read.
            versions: of the decoder.
        """
        config = {**model.slice_spec.values(), **task_values(model.task), **asdict(policy), "tags": model.tag_names}
        lasting = {name: value for name, value in config.items() if name != "first_slices"}
        digest = hashlib.sha256(json.dumps(lasting, sort_keys=True).encode()).hexdigest()[:16]
        kept, now = json.dumps({**config, "decoder_versions": versions}), time.time()
        with self.writing():
            self._db.execute(
                """INSERT INTO spaces (name, identity, config_hash, config, used) VALUES (?, ?, ?, ?, ?)
                ON CONFLICT (identity, config_hash)
                DO UPDATE SET used = excluded.used, name = excluded.name, config = excluded.config""",
                (lasting_name(model.name), model.identity, digest, kept, now),
            )
        return next(one for one in self.spaces() if (one.identity, one.config_hash) == (model.identity, digest))

    def slices(self, space: Space, track_id: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Starts (slices,) in seconds, embeddings (slices, d), probabilities (slices, classes) of a track; float32.

        Raises:
            KgenreError: no such track, or it is not analysed in this space.
        """
        self.path_of(track_id)
        found = next(self.all_slices(space, [track_id]), None)
        if found is None:
            raise KgenreError(f"{self.path}: {space.name} has not analysed the track with the id {track_id}.")
        return found[1:]

    # The map, corrections, and values stored by name.

    def positions(self, space: Space) -> tuple[np.ndarray, np.ndarray]:
        """Ids int64 (n,), ascending, and positions on the map, float32 (n, 2), of the tracks that are on it."""
        query = """SELECT t.id, p.x, p.y FROM tracks t
            JOIN positions p ON p.space_id = ? AND p.audio_hash = t.audio_hash WHERE t.state = 'ok' ORDER BY t.id"""
        rows = self._db.execute(query, (space.id,)).fetchall()
        return np.array([row[0] for row in rows], "int64"), np.array([row[1:] for row in rows], "float32").reshape(
            -1, 2
        )

    def set_positions(self, space: Space, ids: Sequence[int], xy: np.ndarray) -> None:
        """Sets the positions (n, 2) of tracks and of their copies; other tracks keep theirs."""
        rows = [(space.id, float(x), float(y), int(track_id)) for track_id, (x, y) in zip(ids, xy, strict=True)]
        query = "INSERT OR REPLACE INTO positions SELECT ?, audio_hash, ?, ? FROM tracks WHERE id = ? AND state = 'ok'"
        with self.writing():
            self._db.executemany(query, rows)

    def corrections(self) -> dict[int, str]:
        """{track id: genre} of all tracks whose genre was corrected, and of their copies."""
        query = """SELECT t.id, c.genre FROM corrections c JOIN tracks t ON t.audio_hash = c.audio_hash
            WHERE t.state = 'ok' ORDER BY t.id"""
        return dict(self._db.execute(query))

    def correct(self, track_id: int, genre: str | None) -> None:
        """Stores a corrected genre of a track and its copies; None deletes the correction.

        Raises:
            KgenreError: no such track.
        """
        self.path_of(track_id)
        audio = "(SELECT audio_hash FROM tracks WHERE id = ?)"
        with self.writing():
            self._db.execute(f"DELETE FROM corrections WHERE audio_hash = {audio}", (int(track_id),))
            if genre is not None:
                row = (int(track_id), genre, time.time())
                self._db.execute(f"INSERT INTO corrections VALUES ({audio}, ?, ?)", row)

    def meta(self, name: str, default=None):
        """The JSON value that is stored under a name."""
        row = self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return default if row is None else json.loads(row[0])

    def set_meta(self, name: str, value) -> None:
        """Stores a JSON value under a name."""
        with self.writing():
            self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, json.dumps(value)))


def _folder_namer(roots: list[str]):
    """A function from a path to its folder, relative to the deepest of `roots` that holds it."""
    roots, names = sorted(roots, key=len, reverse=True), {}

    def name(path: str) -> str:
        folder = os.path.dirname(path)
        if folder not in names:
            root = next((root for root in roots if folder == root or folder.startswith(root.rstrip("/") + "/")), None)
            names[folder] = folder if root is None else os.path.relpath(folder, root)
        return names[folder]

    return name
