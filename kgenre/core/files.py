"""Files and folders written so that a crash leaves the old content or the new, never half of it."""

import contextlib
import json
import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from kgenre.core.errors import KgenreError

PART = ".part-"  # begins the name of what is being written


def is_part(path: Path) -> bool:
    """Whether a file is being written beside its name, or was when its writer was killed."""
    return path.name.startswith(PART)


def remove_parts(folder: Path) -> None:
    """Removes what writers that were killed left beside their files; no other process may be writing there."""
    for part in folder.glob(f"{PART}*"):
        part.unlink(missing_ok=True)


def write_beside(path, write: Callable[[Path], object]) -> None:
    """Calls `write` with a path beside `path`, of the same suffix, then renames it into place."""
    path = Path(path)
    part = path.with_name(f"{PART}{uuid.uuid4().hex[:16]}-{path.name}")  # containers have equal process numbers
    try:
        write(part)
        with part.open("rb") as file:
            os.fsync(file.fileno())  # after a power cut the new name must not belong to an empty file
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def write_text(path, text: str) -> None:
    """Writes a UTF-8 file atomically; undecodable bytes of file names are written as they are."""
    write_beside(path, lambda part: Path(part).write_text(text, encoding="utf-8", errors="surrogateescape"))


def write_json(path, value, indent: int | None = 2) -> None:
    """Writes a value as indented JSON, or on one line, atomically."""
    write_text(path, json.dumps(value, indent=indent) + "\n")


def lasting_name(name: str) -> str:
    """A name that may be a path, as it is stored: a path that is there is absolute, to be found from other folders."""
    return os.path.abspath(name) if os.path.exists(name) else name


def make_output_folder(folder, flag: str = "--out") -> Path:
    """Creates a folder for results, if it is missing; called before the work, so that no result is lost after it.

    Raises:
        KgenreError: the folder cannot be created, or is not writable.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise KgenreError(
            f"{folder}: the folder cannot be created: {error.strerror}. Name another folder with {flag}."
        ) from error
    if not os.access(folder, os.W_OK):
        raise KgenreError(f"{folder}: the folder is not writable. Name another folder with {flag}.")
    return folder


@contextlib.contextmanager
def locked(part: Path, busy: str = "", shared: bool = False) -> Iterator[BinaryIO]:
    """A part file, open to append, for this process alone; removed if it is empty in the end.

    Args:
        busy: what to tell the user where another process has it; "" to wait for that.
        shared: with others who share it, alone of those who do not; the file then stays.

    Raises:
        KgenreError: `busy`.
    """
    import fcntl

    while True:
        with part.open("a+b") as file:
            try:
                kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
                fcntl.flock(file, kind | (fcntl.LOCK_NB if busy else 0))  # which a kill releases
            except BlockingIOError as error:
                raise KgenreError(busy) from error
            # The process that held the lock may have renamed or removed the file that this one waited for.
            if not part.exists() or not os.path.samestat(os.fstat(file.fileno()), part.stat()):
                continue
            try:
                yield file
            finally:
                if not shared and part.exists() and not part.stat().st_size:
                    part.unlink()
            return
