"""Shards: files of many tracks, decoded once, of which any part is read without the rest. `kgenre prepare` writes them.

A shard is the samples of its tracks one after the other, int16, then tables that tell where each track begins, and
of each block of BLOCK samples an exponent and a CRC-32. A track begins a block, and its last block may be shorter.

    int16   samples     a block's values are sample * 2 ** (exponent - 15)
    int64   starts      (tracks + 1,) the first sample of each track, and the end of the last
    int8    exponents   (blocks,) the least with which the block's peak fits, at most 0
    uint32  sums        (blocks,) CRC-32 of the block's bytes
    int64   sources     (tracks,) number of each track's file in the plan of the set
    trailer             id of the set, number of the shard in it, rate, samples a block, tracks, blocks, CRC-32 of all
                        behind the samples; MAGIC

All is little-endian. Rounding changes a sample by 2 ** -16 of full scale at most, 2 ** -15 where it is +1.0, and by
less where a block is quiet: at most 2 ** -15 of its peak. 16-bit audio at the shard's rate comes back to the bit.

Every block that is read is compared with its sum, each time: a byte that changed on the disk is never taken for audio.
Files are read, not mapped: a mapping of a file that is cut, or of a disk that fails, ends the process.
"""

import functools
import os
import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from kgenre.audio.errors import AudioError
from kgenre.audio.inputs import split_shard
from kgenre.core.published import file_digest

BLOCK = 1 << 14  # 32 KiB; 0.7 s at 22 050 Hz: a crop of 6 s reads a tenth more than it needs
MAGIC = b"kgshard2"
TRAILER = struct.Struct("<16sIIIQQI8s")
NAME = re.compile(r"shard-(\d{5,})\.shard")  # in a set; another name has no number
OPEN_SHARDS = 256  # that a process keeps open, with 50 KiB of tables each
READ_BLOCKS = 256  # 8 MiB, where a shard is read to check it


class ShardError(AudioError):
    """A shard that cannot be used.

    `cause` names it and the next step, `fault` names it without that. `verify`: whether its size does not tell.
    """

    def __init__(self, file, rule: str, verify: bool = False):
        flag = " --verify" if verify else ""
        step = f"`kgenre prepare --out {Path(file).parent}{flag}` writes it again."
        self.fault = f"{Path(file).name} {rule}"
        super().__init__(file, f"{self.fault}; none of its tracks is used. {step}")


