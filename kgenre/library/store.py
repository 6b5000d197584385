"""The library: one SQLite file in WAL mode; outside this module there are arrays and tables, no SQL.

Vectors are kept by the hash of the audio: copies of a file share them, and a file that was moved or
tagged anew still has them. Each model with its settings has a space of its own, so that vectors of two
models never meet.
"""

import contextlib
import hashlib
import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, astuple
from pathlib import Path

import numpy as np
import pandas as pd

from kgenre.core.errors import KgenreError
from kgenre.library.records import SAVE, Known, Space, Track, TrackAnalysis, as_text, slices_of, space_of
from kgenre.library.schema import migrate

PLACE = Path(".kgenre") / "library.sqlite"  # in the folder of the music
TEXTS = ("title", "artist", "album", "genre")


class _Lease:
    """A thread's connection, which goes back to those that are free when the thread ends.

    A server's threads come and go: a new connection for each would run out of files in the end.
    """

    def __init__(self, connection: sqlite3.Connection, free: list):
        self.connection, self.free = connection, free

    def __del__(self):
        self.free.append(self.connection)


class Library:
    """A library file. Any thread may use it; each has a connection of its own.

    Args:
        path: the file; `default_library_path` has the default.
        create: make the file if it is not there.

    Raises:
        KgenreError: not there, not a library, made by a newer version, or may not be written.
    """

    def __init__(self, path, create: bool = True):
        self.path = Path(path)
        self._local, self._all, self._free, self._lock = threading.local(), [], [], threading.Lock()
        if not create and not self.path.is_file():
            raise KgenreError(f"{self.path}: no such library. `kgenre explore DIR` makes one of a folder of music.")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            migrate(self._db, self.path)
        except (sqlite3.Error, OSError) as error:
            self.close()
            cause = getattr(error, "strerror", None) or error
            raise KgenreError(
                f"{self.path}: cannot be opened as a library ({cause}). "
                "Delete it if it is damaged, or name another file with --library."
            ) from error
        except KgenreError:
            self.close()
            raise

    def close(self) -> None:
        with self._lock:
            for connection in self._all:
                connection.close()
            self._all, self._free = [], []  # new ones: leases may still give back to the old
        self._local = threading.local()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def _db(self) -> sqlite3.Connection:
        if not hasattr(self._local, "lease"):
            with self._lock:
                connection = self._free.pop() if self._free else self._new()
            if connection.in_transaction:  # its thread ended within one
                connection.execute("ROLLBACK")
            self._local.lease = _Lease(connection, self._free)
        return self._local.lease.connection

    def _new(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=30.0, isolation_level=None, check_same_thread=False)
        self._all.append(connection)
        connection.execute("PRAGMA journal_mode = WAL")
        # In WAL mode the file stays whole without a sync at each commit; a power cut may take the last ones.
        connection.execute("PRAGMA synchronous = NORMAL")
        return connection

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """One transaction: all that is written within it, or nothing. May be nested; the outermost counts."""
        if self._db.in_transaction:
            yield
            return
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield
            self._db.execute("COMMIT")
        except sqlite3.OperationalError as error:  # a full disk, a lock that is never given up
            raise KgenreError(f"{self.path}: cannot be written ({error}).") from error
        finally:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")

    # Tracks.

    def tracks(self) -> pd.DataFrame:
        """Tracks that can be used, index id: path, title, artist, album, year, genre (of the tags), folder, seconds,
        gain_db.

        Paths are text as os.fsdecode gives; `folder` is relative to the folder that was scanned. `gain_db` brings
        the track to the common loudness. Year, seconds and gain are NaN where unknown.
        """
        names = ("id", "path", *TEXTS, "year", "seconds", "gain_db")
        rows = self._db.execute(f"SELECT {', '.join(names)} FROM tracks WHERE state = 'ok' ORDER BY id").fetchall()
        columns = dict(zip(names, zip(*rows) if rows else [()] * len(names)))
        columns["path"] = [os.fsdecode(path) for path in columns["path"]]
        folder_of = _folder_namer(self.roots())
        texts = {name: columns[name] for name in ("path", "title", "artist", "album")}
        texts |= {"genre": columns["genre"], "folder": [folder_of(path) for path in columns["path"]]}
        table = {name: pd.Series(list(values), dtype=object) for name, values in texts.items()}
        table |= {name: np.array(columns[name], "float64") for name in ("year", "seconds", "gain_db")}
        table = pd.DataFrame(table, columns=["path", "title", "artist", "album", "year", "genre", "folder",
                                             "seconds", "gain_db"])  # fmt: skip
        table.index = pd.Index(np.array(columns["id"], "int64"), name="id")
        return table

    def failures(self, space: Space | None = None) -> pd.DataFrame:
        """Files and folders that cannot be used, by nobody or by the space's model, sorted by path: path, reason."""
        query = """SELECT path, reason FROM tracks WHERE state = 'failed' UNION ALL
            SELECT t.path, u.reason FROM tracks t JOIN unheard u ON u.audio_hash = t.audio_hash AND u.space_id = ?
            WHERE t.state = 'ok' ORDER BY path"""
        rows = self._db.execute(query, (space and space.id,)).fetchall()
        paths, reasons = [os.fsdecode(path) for path, _ in rows], [reason for _, reason in rows]
        return pd.DataFrame({"path": pd.Series(paths, dtype=object), "reason": pd.Series(reasons, dtype=object)})

    def notes(self) -> dict[str, str]:
        """{path: what is odd} of tracks that can be used all the same."""
        rows = self._db.execute("SELECT path, reason FROM tracks WHERE state = 'ok' AND reason != '' ORDER BY path")
        return {os.fsdecode(path): reason for path, reason in rows}

    def path_of(self, track_id: int) -> str:
        """The path of a track that can be used.

        Raises:
            KgenreError: no such track.
        """
        # SQLite holds 64 bits; a larger number would be an OverflowError.
        known = isinstance(track_id, (int, np.integer)) and 0 <= track_id < 1 << 63
        query = "SELECT path FROM tracks WHERE id = ? AND state = 'ok'"
        row = self._db.execute(query, (int(track_id),)).fetchone() if known else None
        if row is None:
            raise KgenreError(f"{self.path}: no track has the id {track_id!r}.")
        return os.fsdecode(row[0])

    def id_of(self, path) -> int | None:
        """The id of a track that can be used; None if the library does not hold the path."""
        query = "SELECT id FROM tracks WHERE path = ? AND state = 'ok'"
        row = self._db.execute(query, (os.fsencode(path),)).fetchone()
        return row[0] if row else None

    def copies(self) -> dict[int, int]:
        """{track id: lowest id of a track with the same audio} of the tracks that have copies."""
        query = """SELECT t.id, c.first FROM tracks t JOIN
            (SELECT audio_hash, min(id) AS first FROM tracks WHERE state = 'ok' GROUP BY audio_hash HAVING count(*) > 1)
            c ON c.audio_hash = t.audio_hash WHERE t.state = 'ok'"""
        return dict(self._db.execute(query))

    # Spaces and what models said.

    def spaces(self) -> list[Space]:
        """All spaces, the one used last first."""
        query = "SELECT id, name, identity, config_hash, config FROM spaces ORDER BY used DESC, id DESC"
        return [space_of(*row) for row in self._db.execute(query)]

    def space(self, identity: str | None = None) -> Space:
        """The space of a model, by its identity or name; the one that was used last if none is named.

        Raises:
            KgenreError: there is none.
        """
        spaces = self.spaces()
        if not spaces:
            raise KgenreError(f"{self.path}: nothing has been listened to yet. `kgenre explore DIR` does it.")
        for space in spaces:
            if identity is None or identity in (space.identity, space.name):
                return space
        known = ", ".join(dict.fromkeys(f"{space.name} ({space.identity})" for space in spaces))
        raise KgenreError(f"{self.path}: holds no vectors of the model {identity!r}. Known: {known}.")

    def open_space(self, model, windows: int | None = None, decoder: str = "") -> Space:
        """The space of a model that listens so; made if it is not there.

        The decoder's version is noted, but is no space of its own: an update of it moves samples by less than an
        encoder does, and is no reason to listen to a library anew.
        """
        config = asdict(model.slice_spec)
        config |= {"labels": list(model.task.labels), "windows": windows}
        digest = hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()[:16]
        with self.writing():
            self._db.execute(
                """INSERT INTO spaces (name, identity, config_hash, config, used) VALUES (?, ?, ?, ?, ?)
                ON CONFLICT (identity, config_hash) DO UPDATE SET used = excluded.used, name = excluded.name""",
                (model.name, model.identity, digest, json.dumps({**config, "decoder": decoder}), time.time()),
            )
        return next(one for one in self.spaces() if (one.identity, one.config_hash) == (model.identity, digest))

    def vectors(self, space: Space) -> tuple[np.ndarray, np.ndarray]:
        """Ids int64 (n,), ascending, and the mean embedding of each track, float32 (n, d). Copies have equal rows."""
        return self._means(space, "mean")

    def probabilities(self, space: Space) -> tuple[np.ndarray, np.ndarray]:
        """Ids as `vectors` gives, and the mean probabilities of each track, float32 (n, classes)."""
        return self._means(space, "probabilities")

    def _means(self, space: Space, column: str) -> tuple[np.ndarray, np.ndarray]:
        source = "FROM tracks t JOIN vectors v ON v.space_id = ? AND v.audio_hash = t.audio_hash WHERE t.state = 'ok'"
        with self._reading():
            (n,) = self._db.execute(f"SELECT count(*) {source}", (space.id,)).fetchone()
            ids, means = np.empty(n, "int64"), None
            rows = self._db.execute(f"SELECT t.id, v.{column} {source} ORDER BY t.id", (space.id,))
            for i, (track_id, blob) in enumerate(rows):
                row = np.frombuffer(blob, "<f4")
                means = np.empty((n, len(row)), "float32") if means is None else means
                ids[i], means[i] = track_id, row
        return ids, np.empty((0, 0), "float32") if means is None else means

    def slices(self, space: Space, track_id: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Starts (slices,) in seconds, embeddings (slices, d), probabilities (slices, classes) of a track; float32.

        Raises:
            KgenreError: no such track, or the space does not hold it.
        """
        self.path_of(track_id)
        row = self._db.execute(_SLICES + " AND t.id = ?", (space.id, int(track_id))).fetchone()
        if row is None:
            raise KgenreError(f"{self.path}: {space.name} has not listened to the track with the id {track_id}.")
        return slices_of(*row[1:], len(space.labels))

    def all_slices(self, space: Space) -> Iterator[tuple[int, np.ndarray, np.ndarray, np.ndarray]]:
        """Id, and starts, embeddings and probabilities as `slices` gives, of each track in order of ids."""
        for row in self._db.execute(_SLICES + " ORDER BY t.id", (space.id,)):
            yield row[0], *slices_of(*row[1:], len(space.labels))

    # The map, corrections, and odds and ends of the page.

    def positions(self, space: Space) -> tuple[np.ndarray, np.ndarray]:
        """Ids int64 (n,), ascending, and places on the map, float32 (n, 2), of the tracks that have one."""
        query = """SELECT t.id, p.x, p.y FROM tracks t
            JOIN positions p ON p.space_id = ? AND p.audio_hash = t.audio_hash WHERE t.state = 'ok' ORDER BY t.id"""
        rows = self._db.execute(query, (space.id,)).fetchall()
        return np.array([row[0] for row in rows], "int64"), np.array([row[1:] for row in rows], "float32").reshape(
            -1, 2
        )

    def set_positions(self, space: Space, ids: Sequence[int], xy: np.ndarray) -> None:
        """Places the tracks, and with each its copies; the others stay where they are."""
        rows = [(space.id, float(x), float(y), int(track_id)) for track_id, (x, y) in zip(ids, xy, strict=True)]
        query = "INSERT OR REPLACE INTO positions SELECT ?, audio_hash, ?, ? FROM tracks WHERE id = ? AND state = 'ok'"
        with self.writing():
            self._db.executemany(query, rows)

    def corrections(self) -> dict[int, str]:
        """{track id: genre} as the listener corrected it; of copies, all."""
        query = """SELECT t.id, c.genre FROM corrections c JOIN tracks t ON t.audio_hash = c.audio_hash
            WHERE t.state = 'ok' ORDER BY t.id"""
        return dict(self._db.execute(query))

    def correct(self, track_id: int, genre: str | None) -> None:
        """Notes what the listener says a track is; None takes the correction back.

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
        """A JSON value that was kept under a name."""
        row = self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return default if row is None else json.loads(row[0])

    def set_meta(self, name: str, value) -> None:
        with self.writing():
            self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, json.dumps(value)))

    # For scans.

    def roots(self) -> list[str]:
        """Folders that were scanned."""
        return [os.fsdecode(path) for (path,) in self._db.execute("SELECT path FROM roots ORDER BY path")]

    def add_root(self, folder: bytes) -> None:
        with self.writing():
            self._db.execute("INSERT OR REPLACE INTO roots VALUES (?, ?)", (folder, time.time()))

    def drop_root(self, folder: bytes) -> None:
        with self.writing():
            self._db.execute("DELETE FROM roots WHERE path = ?", (folder,))

    def known(self, space: Space) -> dict[bytes, Known]:
        """{path: what is known} of all files, removed ones too, in one query."""
        query = """SELECT t.path, t.id, t.size, t.mtime_ns, t.state, v.audio_hash IS NOT NULL, u.audio_hash IS NOT NULL,
            t.file_hash, t.audio_hash FROM tracks t
            LEFT JOIN vectors v ON v.space_id = ?1 AND v.audio_hash = t.audio_hash
            LEFT JOIN unheard u ON u.space_id = ?1 AND u.audio_hash = t.audio_hash"""
        return {path: Known(*rest) for path, *rest in self._db.execute(query, (space.id,))}

    def has_heard(self, audio_hash: bytes, space: Space | None = None) -> bool:
        """Whether this audio has vectors, in a space or in any."""
        query = "SELECT 1 FROM vectors WHERE audio_hash = ?1 AND space_id = coalesce(?2, space_id) LIMIT 1"
        return self._db.execute(query, (audio_hash, space and space.id)).fetchone() is not None

    def measured(self, audio_hash: bytes) -> tuple[float | None, float | None, str] | None:
        """Seconds, gain and note of a track with this audio, if the library holds one, removed or not."""
        query = "SELECT seconds, gain_db, reason FROM tracks WHERE audio_hash = ? LIMIT 1"
        return self._db.execute(query, (audio_hash,)).fetchone()

    def save(self, tracks: Iterable[Track]) -> None:
        """Adds tracks, or takes their paths' rows for them."""
        with self.writing():
            self._db.executemany(SAVE, (astuple(track) for track in tracks))

    def save_heard(self, space: Space, audio_hash: bytes, heard: TrackAnalysis) -> None:
        key = (space.id, audio_hash)
        with self.writing():
            self._db.execute("DELETE FROM unheard WHERE space_id = ? AND audio_hash = ?", key)
            self._db.execute("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?, ?)", (*key, *heard.means()))
            self._db.execute("INSERT OR REPLACE INTO slices VALUES (?, ?, ?, ?, ?)", (*key, *heard.slices()))

    def fail(self, path: bytes, size: int, mtime_ns: int, reason: str) -> None:
        """Notes why a file cannot be used. With `mtime_ns` -1 the next scan looks again, changed or not."""
        with self.writing():
            self._db.execute(
                """INSERT INTO tracks (path, size, mtime_ns, state, reason) VALUES (?, ?, ?, 'failed', ?)
                ON CONFLICT (path) DO UPDATE SET size = excluded.size, mtime_ns = excluded.mtime_ns, state = 'failed',
                reason = excluded.reason, audio_hash = NULL, file_hash = NULL""",
                (path, size, mtime_ns, as_text(reason)),
            )

    def fail_in(self, space: Space, audio_hash: bytes, reason: str) -> None:
        """Notes why one space's model can make nothing of audio that another has heard."""
        with self.writing():
            row = (space.id, audio_hash, as_text(reason))
            self._db.execute("INSERT OR REPLACE INTO unheard VALUES (?, ?, ?)", row)

    def mark_removed(self, ids: Iterable[int]) -> None:
        with self.writing():
            self._db.executemany("UPDATE tracks SET state = 'removed' WHERE id = ?", ((i,) for i in ids))

    def mark_returned(self, ids: Iterable[int]) -> None:
        """Files that are there again as they were: as good as they were."""
        query = "UPDATE tracks SET state = iif(audio_hash IS NULL, 'failed', 'ok') WHERE id = ? AND state = 'removed'"
        with self.writing():
            self._db.executemany(query, ((i,) for i in ids))

    def move(self, track_id: int, path: bytes) -> None:
        """Gives a track the path that its file has now, if no other has it; what was noted of it stays."""
        with self.writing():
            self._db.execute("UPDATE OR IGNORE tracks SET path = ? WHERE id = ?", (path, track_id))

    def note_tags(self, path: bytes, size: int, mtime_ns: int, file_hash: bytes, genre: str) -> None:
        """Notes a genre that was written to a file, and what the file is like since: no scan need open it."""
        query = "UPDATE tracks SET size = ?, mtime_ns = ?, file_hash = ?, genre = ? WHERE path = ? AND state = 'ok'"
        with self.writing():
            self._db.execute(query, (size, mtime_ns, file_hash, genre, path))

    def hold(self) -> None:
        """All that this thread reads from now on is of one moment, until the library is closed."""
        self._db.execute("BEGIN")

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        """Several queries that see one state of the file."""
        if self._db.in_transaction:
            yield
            return
        self._db.execute("BEGIN")
        try:
            yield
        finally:
            self._db.execute("COMMIT")


_SLICES = """SELECT t.id, s.starts, s.embeddings, s.probabilities FROM tracks t
    JOIN slices s ON s.space_id = ? AND s.audio_hash = t.audio_hash WHERE t.state = 'ok'"""


def _folder_namer(roots: list[str]):
    """A function from a path to its folder's name, relative to the deepest of `roots` that it lies in."""
    roots, named = sorted(roots, key=len, reverse=True), {}

    def name(path: str) -> str:
        folder = os.path.dirname(path)
        if folder not in named:
            root = next((root for root in roots if folder == root or folder.startswith(root.rstrip("/") + "/")), None)
            named[folder] = folder if root is None else os.path.relpath(folder, root)
        return named[folder]

    return name


def default_library_path(folder) -> Path:
    """Where the library of a folder of music is kept if no other place is named."""
    return Path(folder) / PLACE


def find_library(near) -> Path:
    """The library of the folder that holds `near`, or of one above it.

    Raises:
        KgenreError: there is none.
    """
    near = Path(os.path.abspath(near))
    for folder in (near, *near.parents):
        if default_library_path(folder).is_file():
            return default_library_path(folder)
    raise KgenreError(f"{near}: lies in no folder with a library. Name one with --library, or `kgenre explore DIR`.")
