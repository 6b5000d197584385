"""tensorflow-io as a decoder: mp3, FLAC, Ogg Vorbis and WAV, in TensorFlow ops.

Not the default: libsndfile gives the same samples, and mp3, Ogg and FLAC 3 to 7 times as fast (docs/decoding.md). It is
here for work that has to be decoded by tensorflow-io. All four formats are read block by block with exact seeks, so
none of them has to fit in memory.
"""

import functools
import importlib.metadata
import os
import platform
import re
import struct
import threading
import warnings
from collections.abc import Iterator

import numpy as np

from kgenre.audio.sources import BLOCK_FRAMES  # smaller blocks pay the 0.1 ms of an op call more often
from kgenre.core.errors import KgenreError

# The formats of the samples that the ops return, with the offset and the scale that map them to [-1, 1]. The ops
# shift 24-bit samples to the upper end of int32.
SAMPLE_FORMATS = {
    "uint8": (128, 2**-7),
    "int16": (0, 2**-15),
    "int32": (0, 2**-31),
    "float32": (0, 1),
}
# One sample of 16 bits at 8 kHz: what the probe decodes.
PROBE_WAV = (
    b"RIFF\x26\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x80\x3e\x00\x00\x02\x00\x10\x00"
    b"data\x02\x00\x00\x00\x00\x40"
)


class TfioError(Exception):
    """A file that tensorflow-io cannot read: its cause, without the names of ops and devices."""


