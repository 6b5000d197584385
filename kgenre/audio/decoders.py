"""The one decoder: any audio file to mono float32 at the model's rate.

libsndfile reads first (mp3, ogg, opus, flac, wav, aiff; exact seeks), FFmpeg through PyAV reads
what it cannot (m4a/AAC, WMA, ...). Channels are averaged, soxr resamples at its HQ setting, samples
are clipped to [-1, 1]. Everything is a stream of blocks, so a ten-hour file needs no more memory
than a song, and a whole decode is the same samples as the blocks that it is made of.
"""

import functools
import importlib.metadata
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from kgenre.core.errors import KgenreError

BLOCK_FRAMES = 1 << 17  # 3 s at 44.1 kHz: long enough that Python's share of the time vanishes


class AudioError(KgenreError):
    """A file that cannot be used: its path and the cause in one line."""

    def __init__(self, path, cause: str):
        super().__init__(f"{path}: {cause}".replace("\n", "\\n"))  # a file name may hold a line break
        self.path, self.cause = str(path), cause


class SoundfileSource:
    """An open file of libsndfile."""

    def __init__(self, path):
        # As bytes, so that names in another encoding than UTF-8 open too; Windows has none of these.
        self.file = soundfile.SoundFile(str(path) if os.name == "nt" else os.fsencode(path))
        self.sample_rate, self.channels = self.file.samplerate, self.file.channels
        if self.file.frames >= 1 << 60:  # libsndfile's word for a header that does not say; it cannot read such a FLAC
            self.file.close()
            raise RuntimeError("its header does not tell its length")
        self.frames = self.file.frames

    def seek(self, frame: int) -> None:
        self.file.seek(min(frame, self.frames))

    def blocks(self) -> Iterator[np.ndarray]:
        """Yields float32 (frames, channels). Always float: int16 would wrap on an ogg's overs."""
        while len(block := self.file.read(BLOCK_FRAMES, dtype="float32", always_2d=True)):
            yield block

    def close(self) -> None:
        self.file.close()


class AvSource:
    """An open file of FFmpeg, through PyAV. Decodes only: its mono down-mix has a gain of 1.414."""

    def __init__(self, path):
        import av  # 0.1 s that libsndfile's files need not pay

        # With "file:", for FFmpeg takes the beginning of "Artist: Song.m4a" for a protocol.
        self.container = av.open(f"file:{path}", metadata_errors="ignore")
        if not self.container.streams.audio:
            self.container.close()
            raise av.error.InvalidDataError(0, "no audio stream in this file", str(path))
        self.stream = self.container.streams.audio[0]
        if self.stream.codec_context is None or not self.stream.rate:
            self.container.close()
            raise av.error.InvalidDataError(0, "no decoder for its codec, or encrypted", str(path))
        self.sample_rate, self.channels = self.stream.rate, self.stream.channels
        if self.container.duration is None:
            self.frames = None
        else:
            self.frames = round(self.container.duration * 1e-6 * self.sample_rate)
        self.skip_to = self.origin = 0

    def seek(self, frame: int) -> None:
        """Goes to `frame`: back to a packet 0.5 s before it, then decodes and drops.

        Exact for AAC; for WMA, which stamps its packets in milliseconds, within 1 ms.
        """
        first = next(self.container.decode(self.stream), None)  # some decoders drop their first frame
        self.origin = self._position(first) if first is not None else 0
        self.skip_to = frame
        seconds = max(0.0, (frame + self.origin) / self.sample_rate - 0.5)
        self.container.seek(int(seconds / self.stream.time_base), stream=self.stream)

    def _position(self, frame) -> int:
        return 0 if frame.pts is None else round(float(frame.pts * frame.time_base) * self.sample_rate)

    def blocks(self) -> Iterator[np.ndarray]:
        """Yields float32 (frames, channels)."""
        import av

        to_float = av.AudioResampler(format="flt", layout=self.stream.layout, rate=self.sample_rate)
        skip = None
        for frame in self.container.decode(self.stream):
            if skip is None:  # only the first frame tells where it is: WMA's last one has no time stamp
                skip = max(0, self.skip_to + self.origin - self._position(frame)) if self.skip_to else 0
            for part in to_float.resample(frame):
                block = part.to_ndarray().reshape(-1, self.channels)
                if len(block) > skip:
                    yield block[skip:]
                skip = max(0, skip - len(block))

    def close(self) -> None:
        self.container.close()


def av_errors() -> tuple[type[Exception], ...]:
    import av

    return (av.error.FFmpegError, OSError, ValueError)


@dataclass(frozen=True)
class Decoder:
    """One row of DECODERS: how to open a file, and what it raises at one that it cannot read."""

    open: Callable
    errors: Callable[[], tuple[type[Exception], ...]]
    distribution: str


# Tried in this order. An in-graph decoder (tensorflow-io, TensorFlow 2.16-2.17) takes a row of its own.
DECODERS = {
    "libsndfile": Decoder(SoundfileSource, lambda: (soundfile.LibsndfileError, RuntimeError), "soundfile"),
    "ffmpeg": Decoder(AvSource, av_errors, "av"),
}


@functools.cache
def decoder_versions() -> str:
    """Decoders and resampler with their versions: decoded samples are comparable only if this agrees."""
    names = [row.distribution for row in DECODERS.values()] + ["soxr"]
    own = f"libsndfile {soundfile.__libsndfile_version__}"
    return ", ".join([own] + [f"{name} {importlib.metadata.version(name)}" for name in names])


def _open(path):
    """The open source of the first decoder that reads the file, and that decoder's name."""
    path = Path(path)
    try:
        size = path.stat().st_size
        path.open("rb").close()
    except OSError as error:
        raise AudioError(path, f"cannot be opened: {error.strerror}.") from error
    if not path.is_file():
        raise AudioError(path, "is not a file.")
    if size == 0:
        raise AudioError(path, "empty file: 0 bytes. Replace the file.")
    causes = []
    for name, decoder in DECODERS.items():
        try:
            return decoder.open(path), name
        except decoder.errors() as error:
            causes.append(f"{name}: {_first_line(error)}")
    raise AudioError(path, f"not an audio file that can be read ({'; '.join(causes)}).")


def _first_line(error: Exception) -> str:
    words = getattr(error, "strerror", None) or getattr(error, "error_string", None) or str(error)
    text = (words or type(error).__name__).splitlines()[0].removeprefix("Error : ").rstrip(".")
    # libsndfile's words for an .mp3 in which it finds no frame; the file does exist.
    return "no mp3 frame found" if text.startswith("File does not exist or is not a regular") else text
