"""The tables of a library, as steps from one version to the next; PRAGMA user_version has the version."""

import sqlite3

from kgenre.core.errors import KgenreError

APPLICATION_ID = 0x6B67656E  # "kgen": distinguishes libraries from other programs' SQLite files
FIRST_VERSION = 5  # what MIGRATIONS[0] makes; versions 1 to 4 were never released

# A step is a tuple of statements. A released step is never changed: append another one.
MIGRATIONS = (
    (
        """CREATE TABLE tracks (
            id INTEGER PRIMARY KEY,
            path BLOB NOT NULL UNIQUE,  -- the bytes of the file system
            size INTEGER NOT NULL,
            mtime_ns INTEGER NOT NULL,  -- -1: the next scan tries the file again
            file_hash BLOB,  -- of parts of the file: with size and time it identifies a moved file
            audio_hash BLOB,  -- of the encoded audio without tags; NULL if the file cannot be used
            title TEXT NOT NULL DEFAULT '',
            artist TEXT NOT NULL DEFAULT '',
            album TEXT NOT NULL DEFAULT '',
            year INTEGER,
            genre TEXT NOT NULL DEFAULT '',
            seconds REAL,
            gain_db REAL,
            state TEXT NOT NULL CHECK (state IN ('ok', 'failed', 'removed')),
            reason TEXT NOT NULL DEFAULT ''  -- why it failed; for a track that is ok, a note
        )""",
        "CREATE INDEX tracks_by_audio ON tracks (audio_hash)",
        """CREATE TABLE spaces (
            id INTEGER PRIMARY KEY,
            name TEXT NOT NULL,
            identity TEXT NOT NULL,
            config_hash TEXT NOT NULL,
            config TEXT NOT NULL,  -- JSON: labels, tags, numbers of the slices, policy, decoder versions
            used REAL NOT NULL,  -- seconds since 1970
            UNIQUE (identity, config_hash)
        )""",
        # Analyses, positions and corrections belong to audio, not to paths: copies share them, a moved file keeps
        # them, and another song under the same path does not inherit them.
        """CREATE TABLE vectors (
            space_id INTEGER NOT NULL REFERENCES spaces (id),
            audio_hash BLOB NOT NULL,
            mean BLOB NOT NULL,  -- float32 (d,)
            probabilities BLOB NOT NULL,  -- float32 (classes,)
            tags BLOB NOT NULL,  -- float16 (tags,), probabilities
            PRIMARY KEY (space_id, audio_hash)
        )""",
        # Separate from the means, which are read all at once.
        """CREATE TABLE slices (
            space_id INTEGER NOT NULL REFERENCES spaces (id),
            audio_hash BLOB NOT NULL,
            starts BLOB NOT NULL,  -- float32 seconds (slices,)
            embeddings BLOB NOT NULL,  -- float16 (slices, d)
            probabilities BLOB NOT NULL,  -- float16 (slices, classes)
            PRIMARY KEY (space_id, audio_hash)
        )""",
        # Audio whose analysis in a space is of its first pass: of a few slices, until the whole one replaces it.
        """CREATE TABLE provisional (
            space_id INTEGER NOT NULL REFERENCES spaces (id),
            audio_hash BLOB NOT NULL,
            PRIMARY KEY (space_id, audio_hash)
        ) WITHOUT ROWID""",
        # Audio that the model of one space cannot analyse, and that another space has.
        """CREATE TABLE failed_analyses (
            space_id INTEGER NOT NULL REFERENCES spaces (id),
            audio_hash BLOB NOT NULL,
            reason TEXT NOT NULL,
            PRIMARY KEY (space_id, audio_hash)
        ) WITHOUT ROWID""",
        """CREATE TABLE positions (
            space_id INTEGER NOT NULL REFERENCES spaces (id),
            audio_hash BLOB NOT NULL,
            x REAL NOT NULL,
            y REAL NOT NULL,
            PRIMARY KEY (space_id, audio_hash)
        ) WITHOUT ROWID""",
        """CREATE TABLE corrections (
            audio_hash BLOB PRIMARY KEY,
            genre TEXT NOT NULL,
            at REAL NOT NULL  -- seconds since 1970
        ) WITHOUT ROWID""",
        "CREATE TABLE roots (path BLOB PRIMARY KEY, scanned REAL NOT NULL) WITHOUT ROWID",
        "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    ),
)


def migrate(connection: sqlite3.Connection, path) -> None:
    """Brings a new or older file up to this version, all steps in one transaction.

    Raises:
        KgenreError: another program's file, or a library of a version that this one cannot read.
    """
    if _steps_done(connection, path) == len(MIGRATIONS):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        for step in MIGRATIONS[_steps_done(connection, path) :]:  # again: another process may have been faster
            for statement in step:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {_latest_version()}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _latest_version() -> int:
    return FIRST_VERSION + len(MIGRATIONS) - 1


def _steps_done(connection: sqlite3.Connection, path) -> int:
    """How many of MIGRATIONS the file has; 0 for an empty file."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (owner,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if not tables:
        return 0
    if owner != APPLICATION_ID:
        raise KgenreError(f"{path}: an SQLite file, but not a library of kgenre. Name another file with --library.")
    if version > _latest_version():
        raise KgenreError(
            f"{path}: made by a newer kgenre (tables of version {version}; this one knows up to {_latest_version()}). "
            "Update kgenre, or name another file with --library."
        )
    if version < FIRST_VERSION:
        raise KgenreError(
            f"{path}: tables of version {version}, which no released kgenre made. Name another file with --library."
        )
    return version - FIRST_VERSION + 1
