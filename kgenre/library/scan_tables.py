"""The part of a library that scans read and write: files, their state, analyses and failures."""

import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import astuple

from kgenre.library.database import Database
from kgenre.library.records import SAVE_TRACK, KnownFile, Space, Track, TrackAnalysis, as_text


def paths_below(folder) -> bytes:
    """What the paths of a library in a folder begin with; b"", with which all begin, for None."""
    return b"" if folder is None else below(os.fsencode(os.path.realpath(folder)))


def below(folder: bytes) -> bytes:
    """What the paths below a folder begin with."""
    return folder.rstrip(b"/") + b"/"


class ScanTables(Database):
    """Methods of Library that a scan uses."""

    def roots(self) -> list[str]:
        """Folders that were scanned."""
        return [os.fsdecode(path) for (path,) in self._db.execute("SELECT path FROM roots ORDER BY path")]

    def add_root(self, folder: bytes) -> None:
        with self.writing():
            self._db.execute("INSERT OR REPLACE INTO roots VALUES (?, ?)", (folder, time.time()))

    def drop_root(self, folder: bytes) -> None:
        with self.writing():
            self._db.execute("DELETE FROM roots WHERE path = ?", (folder,))

    def known_files(self, space: Space) -> Iterator[tuple[bytes, KnownFile]]:
        """Path and KnownFile of all files, removed ones too, in one query; one by one, for there may be millions."""
        query = """SELECT t.path, t.id, t.size, t.mtime_ns, t.state, v.audio_hash IS NOT NULL, f.audio_hash IS NOT NULL,
            t.file_hash, t.audio_hash, p.audio_hash IS NOT NULL FROM tracks t
            LEFT JOIN vectors v ON v.space_id = ?1 AND v.audio_hash = t.audio_hash
            LEFT JOIN failed_analyses f ON f.space_id = ?1 AND f.audio_hash = t.audio_hash
            LEFT JOIN provisional p ON p.space_id = ?1 AND p.audio_hash = t.audio_hash"""
        for row in self._db.execute(query, (space.id,)):
            yield row[0], KnownFile._make(row[1:])

    def has_analysis(self, audio_hash: bytes, space: Space | None = None) -> bool:
        """Whether this audio has vectors, in a space or in any."""
        query = "SELECT 1 FROM vectors WHERE audio_hash = ?1 AND space_id = coalesce(?2, space_id) LIMIT 1"
        return self._db.execute(query, (audio_hash, space and space.id)).fetchone() is not None

    def is_provisional(self, audio_hash: bytes, space: Space) -> bool:
        """Whether the vectors of this audio in a space are of its first pass."""
        query = "SELECT 1 FROM provisional WHERE space_id = ? AND audio_hash = ?"
        return self._db.execute(query, (space.id, audio_hash)).fetchone() is not None

    def provisional_tracks(self, space: Space, folder=None) -> int:
        """How many usable tracks a space knows by their first pass alone: of all, or of those below a folder."""
        query = """SELECT count(*) FROM tracks t JOIN provisional p ON p.space_id = ?1 AND p.audio_hash = t.audio_hash
            WHERE t.state = 'ok' AND substr(t.path, 1, length(?2)) = ?2"""
        return self._db.execute(query, (space.id, paths_below(folder))).fetchone()[0]

    def provisional_recordings(self, space: Space, folder=None) -> int:
        """`provisional_tracks`, with copies of the same audio counted once."""
        query = """SELECT count(DISTINCT p.audio_hash) FROM tracks t
            JOIN provisional p ON p.space_id = ?1 AND p.audio_hash = t.audio_hash
            WHERE t.state = 'ok' AND substr(t.path, 1, length(?2)) = ?2"""
        return self._db.execute(query, (space.id, paths_below(folder))).fetchone()[0]

    def audio_of(self, paths: Iterable[bytes]) -> set[bytes]:
        """The hashes of the audio of files; of a file whose audio is not known, its path."""
        query = "SELECT coalesce(audio_hash, path) FROM tracks WHERE path = ?"
        return {audio for path in paths for (audio,) in self._db.execute(query, (path,))}

    def drop_provisional(self, space: Space, audio_hash: bytes) -> None:
        """Forgets the first pass over audio, and its place on the map, if there was no more than that."""
        if not self.is_provisional(audio_hash, space):
            return
        with self.writing():
            for table in ("provisional", "vectors", "slices", "positions"):
                key = (space.id, audio_hash)
                self._db.execute(f"DELETE FROM {table} WHERE space_id = ? AND audio_hash = ?", key)

    def expect_again(self, audio_hash: bytes) -> None:
        """Has the next scan open all files of this audio again, to measure them again; none is analysed for that."""
        with self.writing():
            self._db.execute("UPDATE tracks SET mtime_ns = -1 WHERE audio_hash = ?", (audio_hash,))

    def measured(self, audio_hash: bytes) -> tuple[float | None, float | None, str] | None:
        """Seconds, gain in dB and note of a track with this audio, removed or not; None if there is no such track."""
        query = "SELECT seconds, gain_db, reason FROM tracks WHERE audio_hash = ? ORDER BY mtime_ns = -1, id LIMIT 1"
        return self._db.execute(query, (audio_hash,)).fetchone()

    def save(self, tracks: Iterable[Track]) -> None:
        """Adds tracks; a track replaces the one with the same path."""
        with self.writing():
            self._db.executemany(SAVE_TRACK, (astuple(track) for track in tracks))

    def save_analysis(
        self, space: Space, audio_hash: bytes, analysis: TrackAnalysis, provisional: bool = False
    ) -> None:
        """Stores the vectors of audio in a space, `provisional` if of a first pass; a stored failure is deleted."""
        key = (space.id, audio_hash)
        with self.writing():
            self._db.execute("DELETE FROM provisional WHERE space_id = ? AND audio_hash = ?", key)
            if provisional:
                self._db.execute("INSERT INTO provisional VALUES (?, ?)", key)
            self._db.execute("DELETE FROM failed_analyses WHERE space_id = ? AND audio_hash = ?", key)
            self._db.execute("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?, ?, ?)", (*key, *analysis.means()))
            self._db.execute("INSERT OR REPLACE INTO slices VALUES (?, ?, ?, ?, ?)", (*key, *analysis.slices()))

    def save_failure(self, path: bytes, size: int, mtime_ns: int, reason: str) -> None:
        """Stores why a file cannot be used. With `mtime_ns` -1 the next scan tries it again, changed or not."""
        with self.writing():
            self._db.execute(
                """INSERT INTO tracks (path, size, mtime_ns, state, reason) VALUES (?, ?, ?, 'failed', ?)
                ON CONFLICT (path) DO UPDATE SET size = excluded.size, mtime_ns = excluded.mtime_ns, state = 'failed',
                reason = excluded.reason, audio_hash = NULL, file_hash = NULL""",
                (path, size, mtime_ns, as_text(reason)),
            )

    def save_analysis_failure(self, space: Space, audio_hash: bytes, reason: str) -> None:
        """Stores why the model of one space cannot analyse audio that is analysed in another space."""
        with self.writing():
            row = (space.id, audio_hash, as_text(reason))
            self._db.execute("INSERT OR REPLACE INTO failed_analyses VALUES (?, ?, ?)", row)

    def mark_removed(self, ids: Iterable[int]) -> None:
        """Marks tracks whose files do not exist now; what is known of them stays."""
        with self.writing():
            self._db.executemany("UPDATE tracks SET state = 'removed' WHERE id = ?", ((i,) for i in ids))

    def mark_returned(self, ids: Iterable[int]) -> None:
        """Restores the state of removed tracks whose files exist again, unchanged."""
        query = "UPDATE tracks SET state = iif(audio_hash IS NULL, 'failed', 'ok') WHERE id = ? AND state = 'removed'"
        with self.writing():
            self._db.executemany(query, ((i,) for i in ids))

    def move(self, track_id: int, path: bytes) -> None:
        """Changes the path of a track, if no other track has the new one."""
        with self.writing():
            self._db.execute("UPDATE OR IGNORE tracks SET path = ? WHERE id = ?", (path, track_id))

    def save_written_tags(self, path: bytes, size: int, mtime_ns: int, file_hash: bytes, genre: str | None) -> None:
        """Stores the new signature of a file whose tags were written, so that no scan opens it again.

        Args:
            genre: that was written; None if the genre has not changed.
        """
        query = """UPDATE tracks SET size = ?, mtime_ns = ?, file_hash = ?, genre = coalesce(?, genre)
            WHERE path = ? AND state = 'ok'"""
        with self.writing():
            self._db.execute(query, (size, mtime_ns, file_hash, genre, path))
