"""Genre tags written to files: planned, written with a backup, and restored from it.

A file is copied, the copy is tagged, compared and renamed into place, so that at any time the file is complete, with
the old tags or the new ones. A file whose audio would change with its tags is not written.
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
from kgenre.library.records import as_text
from kgenre.library.store import Library

# The genre's key in each kind of tags. WMA is left out: its audio hash does not exclude the tags (fingerprint.py).
KEYS = {"ID3": "TCON", "VComment": "genre", "MP4Tags": "\xa9gen", "APEv2": "Genre"}
ERRORS = (KgenreError, NotImplementedError, *tags.FAULTS)
UNSUPPORTED = "genre tags cannot be written to a file of this format."
BACKUPS = "tags backups"  # name of the library's list of backup files, the newest last


@dataclass(frozen=True)
class Change:
    """The genres in the tags of a file now, and those to write."""

    track_id: int
    path: str
    before: list[str]
    after: list[str]


@dataclass
class TagReport:
    """Changes that are planned or done, {path: reason} of those that failed, and the failed ones worth another try."""

    changes: list[Change] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    retry: list[Change] = field(default_factory=list)


def plan(library: Library, genres: dict[int, list[str]]) -> TagReport:
    """The changes that writing these genres needs; changes no file.

    Args:
        genres: {track id: its genres}.
    """
    planned = TagReport()
    for track_id, after in genres.items():
        path = library.path_of(track_id)
        try:
            before = read_genres(path)
        except ERRORS as error:
            planned.failures[path] = _cause(error)
            continue
        if before != after:
            planned.changes.append(Change(track_id, path, before, after))
    return planned


def write(library: Library, changes: Iterable[Change]) -> TagReport:
    """Writes the genres.

    A backup of all changes is written beside the library, and recorded in it, before the first file is changed:
    `undo` restores the old genres even if this function is interrupted.

    Raises:
        KgenreError: the backup cannot be written; no file was changed.
    """
    written, changes = TagReport(), list(changes)
    backup = library.path.with_name(
        f"tags-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}-{time.time_ns() % 10**6}.json"
    )
    _write_backup(backup, changes)
    library.set_meta(BACKUPS, [*backups(library), os.fsdecode(backup)])
    for change in changes:
        _apply(library, change, written)
    if not written.changes:
        _drop_backup(library, backup)
    return written


def backups(library: Library) -> list[str]:
    """Backup files that were not restored yet, the newest last."""
    return library.meta(BACKUPS, [])


def undo(library: Library) -> TagReport:
    """Restores the genres from the newest backup, in files whose genre is still the one that was written.

    Files that are not available now stay in the backup, for another try.

    Raises:
        KgenreError: there is no backup, or it cannot be read.
    """
    if not backups(library):
        raise KgenreError("No backup of tags is left to restore.")
    backup = Path(backups(library)[-1])
    try:
        changes = [Change(**json.loads(line)) for line in backup.read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError, TypeError) as error:
        _drop_backup(library, backup, unlink=False)
        raise KgenreError(
            f"{backup}: not a backup of tags ({error}). Undo again to restore the one before it."
        ) from error
    undone = TagReport()
    for change in reversed(changes):
        if _has_genres(change.path, change.before):  # the writing was interrupted before this file
            continue
        _apply(library, Change(change.track_id, change.path, change.after, change.before), undone)
    remaining = {change.path for change in undone.retry}
    if remaining:
        _write_backup(backup, [change for change in changes if change.path in remaining])
    else:
        _drop_backup(library, backup)
    return undone


def _write_backup(backup: Path, changes: list[Change]) -> None:
    try:  # ASCII: lone surrogates of undecodable names are escaped
        write_text(backup, "".join(json.dumps(asdict(change)) + "\n" for change in changes))
    except OSError as error:
        raise KgenreError(
            f"{backup}: the backup cannot be written ({error.strerror}); no tags were written."
        ) from error


def _drop_backup(library: Library, backup: Path, unlink: bool = True) -> None:
    library.set_meta(BACKUPS, [path for path in backups(library) if path != os.fsdecode(backup)])
    if unlink:
        backup.unlink(missing_ok=True)


def _has_genres(path: str, genres: list[str]) -> bool:
    try:
        return read_genres(path) == genres
    except ERRORS:
        return False


def read_genres(path) -> list[str]:
    """All genres in the tags of a file, as they are written there."""
    file = _open(path)
    value = file.tags.get(_key(file.tags)) if file.tags is not None else None
    return [str(text) for text in getattr(value, "text", value) or []]


def _apply(library: Library, change: Change, written: TagReport) -> None:
    path = os.path.realpath(change.path)  # a link stays a link
    try:
        if read_genres(path) != change.before:
            raise KgenreError(f"its genre is now {'; '.join(read_genres(path)) or 'none'}: it was changed since.")
        write_beside(path, lambda part: _write_copy(path, part, change.after))
        status = os.stat(change.path)
        genre = as_text(change.after[0] if change.after else "")
        library.save_written_tags(os.fsencode(change.path), status.st_size, status.st_mtime_ns, file_hash(path), genre)
    except ERRORS as error:
        written.failures[change.path] = _cause(error)
        if isinstance(error, (OSError, mutagen.MutagenError)):  # mutagen wraps errors of the system
            written.retry.append(change)
        return
    written.changes.append(change)


def _write_copy(path: str, part: Path, genres: list[str]) -> None:
    shutil.copy2(path, part)
    file = _open(part)
    if file.tags is None:
        file.add_tags()
    _set(file, genres)
    if audio_hash(part) != audio_hash(path):
        raise KgenreError("writing its tags would change its audio; the file is unchanged.")


def _open(path):
    file = mutagen.File(path)
    if file is None or isinstance(file, ASF):
        raise KgenreError(UNSUPPORTED)
    return file


def _key(tags_of_file) -> str:
    kinds = {kind.__name__ for kind in type(tags_of_file).__mro__}
    key = next((key for kind, key in KEYS.items() if kind in kinds), None)
    if key is None:
        raise KgenreError(UNSUPPORTED)
    return key


def _set(file, genres: list[str]) -> None:
    key, options = _key(file.tags), {}
    if isinstance(file.tags, ID3):
        if file.tags.version[1] == 3:  # is kept: old players cannot read 2.4
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