class Shard:
    """An open shard.

    Attributes:
        set_id, number: 16 bytes of the set that it is of, and its number in it.
        sample_rate: Hz.
        starts: int64 (tracks + 1,).
        sources: int64 (tracks,), the number of each track's file in the plan of the set.
        fault: why none of it is used any more; None until a damaged block was found.
    """

    def __init__(self, file: str):
        self.path, self.fault = file, None
        self.file = open(file, "rb", buffering=0)
        self.set_id, self.number, self.sample_rate, block, n_tracks, n_blocks, tables = self._read_trailer()
        sizes = [8 * (n_tracks + 1), n_blocks, 4 * n_blocks]
        if block != BLOCK or len(tables) != sum(sizes) + 8 * n_tracks:
            raise ShardError(file, "is not a shard of this version", verify=True)
        if (name := NAME.fullmatch(Path(file).name)) and int(name[1]) != self.number:
            raise ShardError(file, f"is not the shard of its name, but number {self.number}", verify=True)
        self.starts = np.frombuffer(tables, "<i8", n_tracks + 1)
        self.exponents = np.frombuffer(tables, "i1", n_blocks, sizes[0])
        self.sums = np.frombuffer(tables, "<u4", n_blocks, sum(sizes[:2]))
        self.sources = np.frombuffer(tables, "<i8", n_tracks, sum(sizes))
        self.first_blocks = np.concatenate([[0], np.cumsum(-(-np.diff(self.starts) // BLOCK))])

    def __len__(self) -> int:
        return len(self.starts) - 1

    def count(self, index: int) -> int:
        """Samples of a track."""
        return int(self.starts[index + 1] - self.starts[index])

    def read(self, index: int, first: int, last: int) -> np.ndarray:
        """Samples `first` to `last` of a track, as far as there are: float32 (samples,) in [-1, 1].

        Raises:
            ShardError: a block of them is damaged, or one was that was read before.
        """
        if self.fault:
            raise self.fault
        last = min(last, self.count(index))
        if first >= last:
            return np.zeros(0, "float32")
        blocks = range(first // BLOCK, -(-last // BLOCK))
        whole = min(blocks.stop * BLOCK, self.count(index))
        place = int(self.starts[index]) + blocks.start * BLOCK
        data = self._read_at(2 * place, 2 * (whole - blocks.start * BLOCK))
        samples, number = np.frombuffer(data, "<i2").astype("float32"), int(self.first_blocks[index])
        for piece, block in zip(_pieces(data), blocks):
            self._check(number + block, piece)
        for own, block in zip(range(0, len(samples), BLOCK), blocks):
            samples[own : own + BLOCK] *= np.float32(2.0 ** (int(self.exponents[number + block]) - 15))
        return samples[first - blocks.start * BLOCK : last - blocks.start * BLOCK]

    def digest(self, index: int) -> bytes:
        """What two tracks of the same samples have in common, without reading them: the sums of their blocks."""
        blocks = slice(*self.first_blocks[index : index + 2])
        return self.sums[blocks].tobytes() + self.exponents[blocks].tobytes()

    @property
    def tracks(self) -> list[list[int]]:
        """[number of its file in the plan, first sample, samples] of each track."""
        return np.stack([self.sources, self.starts[:-1], np.diff(self.starts)], axis=1).tolist()

    def verify(self, sha256: str = "") -> None:
        """Reads all of it. Raises ShardError where a block is damaged, or the file has not this digest, if given."""
        if sha256 and file_digest(Path(self.path)) == sha256:
            return
        for index in range(len(self)):
            for first in range(0, self.count(index), READ_BLOCKS * BLOCK):
                self.read(index, first, first + READ_BLOCKS * BLOCK)
        if sha256:
            raise self._failed("is not the file that was written: its SHA-256 is another", True)

    def _check(self, block: int, data: memoryview) -> None:
        if zlib.crc32(data) != self.sums[block]:
            raise self._failed(f"is damaged: its block {block} of {len(self.sums)} is not what its checksum says", True)

    def _failed(self, rule: str, verify: bool = False) -> ShardError:
        self.fault = ShardError(self.path, rule, verify)
        return self.fault

    def _read_trailer(self) -> tuple[bytes, int, int, int, int, int, bytes]:
        """Id of the set, number, rate, samples a block, tracks, blocks, and the tables."""
        size = os.fstat(self.file.fileno()).st_size
        trailer = self._read_at(size - TRAILER.size, TRAILER.size) if size > TRAILER.size else b"\0" * TRAILER.size
        set_id, number, rate, block, n_tracks, n_blocks, checksum, magic = TRAILER.unpack(trailer)
        length = 8 * (2 * n_tracks + 1) + 5 * n_blocks
        if magic != MAGIC or length > size:
            raise ShardError(self.path, "is cut, or no shard: it does not end as one does", verify=True)
        tables = self._read_at(size - TRAILER.size - length, length)
        if zlib.crc32(trailer[:-12], zlib.crc32(tables)) != checksum:
            raise ShardError(self.path, "is damaged: its tables are not what their checksum says", verify=True)
        if 2 * int.from_bytes(tables[8 * n_tracks : 8 * n_tracks + 8], "little") != size - TRAILER.size - length:
            raise ShardError(self.path, "is cut: it holds fewer samples than its tables say", verify=True)
        return set_id, number, rate, block, n_tracks, n_blocks, tables

    def _read_at(self, place: int, length: int) -> bytes:
        try:
            data = os.pread(self.file.fileno(), length, place)
        except OSError as error:
            raise self._failed(f"cannot be read ({error.strerror})") from error
        if len(data) != length:  # cut since it was opened
            raise self._failed("is cut: it ends within its samples")
        return data


def write_tables(set_id: bytes, number: int, sample_rate: int, columns: dict[str, list[int]]) -> bytes:
    """What follows the samples of a shard, as Shard reads it. columns: starts, exponents, sums, sources."""
    types = {"starts": "<i8", "exponents": "i1", "sums": "<u4", "sources": "<i8"}
    tables = b"".join(np.array(columns[name], type).tobytes() for name, type in types.items())
    n_tracks, n_blocks = len(columns["sources"]), len(columns["sums"])
    head = TRAILER.pack(set_id, number, sample_rate, BLOCK, n_tracks, n_blocks, 0, MAGIC)[:-12]
    return tables + head + struct.pack("<I", zlib.crc32(head, zlib.crc32(tables))) + MAGIC


def encode_block(samples: np.ndarray) -> tuple[bytes, int]:
    """The bytes and the exponent of a block: float32 (samples,) in [-1, 1], at most BLOCK of them."""
    peak = float(np.abs(samples).max(initial=0.0))
    exponent = int(np.clip(np.frexp(peak)[1], -100, 0))
    scaled = np.rint(samples * np.float32(2.0 ** (15 - exponent)))
    return np.clip(scaled, -32768, 32767).astype("<i2").tobytes(), exponent


def open_shard(file) -> Shard:
    """Opens a shard; those opened last are kept open, until they change on the disk.

    Raises:
        ShardError: missing, cut, or its tables are damaged.
    """
    try:
        found = os.stat(file)
        return _open(os.fspath(file), found.st_size, found.st_mtime_ns)
    except OSError as error:
        rule = "is missing" if isinstance(error, FileNotFoundError) else f"cannot be opened ({error.strerror})"
        raise ShardError(file, rule) from error


@functools.lru_cache(maxsize=OPEN_SHARDS)  # one that is dropped is closed when its last reader lets it go
def _open(file: str, size: int, mtime_ns: int) -> Shard:
    return Shard(file)


def open_member(path) -> tuple[Shard, int]:
    """The shard and the index of the track that a path names, FILE.shard#INDEX.

    Raises:
        ShardError: as `open_shard`, or the shard has no such track.
    """
    file, index = split_shard(path)
    shard = open_shard(file)
    if index >= len(shard):
        raise ShardError(file, f"has no track {index}: it holds {len(shard)}", verify=True)
    return shard, index


def member_digest(path) -> bytes:
    """Shard.digest of the track that a path names."""
    shard, index = open_member(path)
    return shard.digest(index)


def member_bytes(path) -> int:
    """Bytes of the samples of the track that a path names."""
    shard, index = open_member(path)
    return 2 * shard.count(index)


class ShardSource:
    """A track of a shard as an open audio file, as sources.SoundfileSource."""

    def __init__(self, path):
        self.shard, self.index = open_member(path)
        self.sample_rate, self.channels, self.format = self.shard.sample_rate, 1, "shard int16"
        self.frames, self.first = self.shard.count(self.index), 0

    def seek(self, frame: int) -> None:
        self.first = min(frame, self.frames)

    def blocks(self) -> Iterator[np.ndarray]:
        """Yields float32 (frames, 1), cut where the shard's blocks are."""
        step = BLOCK * (1 if self.first else 8)  # after a seek some seconds are wanted
        while self.first < self.frames:
            last = (self.first // BLOCK) * BLOCK + step
            yield self.shard.read(self.index, self.first, last)[:, None]
            self.first = last

    def close(self) -> None:
        pass  # the shard stays open for the next track


def _pieces(data: bytes) -> Iterator[memoryview]:
    view = memoryview(data)
    for start in range(0, len(data), 2 * BLOCK):
        yield view[start : start + 2 * BLOCK]
