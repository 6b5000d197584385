"""The tables of a library, as steps from one version to the next; PRAGMA user_version counts them."""

import sqlite3

from kgenre.core.errors import KgenreError

APPLICATION_ID = 0x6B67656E  # "kgen": tells our files from other programs' SQLite files

# A step is a tuple of statements. What is here has been released: append a step, never change one.
MIGRATIONS = (
    (
        """CREATE TABLE tracks (
            id INTEGER PRIMARY KEY,
            path BLOB NOT NULL UNIQUE,  -- the bytes that the system knows it by
            size INTEGER NOT NULL,
            mtime_ns INTEGER NOT NULL,  -- -1: look again at the next scan
            file_hash BLOB,  -- of parts of the file: by it, size and time a moved file is known
            audio_hash BLOB,  -- of the encoded audio without tags; NULL where the file cannot be used
            title TEXT NOT NULL DEFAULT '',
            artist TEXT NOT NULL DEFAULT '',
            album TEXT NOT NULL DEFAULT '',
            year INTEGER,
            genre TEXT NOT NULL DEFAULT '',
            seconds REAL,
            gain_db REAL,
            state TEXT NOT NULL CHECK (state IN ('ok', 'failed', 'removed')),
            reason TEXT NOT NULL DEFAULT ''  -- why it failed; of a track that is ok, what is odd about it
        )""",
        "CREATE INDEX tracks_by_audio ON tracks (audio_hash)",
        """CREATE TABLE spaces (
            id INTEGER PRIMARY KEY,
            name TEXT NOT NULL,
            identity TEXT NOT NULL,
            config_hash TEXT NOT NULL,
            config TEXT NOT NULL,  -- JSON: labels, sample_rate, slice_samples, hop_samples, slices_per_track, decoder
            used REAL NOT NULL,
            UNIQUE (identity, config_hash)
        )""",
        # Vectors belong to audio, not to paths: copies share them, and a moved file brings them along.
        """CREATE TABLE vectors (
            space_id INTEGER NOT NULL REFERENCES spaces (id),
            audio_hash BLOB NOT NULL,
            mean BLOB NOT NULL,  -- float32 (d,)
            probabilities BLOB NOT NULL,  -- float32 (classes,)
            PRIMARY KEY (space_id, audio_hash)
        )""",
        # Apart from the means, which are read all at once.
        """CREATE TABLE slices (
            space_id INTEGER NOT NULL REFERENCES spaces (id),
            audio_hash BLOB NOT NULL,
            starts BLOB NOT NULL,  -- float32 seconds (slices,)
            embeddings BLOB NOT NULL,  -- float16 (slices, d)
            probabilities BLOB NOT NULL,  -- float16 (slices, classes)
            PRIMARY KEY (space_id, audio_hash)
        )""",
        """CREATE TABLE positions (
            space_id INTEGER NOT NULL REFERENCES spaces (id),
            track_id INTEGER NOT NULL REFERENCES tracks (id),
            x REAL NOT NULL,
            y REAL NOT NULL,
            PRIMARY KEY (space_id, track_id)
        ) WITHOUT ROWID""",
        """CREATE TABLE corrections (
            track_id INTEGER PRIMARY KEY REFERENCES tracks (id),
            genre TEXT NOT NULL,
            at REAL NOT NULL  -- seconds since 1970
        )""",
        "CREATE TABLE roots (path BLOB PRIMARY KEY, scanned REAL NOT NULL) WITHOUT ROWID",
        "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    ),
    # Places and corrections belong to audio as vectors do: a path that gets another song has neither of the old one's,
    # and an album whose files are numbered anew brings its own along.
    (
        "ALTER TABLE positions RENAME TO old_positions",
        """CREATE TABLE positions (
            space_id INTEGER NOT NULL REFERENCES spaces (id),
            audio_hash BLOB NOT NULL,
            x REAL NOT NULL,
            y REAL NOT NULL,
            PRIMARY KEY (space_id, audio_hash)
        ) WITHOUT ROWID""",
        """INSERT OR IGNORE INTO positions SELECT p.space_id, t.audio_hash, p.x, p.y FROM old_positions p
            JOIN tracks t ON t.id = p.track_id WHERE t.audio_hash IS NOT NULL ORDER BY t.id""",
        "DROP TABLE old_positions",
        "ALTER TABLE corrections RENAME TO old_corrections",
        """CREATE TABLE corrections (
            audio_hash BLOB PRIMARY KEY,
            genre TEXT NOT NULL,
            at REAL NOT NULL  -- seconds since 1970
        ) WITHOUT ROWID""",
        """INSERT OR IGNORE INTO corrections SELECT t.audio_hash, c.genre, c.at FROM old_corrections c
            JOIN tracks t ON t.id = c.track_id WHERE t.audio_hash IS NOT NULL ORDER BY c.at DESC""",
        "DROP TABLE old_corrections",
        # Audio that one model, or one way of listening, can make nothing of, and another can.
        """CREATE TABLE unheard (
            space_id INTEGER NOT NULL REFERENCES spaces (id),
            audio_hash BLOB NOT NULL,
            reason TEXT NOT NULL,
            PRIMARY KEY (space_id, audio_hash)
        ) WITHOUT ROWID""",
    ),
)


def migrate(connection: sqlite3.Connection, path) -> None:
    """Brings the file up to this version, all steps in one transaction.

    Raises:
        KgenreError: another program's file, or one of a newer kgenre.
    """
    if _version(connection, path) == len(MIGRATIONS):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        for number in range(_version(connection, path), len(MIGRATIONS)):  # again: another process may have been faster
            for statement in MIGRATIONS[number]:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _version(connection: sqlite3.Connection, path) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (owner,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if tables and owner != APPLICATION_ID:
        raise KgenreError(f"{path}: an SQLite file, but not a library of kgenre. Name another file with --library.")
    if version > len(MIGRATIONS):
        raise KgenreError(
            f"{path}: made by a newer kgenre (version {version} of the tables; this one knows {len(MIGRATIONS)}). "
            "Update kgenre, or name another file with --library."
        )
    return version
