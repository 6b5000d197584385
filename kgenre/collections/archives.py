"""Archives of audio, tar and zip: unpacked once beside themselves, file by file, so that a kill loses nothing.

Where a file goes is made from what its name was recognised as, never from the name itself, so that no archive can
write outside its folder; links and devices are not recognised at all.
"""

import lzma
import os
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from kgenre.core.errors import KgenreError
from kgenre.core.files import write_beside
from kgenre.core.progress import SILENT, Progress
from kgenre.core.text import one_line

ARCHIVE_SUFFIXES = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar", ".zip")
FAULTS = (
    tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, RuntimeError,
)  # fmt: skip
READ_BYTES = 1 << 20
Member = tuple[str, int, Callable[[], BinaryIO]]  # name, size, how to open it


def is_archive(path: Path) -> bool:
    return path.is_file() and path.name.lower().endswith(ARCHIVE_SUFFIXES)


def unpacked_folder(archive: Path) -> Path:
    """The folder beside an archive that its files are unpacked into: genres.tar.gz -> genres."""
    ending = next(suffix for suffix in ARCHIVE_SUFFIXES if archive.name.lower().endswith(suffix))
    return archive.with_name(archive.name[: -len(ending)])


def unpack(archive: Path, place: Callable[[str], str | None], progress: Progress = SILENT) -> Path:
    """Unpacks the wanted files of an archive into `unpacked_folder`, unless it is there.

    Until all files are there, they lie in a folder .part-NAME, where a later call goes on.

    Args:
        place: name of a file in the archive -> its path in the folder; None for files that are not wanted.

    Raises:
        KgenreError: not a complete archive, none of its files is wanted, or no space on the disk.
    """
    folder = unpacked_folder(archive)
    if folder.is_dir():
        return folder
    part = folder.with_name(f".part-{folder.name}")
    try:
        with progress.task(f"unpacking {archive.name}", archive.stat().st_size, "B") as advance:
            for torn in part.rglob(".part-*"):  # files that a kill left half written
                torn.unlink()
            found = _unpack(archive, part, place, advance)
        if not found:
            shutil.rmtree(part, ignore_errors=True)
            raise KgenreError(f"{archive}: none of its files belongs to the dataset.")
        os.replace(part, folder)
    except FAULTS as error:
        raise _broken(archive, part, error) from error
    except OSError as error:
        if error.strerror is None:  # of gzip and bz2: "CRC check failed", "Invalid data stream"
            raise _broken(archive, part, error) from error
        raise KgenreError(f"{part}: cannot be unpacked ({error}). Free space there and try again.") from error
    return folder


def _broken(archive: Path, part: Path, error: BaseException) -> KgenreError:
    """The error of a damaged archive. What came out of it may be damaged, too, so nothing goes on with it."""
    shutil.rmtree(part, ignore_errors=True)
    cause = one_line((str(error).splitlines() or [type(error).__name__])[0].rstrip(":."))
    return KgenreError(f"{archive}: not a complete archive ({cause}). Get it again.")


def _unpack(archive: Path, part: Path, place: Callable[[str], str | None], advance: Callable) -> int:
    found = 0
    with archive.open("rb") as file:
        position = 0
        for name, size, open_member in _members(file, archive.name):
            if (inner := place(name)) is not None:
                found += 1
                _write(part / inner, size, open_member)
            advance(max(0, file.tell() - position))
            position = max(position, file.tell())
    return found


def _write(path: Path, size: int, open_member: Callable[[], BinaryIO]) -> None:
    """Writes a file that is not there yet; each is renamed into place, so one of the right size is complete."""
    if path.is_file() and path.stat().st_size == size:
        return
    path.parent.mkdir(parents=True, exist_ok=True)

    def copy(beside: Path) -> None:
        with open_member() as source, beside.open("wb") as target:
            shutil.copyfileobj(source, target, READ_BYTES)

    write_beside(path, copy)
    if path.stat().st_size != size:
        path.unlink()
        raise EOFError(f"{path.name} ends early")


def _members(file: BinaryIO, name: str) -> Iterator[Member]:
    """The ordinary files of an archive; each is to be opened before the next is asked for."""
    if name.lower().endswith(".zip"):
        with zipfile.ZipFile(file) as archive:
            for member in archive.infolist():
                if not member.is_dir():
                    yield member.filename, member.file_size, lambda member=member: archive.open(member)
        return
    with tarfile.open(fileobj=file, mode="r:*") as archive:
        for member in archive:
            if member.isreg():
                yield member.name, member.size, lambda member=member: archive.extractfile(member)
        while archive.fileobj.read(READ_BYTES):  # to the end, where gzip, bzip2 and xz have their checksum
            pass