@functools.cache
def tfio_ops():
    """TensorFlow and tensorflow-io's ops, after one op has been called.

    The import proves nothing: with TensorFlow 2.18 and later (2.18.1 and 2.21.0 tried) it succeeds and every call
    fails, for the library of the ops is loaded at the first call.

    Raises:
        KgenreError: not installed, or the ops do not load in this environment.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # two warnings of many lines where the ops do not load
            # First, because it is what is missing in most environments. Its public AudioIOTensor cannot name resources.
            from tensorflow_io.python.ops import core_ops
        import tensorflow as tf

        with tf.device("CPU"):
            core_ops.io_audio_decode_wav(PROBE_WAV, [1, 1], tf.int16)
        return tf, core_ops
    except (ImportError, NotImplementedError) as error:
        raise KgenreError(
            "`decoder` tfio needs tensorflow-io 0.37.1 with TensorFlow 2.16 or 2.17, on Python 3.11 or 3.12. Received: "
            f"{_version('tensorflow-io')}, {_version('tensorflow')}, Python {platform.python_version()}. "
            "Use the default, `decoder` auto, which is faster, or see docs/decoding.md for an environment with it."
        ) from error


def _version(distribution: str) -> str:
    try:
        return f"{distribution} {importlib.metadata.version(distribution)}"
    except importlib.metadata.PackageNotFoundError:
        return f"no {distribution}"


class _Slots:
    """Names of the ops' resources, each lent to one open file at a time.

    An op that opens a file keeps it in a resource that belongs to the op's kernel, and eager TensorFlow has one
    kernel for all calls with the same attributes: opening a second file would replace the first under its reader.
    Another `shared_name` is another kernel. Names are lent again after `close`, so that there are no more of them
    than files that were open at once.
    """

    def __init__(self):
        self.lock, self.free, self.made = threading.Lock(), [], 0

    def take(self) -> str:
        with self.lock:
            if self.free:
                return self.free.pop()
            self.made += 1
            return f"kgenre-{self.made}"

    def give_back(self, slot: str) -> None:
        with self.lock:
            self.free.append(slot)


_SLOTS = _Slots()


class TfioSource:
    """An open file of tensorflow-io; `open_source` chooses its class.

    Attributes:
        sample_rate, channels, frames: of the file, by its header.
        sample_format: a key of SAMPLE_FORMATS.

    Raises:
        KgenreError: the ops do not load in this environment.
        TfioError: the file cannot be read. From `blocks` too: an mp3 or FLAC file that is shorter than its header
            says gives the blocks that are whole, then this error.
    """

    def __init__(self, path):
        self.tf, self.ops = tfio_ops()
        self.path, self.position = os.fsencode(path), 0

    def seek(self, frame: int) -> None:
        self.position = min(frame, self.frames)

    def blocks(self) -> Iterator[np.ndarray]:
        """Yields float32 (frames, channels)."""
        offset, scale = SAMPLE_FORMATS[self.sample_format]
        while self.position < self.frames:
            block = self._read(self.position, min(self.position + BLOCK_FRAMES, self.frames))
            if not len(block):
                return
            self.position += len(block)
            if self.sample_format != "float32":
                block = (block.astype("float32") - np.float32(offset)) * np.float32(scale)
            yield block

    def _call(self, op, *values, **attributes):
        try:
            with self.tf.device("CPU"):  # where its kernels are
                return op(*values, **attributes)
        except self.tf.errors.OpError as error:
            raise TfioError(_cause(error.message, os.fsdecode(self.path))) from error
        except UnicodeDecodeError as error:  # the op quotes the bytes of a damaged header
            raise TfioError("damaged header") from error


class ResourceSource(TfioSource):
    """An mp3, FLAC or Ogg Vorbis file, which the ops open by its name."""

    def __init__(self, path):
        super().__init__(path)
        self.slot = _SLOTS.take()
        try:
            self.resource = self._call(self.ops.io_audio_readable_init, self.path, shared_name=self.slot)
            shape, dtype, rate = self._call(self.ops.io_audio_readable_spec, self.resource)
            self.frames, self.channels = (int(size) for size in shape.numpy())
            self.sample_rate, self.dtype = int(rate.numpy()), self.tf.as_dtype(dtype.numpy())
            self.sample_format = self.dtype.name
            if self.sample_format not in SAMPLE_FORMATS:
                raise TfioError(f"samples of the format {self.sample_format}")
            if self.frames == 0 and self.path.lower().endswith(b".flac"):  # written to a pipe
                raise TfioError("its header does not tell its length")
        except TfioError:
            self.close()
            raise

    def _read(self, start: int, stop: int) -> np.ndarray:
        return self._call(self.ops.io_audio_readable_read, self.resource, start, stop, dtype=self.dtype).numpy()

    def close(self) -> None:
        """Lends the resource to the next file. Until then the op keeps this one open."""
        if self.slot:
            _SLOTS.give_back(self.slot)
            self.slot = None


class WavSource(TfioSource):
    """A WAV file. Its chunks are found here, and the op decodes a block of bytes at a time.

    Opened by its name, a file with a chunk of odd length would be refused: the op does not skip the byte that pads
    it. Half of the files with tags have one.
    """

    FORMATS = {8: "uint8", 16: "int16", 24: "int32", 32: "float32"}  # bits: what the op returns

    def __init__(self, path):
        super().__init__(path)
        self.file = open(path, "rb")
        try:
            self.layout, self.data_start, data_bytes = _wav_chunks(self.file)
            tag, self.channels, self.sample_rate, _, self.frame_bytes, bits = struct.unpack("<HHIIHH", self.layout[:16])
            if tag == 0xFFFE:  # extensible: the GUID of the format begins with its tag
                tag = int.from_bytes(self.layout[24:26], "little")
            if tag not in (1, 3) or bits not in self.FORMATS or self.frame_bytes != self.channels * bits // 8 > 0:
                raise TfioError(f"WAV format {tag} with {bits} bits")
            self.frames, self.dtype = data_bytes // self.frame_bytes, self.FORMATS[bits]
            # The op hands on the bits of 32-bit integers as if they were floats.
            self.sample_format = "int32" if (tag, bits) == (1, 32) else self.dtype
        except TfioError:
            self.close()
            raise

    def _read(self, start: int, stop: int) -> np.ndarray:
        self.file.seek(self.data_start + start * self.frame_bytes)
        data = self.file.read((stop - start) * self.frame_bytes)
        body = b"WAVE" + _chunk(b"fmt ", self.layout) + _chunk(b"data", data)
        decoded = self._call(
            self.ops.io_audio_decode_wav, _chunk(b"RIFF", body), [-1, -1], self.tf.as_dtype(self.dtype)
        )
        return decoded.numpy().view(self.sample_format)

    def close(self) -> None:
        self.file.close()


def open_source(path) -> TfioSource:
    """The open file; see TfioSource."""
    with open(path, "rb") as file:
        start = file.read(12)
    source = WavSource(path) if (start[:4], start[8:]) == (b"RIFF", b"WAVE") else ResourceSource(path)
    if source.sample_rate < 1 or source.channels < 1:
        source.close()
        raise TfioError("damaged header")
    return source


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content


def _wav_chunks(file) -> tuple[bytes, int, int]:
    """Content of the format chunk; first byte and number of bytes of the samples, as far as the file holds them."""
    layout, size_of_file = b"", file.seek(0, os.SEEK_END)
    file.seek(12)  # after RIFF, its size, WAVE
    while len(header := file.read(8)) == 8:
        name, size = struct.unpack("<4sI", header)
        if name == b"fmt ":
            layout = file.read(min(size, 40))
            size -= len(layout)
        elif name == b"data":
            if len(layout) < 16:
                break
            return layout, file.tell(), min(size, size_of_file - file.tell())
        file.seek(size + size % 2, os.SEEK_CUR)
    raise TfioError("no samples found in the WAV file")


def _cause(message: str, path: str) -> str:
    """The op's own words: "{{function_node ...}} unknown file type: PATH [Op:...]" -> "unknown file type"."""
    words = re.sub(r"\{\{.*?\}\}|\[Op:.*", "", message.replace(path, ""), flags=re.DOTALL).strip(" :;.\n")
    return words or "cannot be decoded"
