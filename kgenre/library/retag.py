"""Genre tags written to files: first shown, then written with a backup, and taken back from it.

A file is copied, the copy is tagged, compared and renamed into place: whatever happens, a song is there as it
was or as it shall be. Where writing the tag would change the audio that follows it, the file is left alone.
"""

import json
import os
import shutil
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import mutagen
from mutagen.asf import ASF
from mutagen.id3 import ID3, TCON

from kgenre.audio import tags
from kgenre.audio.fingerprint import audio_hash, file_hash
from kgenre.core.errors import KgenreError
from kgenre.core.files import write_beside, write_text
from kgenre.library.store import Library, as_text

# Where each kind of tags keeps the genre. WMA's are left out: its audio is not told from its tags (fingerprint.py).
KEYS = {"ID3": "TCON", "VComment": "genre", "MP4Tags": "\xa9gen", "APEv2": "Genre"}
FAULTS = (KgenreError, NotImplementedError, *tags.FAULTS)
UNKNOWN = "no tags are written to a file of this kind."
BACKUPS = "tags backups"  # in the library: the files that take writings back, the newest last


@dataclass(frozen=True)
class Change:
    """The genres that a file's tags name, and those that they shall name."""

    track_id: int
    path: str
    before: list[str]
    after: list[str]


@dataclass
class Written:
    """What was written, and what was not and why; `again` are those of which another day may go better."""

    changes: list[Change] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    again: list[Change] = field(default_factory=list)


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
    """Writes the genres.

    All changes are in a backup beside the library, and the library knows of it, before the first file is touched:
    whatever happens then, `undo` takes back what was written.

    Raises:
        KgenreError: the backup cannot be written; no file was touched.
    """
    written, changes = Written(), list(changes)
    backup = library.path.with_name(
        f"tags-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}-{time.time_ns() % 10**6}.json"
    )
    _keep(backup, changes)
    library.set_meta(BACKUPS, [*backups(library), os.fsdecode(backup)])
    for change in changes:
        _apply(library, change, written)
    if not written.changes:
        _drop_backup(library, backup)
    return written


def backups(library: Library) -> list[str]:
    """The backups of writings that were not taken back yet, the newest last."""
    return library.meta(BACKUPS, [])


def undo(library: Library) -> Written:
    """Takes back the last writing, in files whose genre is still the one that was written.

    Files that cannot be had just now stay in the backup, to be taken back another day.

    Raises:
        KgenreError: nothing was written, or the backup is gone.
    """
    if not backups(library):
        raise KgenreError("No tags were written that could be taken back.")
    backup = Path(backups(library)[-1])
    try:
        changes = [Change(**json.loads(line)) for line in backup.read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError, TypeError) as error:
        _drop_backup(library, backup, unlink=False)
        raise KgenreError(f"{backup}: not a backup of tags ({error}); the writing before it is the next.") from error
    undone = Written()
    for change in reversed(changes):
        if _holds(change.path, change.before):  # it was never written: the writing was interrupted before it
            continue
        _apply(library, Change(change.track_id, change.path, change.after, change.before), undone)
    left = {change.path for change in undone.again}
    if left:
        _keep(backup, [change for change in changes if change.path in left])
    else:
        _drop_backup(library, backup)
    return undone


def _keep(backup: Path, changes: list[Change]) -> None:
    try:  # ASCII: half characters of odd names are escaped
        write_text(backup, "".join(json.dumps(asdict(change)) + "\n" for change in changes))
    except OSError as error:
        raise KgenreError(f"{backup}: the backup cannot be written ({error.strerror}); no tags were.") from error


def _drop_backup(library: Library, backup: Path, unlink: bool = True) -> None:
    library.set_meta(BACKUPS, [path for path in backups(library) if path != os.fsdecode(backup)])
    if unlink:
        backup.unlink(missing_ok=True)


def _holds(path: str, genres: list[str]) -> bool:
    try:
        return read_genres(path) == genres
    except FAULTS:
        return False


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
        if isinstance(error, (OSError, mutagen.MutagenError)):  # mutagen wraps what the system says
            written.again.append(change)
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
    if file is None or isinstance(file, ASF):
        raise KgenreError(UNKNOWN)
    return file


def _key(held) -> str:
    kinds = {kind.__name__ for kind in type(held).__mro__}
    key = next((key for kind, key in KEYS.items() if kind in kinds), None)
    if key is None:
        raise KgenreError(UNKNOWN)
    return key


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
