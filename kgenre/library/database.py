"""One SQLite file that any thread may read and write, each through a connection of its own."""

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

from kgenre.core.errors import KgenreError
from kgenre.library.schema import migrate


class _Lease:
    """A thread's connection, which becomes free when the thread ends.

    A server's threads come and go: a new connection for each would run out of file descriptors in the end.
    """

    def __init__(self, connection: sqlite3.Connection, free: list):
        self.connection, self.free = connection, free

    def __del__(self):
        self.free.append(self.connection)


class Database:
    """A library file in WAL mode.

    Args:
        path: the file.
        create: create the file if it does not exist.

    Raises:
        KgenreError: the file does not exist, is not a library, was made by another version, or cannot be written.
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
        """Closes the connections of all threads."""
        with self._lock:
            for connection in self._all:
                connection.close()
            self._all, self._free = [], []  # new lists: leases may still return connections to the old ones
        self._local = threading.local()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def _db(self) -> sqlite3.Connection:
        """This thread's connection."""
        if not hasattr(self._local, "lease"):
            with self._lock:
                connection = self._free.pop() if self._free else self._connect()
            if connection.in_transaction:  # its thread ended within a transaction
                connection.execute("ROLLBACK")
            self._local.lease = _Lease(connection, self._free)
        return self._local.lease.connection

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=30.0, isolation_level=None, check_same_thread=False)
        self._all.append(connection)
        connection.execute("PRAGMA journal_mode = WAL")
        # In WAL mode the file stays valid without a sync at each commit; a power cut may lose the last commits.
        connection.execute("PRAGMA synchronous = NORMAL")
        return connection

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """A transaction: everything that is written within it, or nothing. May be nested; the outermost one counts.

        Raises:
            KgenreError: the file cannot be written.
        """
        if self._db.in_transaction:
            yield
            return
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield
            self._db.execute("COMMIT")
        except sqlite3.OperationalError as error:  # a full disk, a lock that is never released
            raise KgenreError(
                f"{self.path}: cannot be written ({error}). Free disk space, or stop its other user."
            ) from error
        finally:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")

    def begin_snapshot(self) -> None:
        """From now on this thread reads one state of the file, until the library is closed."""
        self._db.execute("BEGIN")

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Several queries that see one state of the file."""
        if self._db.in_transaction:
            yield
            return
        self._db.execute("BEGIN")
        try:
            yield
        finally:
            self._db.execute("COMMIT")
