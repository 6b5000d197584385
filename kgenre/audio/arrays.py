"""The .npz file of a collection: the spectrograms of many tracks in one array, and columns that tell of them.

One array has three dimensions, (n, bins, frames), low to high frequency, of any dtype of real numbers. It is mapped
where it is stored uncompressed (np.savez), and held in memory where it is compressed (np.savez_compressed). Arrays of
one dimension are columns; others are of no concern.
"""

import functools
import lzma
import math
import os
import threading
import tokenize
import zipfile
import zlib
from dataclasses import dataclass

import numpy as np

from kgenre.audio.decoders import AudioError, first_line

REAL = "buif"  # kinds of dtypes that are real numbers
FAULTS = (
    OSError, ValueError, EOFError, NotImplementedError, zipfile.BadZipFile, zlib.error, lzma.LZMAError,
    tokenize.TokenError,  # of a damaged header of an array
    RuntimeError,  # of an encrypted member
)  # fmt: skip
_OPENING = threading.Lock()


@dataclass(frozen=True)
class ArrayFile:
    """What an .npz holds.

    spectrograms: (n, bins, frames).
    columns: {name: array (n or another length,) or ()} of numbers or text.
    objects: names of the columns of Python objects, which are not read: to unpickle them runs what the file says.
    """

    spectrograms: np.ndarray
    columns: dict[str, np.ndarray]
    objects: frozenset[str] = frozenset()


def open_arrays(file) -> ArrayFile:
    """Opens an .npz; those opened last are kept open, until they change on the disk.

    Raises:
        AudioError: unreadable, not one array of three dimensions, or an empty one.
    """
    try:
        found = os.stat(file)
        with _OPENING:  # else two threads would unpack it twice
            return _open(os.fspath(file), found.st_size, found.st_mtime_ns)
    except FAULTS as error:
        raise AudioError(file, f"not a readable .npz file ({first_line(error)}).") from error


@functools.lru_cache(maxsize=2)
def _open(file: str, size: int, mtime_ns: int) -> ArrayFile:
    with zipfile.ZipFile(file) as archive:
        entries = {info.filename.removesuffix(".npy"): (info, *_header(archive, info)) for info in archive.infolist()}
        name = _name_of_spectrograms(file, entries)
        columns = {
            other: np.lib.format.read_array(archive.open(info), allow_pickle=False)
            for other, (info, shape, dtype, _, _) in entries.items()
            if len(shape) < 2 and not dtype.hasobject
        }
        objects = frozenset(other for other, (_, _, dtype, _, _) in entries.items() if dtype.hasobject)
        return ArrayFile(_array(file, archive, *entries[name]), columns, objects)


def _header(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> tuple:
    """Shape, dtype, whether Fortran's order, and the length of the header in bytes."""
    with archive.open(info) as stream:
        read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        version = np.lib.format.read_magic(stream)
        if version not in read:
            raise ValueError(f"{info.filename}: version {version} of the format")
        shape, fortran, dtype = read[version](stream)
        declared, found = math.prod(shape) * dtype.itemsize, info.file_size - stream.tell()
        if declared != found and not dtype.hasobject:  # memory is taken for what is declared
            raise ValueError(f"{info.filename}: {found} bytes, where its header declares {declared}")
        return shape, dtype, fortran, stream.tell()


def _name_of_spectrograms(file: str, entries: dict) -> str:
    shapes = {name: shape for name, (_, shape, *_) in entries.items()}
    found = [name for name, (_, shape, dtype, *_) in entries.items() if len(shape) == 3 and dtype.kind in REAL]
    if len(found) != 1:
        received = ", ".join(f"{name} {'x'.join(map(str, shape)) or 'scalar'}" for name, shape in shapes.items())
        raise AudioError(
            file,
            "needs one array of three dimensions, tracks x bins x frames, of numbers. Received: "
            f"{received or 'no arrays'}. {_next_step(shapes)}",
        )
    if 0 in shapes[found[0]]:
        raise AudioError(file, f"an empty array: {found[0]} {'x'.join(map(str, shapes[found[0]]))}.")
    return found[0]


def _next_step(shapes: dict) -> str:
    if any(len(shape) == 4 for shape in shapes.values()):
        return "Take the mean of the channels first."
    return "Write it with np.savez(FILE, mel=..., genre=..., split=...)."


def _array(file: str, archive: zipfile.ZipFile, info: zipfile.ZipInfo, shape, dtype, fortran, header) -> np.ndarray:
    if info.compress_type != zipfile.ZIP_STORED or fortran:
        return np.lib.format.read_array(archive.open(info), allow_pickle=False)
    with open(file, "rb") as stream:  # the local header's name and extra field come before the data
        stream.seek(info.header_offset + 26)
        lengths = np.frombuffer(stream.read(4), "<u2")
    offset = info.header_offset + 30 + int(lengths.sum()) + header
    return np.memmap(file, dtype, "r", offset, shape)
