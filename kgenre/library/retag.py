"""Genre tags written to files: first shown, then written with a backup, and taken back from it.

A file is copied, the copy is tagged, compared and renamed into place: whatever happens, a song is there as it
was or as it shall be. Where writing the tag would change the audio that follows it, the file is left alone.
"""

import json
import os
import shutil
import struct
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import mutagen
from mutagen.id3 import ID3, TCON

from kgenre.errors import KgenreError
from kgenre.library.fingerprint import audio_hash, file_hash
from kgenre.library.store import Library, as_text
from kgenre.run import write_beside

# Where each kind of tags keeps the genre; of ID3 it is the frame TCON.
KEYS = {"VComment": "genre", "MP4Tags": "\xa9gen", "ASFTags": "WM/Genre", "APEv2": "Genre"}
FAULTS = (KgenreError, mutagen.MutagenError, OSError, ValueError, LookupError, TypeError, struct.error)


@dataclass(frozen=True)
class Change:
    """The genres that a file's tags name, and those that they shall name."""

    track_id: int
    path: str
    before: list[str]
    after: list[str]


@dataclass
class Written:
    """What was written, what was not and why, and the file that takes it back (None if nothing was written)."""

    changes: list[Change] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    backup: Path | None = None


def plan(library: Library, genres: dict[int, str]) -> Written:
    """What writing these genres would change; touches no file.

    Args:
        genres: {track id: genre}.
    """
    planned = Written()
    for track_id, genre in genres.items():
        path = library.path_of(track_id)
        try:
            before = read_genres(path)
        except FAULTS as error:
            planned.failures[path] = _cause(error)
            continue
        if before != [genre]:
            planned.changes.append(Change(track_id, path, before, [genre]))
    return planned


def write(library: Library, changes: Iterable[Change]) -> Written:
    """Writes the genres; each change is in the backup, beside the library, before its file is touched."""
    written = Written()
    backup = library.path.with_name(
        f"tags-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}-{time.time_ns() % 10**6}.json"
    )
    with backup.open("x", encoding="utf-8") as file:
        for change in changes:
            file.write(json.dumps(asdict(change)) + "\n")  # ASCII: half characters of odd names are escaped
            file.flush()
            os.fsync(file.fileno())
            _apply(library, change, written)
    if written.changes:
        written.backup = backup
    else:
        backup.unlink()
    return written


def undo(library: Library, backup) -> Written:
    """Takes back what a backup lists, in files whose genre is still the one that was written.

    Raises:
        KgenreError: no backup.
    """
    try:
        lines = Path(backup).read_text(encoding="utf-8").splitlines()
        changes = [Change(**json.loads(line)) for line in lines]
    except (OSError, ValueError, TypeError) as error:
        raise KgenreError(f"{backup}: not a backup of tags ({error}).") from error
    undone = Written()
    for change in reversed(changes):
        _apply(library, Change(change.track_id, change.path, change.after, change.before), undone)
    return undone


def read_genres(path) -> list[str]:
    """All genres that a file's tags name, as they are written there."""
    file = _open(path)
    held = file.tags.get(_key(file.tags)) if file.tags is not None else None
    return [str(text) for text in getattr(held, "text", held) or []]


def _apply(library: Library, change: Change, written: Written) -> None:
    path = os.path.realpath(change.path)  # a link stays one
    try:
        if read_genres(path) != change.before:
            raise KgenreError(f"its genre is now {'; '.join(read_genres(path)) or 'none'}, not what was expected.")
        write_beside(path, lambda part: _write_copy(path, part, change.after))
        about = os.stat(change.path)
        genre = as_text(change.after[0] if change.after else "")
        library.note_tags(os.fsencode(change.path), about.st_size, about.st_mtime_ns, file_hash(path), genre)
    except FAULTS as error:
        written.failures[change.path] = _cause(error)
        return
    written.changes.append(change)


def _write_copy(path: str, part: Path, genres: list[str]) -> None:
    shutil.copy2(path, part)
    file = _open(part)
    if file.tags is None:
        file.add_tags()
    _set(file, genres)
    if audio_hash(part) != audio_hash(path):
        raise KgenreError("writing its tags would change its audio; left as it was.")


def _open(path):
    file = mutagen.File(path)
    if file is None:
        raise KgenreError("no tags can be written to a file of this kind.")
    return file


def _key(tags) -> str:
    kinds = {kind.__name__ for kind in type(tags).__mro__}
    return next((key for kind, key in KEYS.items() if kind in kinds), "TCON")


def _set(file, genres: list[str]) -> None:
    key, options = _key(file.tags), {}
    if isinstance(file.tags, ID3):
        if file.tags.version[1] == 3:  # stays what it is: old players read no later one
            file.tags.update_to_v23()
            options = {"v2_version": 3}
        file.tags.delall("TCON")
        if genres:
            file.tags.add(TCON(encoding=1, text=genres))
    elif genres:
        file.tags[key] = genres
    elif key in file.tags:
        del file.tags[key]
    file.save(**options)


def _cause(error: Exception) -> str:
    return " ".join(str(getattr(error, "strerror", None) or error or type(error).__name__).split())
