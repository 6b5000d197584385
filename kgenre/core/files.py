"""The run folder: what a training leaves behind, each file written beside and then renamed."""

import os
from collections.abc import Callable
from pathlib import Path


def write_text(path, text: str) -> None:
    """Writes a UTF-8 file so that it is there whole or as it was; bytes of odd file names go in as they are."""
    write_beside(path, lambda part: Path(part).write_text(text, encoding="utf-8", errors="surrogateescape"))


def write_beside(path, write: Callable[[Path], object]) -> None:
    """Calls `write` with a path beside `path`, of the same suffix, then renames it into place."""
    path = Path(path)
    part = path.with_name(f".part-{os.getpid()}-{path.name}")
    try:
        write(part)
        with part.open("rb") as file:
            os.fsync(file.fileno())  # a power cut must not find the new name on an empty file
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
