"""Genres and moods written into the tags of files: planned, written with a backup, and restored from it.

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

from kgenre.audio.fingerprint import audio_hash, file_hash
from kgenre.core.errors import KgenreError
from kgenre.core.files import write_beside, write_text
from kgenre.library.records import as_text
from kgenre.library.store import Library
from kgenre.library.tag_fields import FAULTS, GENRE, MOOD, read_fields, set_fields

BACKUPS = "tags backups"  # name of the library's list of backup files beside it, the newest last


@dataclass(frozen=True)
class Change:
    """What the tags of a file have now, and what is written: {field: values} of the same fields, of tag_fields."""

    track_id: int
    path: str
    before: dict[str, list[str]]
    after: dict[str, list[str]]

    def only(self, fields: Iterable[str]) -> "Change":
        """The same change of these fields alone."""
        fields = tuple(fields)
        parts = ({name: part[name] for name in fields} for part in (self.before, self.after))
        return Change(self.track_id, self.path, *parts)


@dataclass
class TagReport:
    """Changes that are planned or done, {path: reason} of those that failed, and the failed ones worth another try."""

    changes: list[Change] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    retry: list[Change] = field(default_factory=list)


def plan(library: Library, genres: dict[int, list[str]], moods: dict[int, list[str]] | None = None) -> TagReport:
    """The changes that writing these genres and moods needs; changes no file.

    Args:
        genres, moods: {track id: its genres}, {track id: its moods}; a track may be in one of the two.
    """
    planned, wanted = TagReport(), {GENRE: genres, MOOD: moods or {}}
    for track_id in dict.fromkeys((*genres, *wanted[MOOD])):
        path = library.path_of(track_id)
        after = {name: values[track_id] for name, values in wanted.items() if track_id in values}
        try:
            before = read_fields(path, after)
        except FAULTS as error:
            planned.failures[path] = _cause(error)
            continue
        changed = [name for name in after if before[name] != after[name]]
        if changed:
            planned.changes.append(Change(track_id, path, before, after).only(changed))
    return planned


def write(library: Library, changes: Iterable[Change]) -> TagReport:
    """Writes the changes.

    A backup of all of them is written beside the library, and recorded in it, before the first file is changed:
    `undo` restores the old tags even if this function is interrupted.

    Raises:
        KgenreError: the backup cannot be written; no file was changed.
    """
    written, changes = TagReport(), list(changes)
    backup = library.path.with_name(
        f"tags-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}-{time.time_ns() % 10**6}.jsonl"
    )
    _write_backup(backup, changes)
    library.set_meta(BACKUPS, [*backups(library), backup.name])
    for change in changes:
        _apply(library, change, written)
    if not written.changes:
        _drop_backup(library, backup)
    return written


def backups(library: Library) -> list[str]:
    """Names of the backup files beside the library that were not restored yet, the newest last."""
    return library.meta(BACKUPS, [])


def undo(library: Library) -> TagReport:
    """Restores the tags from the newest backup, in files whose genres and moods are still those that were written.

    Files that are not available now stay in the backup, for another try.

    Raises:
        KgenreError: there is no backup, or it cannot be read.
    """
    if not backups(library):
        raise KgenreError("No backup of tags is left to restore.")
    backup = library.path.with_name(backups(library)[-1])
    try:
        changes = [Change(**json.loads(line)) for line in backup.read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError, TypeError) as error:
        _drop_backup(library, backup, unlink=False)
        raise KgenreError(
            f"{backup}: not a backup of tags ({error}). Undo again to restore the one before it."
        ) from error
    undone = TagReport()
    for change in reversed(changes):
        if _still(change.path, change.before) == list(change.before):  # the writing was interrupted before this file
            continue
        mine = _still(change.path, change.after) or list(change.after)  # none: the failure says what there is now
        for name in set(change.after) - set(mine):
            undone.failures[change.path] = f"its {name} was changed since, and stays."
        _apply(library, Change(change.track_id, change.path, change.after, change.before).only(mine), undone)
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
    library.set_meta(BACKUPS, [name for name in backups(library) if name != backup.name])
    if unlink:
        backup.unlink(missing_ok=True)


def _still(path: str, fields: dict[str, list[str]]) -> list[str]:
    """Names of the fields that have these values; none of a file that cannot be read."""
    try:
        found = read_fields(path, fields)
    except FAULTS:
        return []
    return [name for name, values in fields.items() if found[name] == values]


def _apply(library: Library, change: Change, written: TagReport) -> None:
    path = os.path.realpath(change.path)  # a link stays a link
    try:
        for name, values in read_fields(path, change.before).items():
            if values != change.before[name]:
                raise KgenreError(f"its {name} is now {'; '.join(values) or 'none'}: it was changed since.")
        write_beside(path, lambda part: _write_copy(path, part, change.after))
        status = os.stat(change.path)
        genre = as_text("".join(change.after[GENRE][:1])) if GENRE in change.after else None
        library.save_written_tags(os.fsencode(change.path), status.st_size, status.st_mtime_ns, file_hash(path), genre)
    except FAULTS as error:
        written.failures[change.path] = _cause(error)
        if isinstance(error, (OSError, mutagen.MutagenError)):  # mutagen wraps errors of the system
            written.retry.append(change)
        return
    written.changes.append(change)


def _write_copy(path: str, part: Path, fields: dict[str, list[str]]) -> None:
    shutil.copy2(path, part)
    set_fields(part, fields)
    if audio_hash(part) != audio_hash(path):
        raise KgenreError("writing its tags would change its audio; the file is unchanged.")


def _cause(error: Exception) -> str:
    return " ".join(str(getattr(error, "strerror", None) or error or type(error).__name__).split())
