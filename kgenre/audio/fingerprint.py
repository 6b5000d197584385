"""Two hashes by which a file is known again: of parts of it, where it was moved; of its audio, where it was tagged.

The hash of the file reads 192 KiB, so that a moved library of a terabyte is recognised in minutes: together
with size and time of change, which a move keeps, it is as good as certain. The hash of the audio reads
all that is not tags, for about a hundredth of the time that decoding takes. It is of the encoded bytes: a copy
in another format is another recording.
"""

import hashlib
import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import BinaryIO

from kgenre.audio.inputs import is_in_shard
from kgenre.audio.shards import member_digest

HASH_BYTES = 16
PART_BYTES = 64 << 10
READ_BYTES = 1 << 20

Span = tuple[int, int]  # first byte, and the byte after the last


def file_hash(path) -> bytes:
    """Hash of size, beginning, middle and end of a file. Any change of tags changes it.

    Raises:
        OSError: the file cannot be read.
    """
    if is_in_shard(path):
        return _member_hash(path)
    with Path(path).open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        digest = hashlib.blake2b(str(size).encode(), digest_size=HASH_BYTES)
        for start in sorted({0, max(0, size // 2 - PART_BYTES // 2), max(0, size - PART_BYTES)}):
            file.seek(start)
            digest.update(file.read(PART_BYTES))
    return digest.digest()


def audio_hash(path) -> bytes:
    """Hash of the encoded audio of a file, which writing tags does not change.

    mp3, flac, ogg, opus, wav, aiff and m4a are known; of others all is hashed but ID3 and APE tags. Of a track of a
    shard it is of its samples, as `file_hash` is.

    Raises:
        OSError: the file cannot be read.
    """
    steps = audio_hash_steps(path)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def audio_hash_steps(path) -> Generator[None, None, bytes]:
    """`audio_hash` with a rest after every MiB: on a slow disk that many readers share, an album takes minutes."""
    if is_in_shard(path):
        return _member_hash(path)
    digest, rest = hashlib.blake2b(digest_size=HASH_BYTES), READ_BYTES
    with Path(path).open("rb") as file:
        for start, end in audio_spans(file):
            while start < end:
                file.seek(start)
                data = file.read(min(READ_BYTES, end - start))
                if not data:
                    break
                digest.update(data)
                start, rest = start + len(data), rest - len(data)
                if rest <= 0:
                    rest = READ_BYTES
                    yield
    return digest.digest()


def _member_hash(path) -> bytes:
    """Of a track of a shard, whose checksums tell its samples."""
    return hashlib.blake2b(member_digest(path), digest_size=HASH_BYTES).digest()


def audio_spans(file: BinaryIO) -> Iterator[Span]:
    """Where the encoded audio lies in a file, and what is needed to decode it, but no tags.

    A file that does not keep to its format is taken whole: then a change of tags counts as one of the audio.
    """
    start, end = _without_tags(file)
    head, found = _at(file, start, 12), False
    spans = next((spans for matches, spans in FORMATS if matches(head)), None)
    for first, last in spans(file, start, end) if spans else ():
        if first < min(last, end):
            found = True
            yield first, min(last, end)
    if not found:
        yield start, end


def _at(file: BinaryIO, place: int, n_bytes: int) -> bytes:
    if place >= os.fstat(file.fileno()).st_size:  # a place that a damaged header names may be more than seek takes
        return b""
    file.seek(place)
    return file.read(n_bytes)


def _without_tags(file: BinaryIO) -> Span:
    """The file without ID3v2 before it, and ID3v1 and APEv2 behind it."""
    start, end = 0, file.seek(0, os.SEEK_END)
    while (head := _at(file, start, 10))[:3] == b"ID3" and len(head) == 10:
        size = sum((byte & 127) << shift for byte, shift in zip(head[6:], (21, 14, 7, 0)))
        start += 10 + size + (10 if head[5] & 16 else 0)
    if end - 128 >= start and _at(file, end - 128, 3) == b"TAG":
        end -= 128
    foot = _at(file, max(0, end - 32), 32)
    if foot[:8] == b"APETAGEX":
        has_head = foot[23] & 128
        end -= int.from_bytes(foot[12:16], "little") + (32 if has_head else 0)
    return (start, end) if start < end else (0, file.seek(0, os.SEEK_END))


def _flac(file: BinaryIO, start: int, end: int) -> Iterator[Span]:
    """STREAMINFO, and all behind the metadata."""
    place = start + 4
    while len(head := _at(file, place, 4)) == 4:
        size = int.from_bytes(head[1:], "big")
        if head[0] & 127 == 0:
            yield place, place + 4 + size
        place += 4 + size
        if head[0] & 128:
            yield place, end
            return


def _chunks(order: str, names: tuple[bytes, ...]):
    def spans(file: BinaryIO, start: int, end: int) -> Iterator[Span]:
        place = start + 12
        while len(head := _at(file, place, 8)) == 8:
            size = int.from_bytes(head[4:], order)
            if head[:4] in names:
                yield place + 8, place + 8 + size
            place += 8 + size + size % 2

    return spans


def _boxes(file: BinaryIO, start: int, end: int) -> Iterator[Span]:
    """The mdat boxes of an MP4 file."""
    place = start
    while len(head := _at(file, place, 16)) >= 8:
        size, skip = int.from_bytes(head[:4], "big"), 8
        if size == 1:
            size, skip = int.from_bytes(head[8:16], "big"), 16
        size = size or end - place
        if head[4:8] == b"mdat":
            yield place + skip, place + size
        if size < skip:
            return
        place += size


def _ogg(file: BinaryIO, start: int, end: int) -> Iterator[Span]:
    """The first packet, and what pages hold behind the header packets: numbers and sums of pages change with tags."""
    headers = packets = None
    place = start
    while len(head := _at(file, place, 27)) == 27 and head[:4] == b"OggS":
        lacing = file.read(head[26])
        data = place + 27 + len(lacing)
        place = data + sum(lacing)
        if headers is None:
            headers, packets = _ogg_headers(_at(file, data, 16)), 0
        if packets == 0 or packets >= headers:
            yield data, place
        packets += sum(size < 255 for size in lacing)


def _ogg_headers(packet: bytes) -> int:
    """How many packets come before the audio, the first of which is given."""
    if packet.startswith(b"\x7fFLAC"):
        return 1 + int.from_bytes(packet[7:9], "big")
    return {b"\x01vorbis": 3, b"OpusHea": 2, b"Speex  ": 2}.get(packet[:7], 0)


# What a file begins with, and where its audio lies: (file, first byte, end) -> spans.
FORMATS = (
    (lambda head: head[:4] == b"fLaC", _flac),
    (lambda head: head[:4] == b"OggS", _ogg),
    (lambda head: head[:4] == b"RIFF" and head[8:] == b"WAVE", _chunks("little", (b"fmt ", b"data"))),
    (lambda head: head[:4] == b"FORM" and head[8:11] == b"AIF", _chunks("big", (b"COMM", b"SSND"))),
    (lambda head: head[4:8] == b"ftyp", _boxes),
)
