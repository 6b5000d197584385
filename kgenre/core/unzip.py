"""Zip archives of others: checked member by member before a byte is written, unpacked completely or not at all.

`zipfile` sanitises names silently and follows what the archive declares; here a name that leads elsewhere refuses the
archive. It never writes more bytes of a member than are declared, so that the declared sizes bound what is unpacked.
"""

import contextlib
import lzma
import os
import shutil
import threading
import zipfile
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO

from kgenre.core.errors import KgenreError
from kgenre.core.files import locked
from kgenre.core.parallel import map_in_threads
from kgenre.core.progress import SILENT, Progress
from kgenre.core.published import MIB, check_space
from kgenre.core.text import one_line
from kgenre.core.zip_members import fault_of_members

OPENING = threading.Lock()
BLOCK_BYTES = 4096  # a file takes whole blocks of the disk
BROKEN = (zipfile.BadZipFile, EOFError, zlib.error, lzma.LZMAError, NotImplementedError, UnicodeDecodeError)


def unzip(archive: Path, folder: Path, progress: Progress = SILENT) -> Path:
    """Unpacks NAME.zip to `folder`/NAME, which appears when it is complete.

    A folder NAME that holds all members of the archive is not repeated. After a kill, the next call goes on in
    `.part-NAME`, where the members are whose size and CRC are right.

    Returns:
        `folder`/NAME.

    Raises:
        KgenreError: a member that is unsafe or broken, or not enough space; the line names it.
    """
    target, part = folder / archive.stem, folder / f".part-{archive.stem}"
    with locked(part.with_name(f"{part.name}.lock")):
        if not target.exists():
            try:
                with zipfile.ZipFile(archive) as file:
                    _write_members(file, archive, part, progress)
                os.sync()  # a power cut must not find the new name on empty files
                inner = part / archive.stem
                os.replace(inner if [*part.iterdir()] == [inner] and inner.is_dir() else part, target)
            except BROKEN as error:
                raise _broken(archive, error) from error
            except OSError as error:
                if error.strerror is None:  # of bz2: "Invalid data stream"
                    raise _broken(archive, error) from error
                raise KgenreError(
                    f"{target}: cannot be written ({error.strerror}). Free space there, or choose another folder; "
                    "what is unpacked is kept."
                ) from error
        shutil.rmtree(part, ignore_errors=True)
    return target


def _write_members(file: zipfile.ZipFile, archive: Path, part: Path, progress: Progress) -> None:
    members = file.infolist()
    if fault := fault_of_members(members, archive.stat().st_size):
        raise KgenreError(f"{archive}: refused, nothing is unpacked: {fault}. Get it from its publisher.")
    part.mkdir(parents=True, exist_ok=True)
    _remove_others(part, {part / member.filename for member in members})
    todo = [member for member in members if not _has_size(part / member.filename, member)]
    check_space(part, sum(-(-member.file_size // BLOCK_BYTES) * BLOCK_BYTES for member in todo), archive.stem)
    total = sum(member.file_size for member in members)
    done = 0
    with progress.task(f"unpacking {archive.name}", -(-total // MIB), "MiB") as advance:
        for member in map_in_threads(partial(_write, file, part), members, os.cpu_count() or 1):
            advance((done + member.file_size) // MIB - done // MIB)
            done += member.file_size


def _write(file: zipfile.ZipFile, part: Path, member: zipfile.ZipInfo) -> zipfile.ZipInfo:
    """Writes a member, unless it is there already."""
    path = part / member.filename
    if member.is_dir():
        path.mkdir(parents=True, exist_ok=True)
    elif not (_has_size(path, member) and _crc(path) == member.CRC):
        path.parent.mkdir(parents=True, exist_ok=True)
        with _opened(file, member) as source, path.open("wb") as target:
            shutil.copyfileobj(source, target, MIB)
    return member


@contextlib.contextmanager
def _opened(file: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[BinaryIO]:
    """A member to read: any number of threads may read, but zipfile counts its open members without a lock."""
    with OPENING:
        source = file.open(member)
    try:
        yield source
    finally:
        with OPENING:
            source.close()


def _has_size(path: Path, member: zipfile.ZipInfo) -> bool:
    return path.is_file() and path.stat().st_size == member.file_size


def _crc(path: Path) -> int:
    crc = 0
    with path.open("rb") as file:
        while chunk := file.read(MIB):
            crc = zlib.crc32(chunk, crc)
    return crc


def _remove_others(part: Path, wanted: set[Path]) -> None:
    """Removes what an earlier archive of this name left: files, and folders where this one may have a file."""
    for folder, _, names in os.walk(part, topdown=False):
        for path in (Path(folder) / name for name in names):
            if path not in wanted:
                path.unlink()
        if folder != str(part):
            with contextlib.suppress(OSError):  # not empty
                os.rmdir(folder)


def _broken(archive: Path, error: BaseException) -> KgenreError:
    cause = one_line(str(error).splitlines()[0] if str(error) else "it ends in the middle of a member")
    return KgenreError(f"{archive}: not a whole zip archive ({cause.rstrip('.')}). Remove it and get it again.")
