"""What opens an audio file: the table of decoders, and the choice among them.

libsndfile reads first (mp3, ogg, opus, flac, wav, aiff; exact seeks), FFmpeg through PyAV reads what it cannot
(m4a/AAC, WMA, ...). An optional decoder is used only where it is asked for by name. docs/decoding.md compares them.
"""

import functools
import importlib.metadata
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from kgenre.audio import tfio
from kgenre.core.errors import KgenreError, check_known

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
    """One row of DECODERS.

    Attributes:
        open: path -> source, as SoundfileSource.
        errors: () -> the exceptions that a source raises at a file that it cannot read.
        components: what determines the samples: "libsndfile" and names of installed distributions.
        reads: for the help text.
        endings: of the names of the files that it reads, lower case; None for any.
        optional: True if it is used only where it is asked for by name.
        check: () -> None; raises KgenreError where it does not work in this environment.
    """

    open: Callable
    errors: Callable[[], tuple[type[Exception], ...]]
    components: tuple[str, ...]
    reads: str
    endings: tuple[str, ...] | None = None
    optional: bool = False
    check: Callable[[], object] = lambda: None


# Those that are not optional are tried in this order.
DECODERS = {
    "libsndfile": Decoder(
        SoundfileSource,
        lambda: (soundfile.LibsndfileError, RuntimeError),
        ("libsndfile", "soundfile"),
        "mp3, ogg, opus, flac, wav, aiff",
    ),
    "ffmpeg": Decoder(AvSource, av_errors, ("av",), "also m4a/AAC and WMA"),
    "tfio": Decoder(
        tfio.open_source,
        lambda: (tfio.TfioError,),
        ("tensorflow-io",),
        "mp3, flac, ogg, wav by tensorflow-io, which needs TensorFlow 2.16 or 2.17",
        tfio.ENDINGS,
        optional=True,
        check=tfio.tfio_ops,
    ),
}
AUTO = "auto"
DECODER_CHOICES = (AUTO, *DECODERS)
DECODER_HELP = "; ".join(
    [f"{AUTO}: " + ", then ".join(name for name, row in DECODERS.items() if not row.optional)]
    + [f"{name}: {row.reads}" for name, row in DECODERS.items()]
)


def check_decoder(decoder: str) -> None:
    """Raises KgenreError where the name is unknown or the decoder does not work here. Imports what it needs."""
    for row in chosen(decoder).values():
        row.check()


def chosen(decoder: str = AUTO) -> dict[str, Decoder]:
    """The rows to try, in order: of "auto" those that are not optional, of a name its own.

    Raises:
        KgenreError: unknown name.
    """
    check_known("decoder", decoder, DECODER_CHOICES)
    if decoder != AUTO:
        return {decoder: DECODERS[decoder]}
    return {name: row for name, row in DECODERS.items() if not row.optional}


@functools.cache
def decoder_versions(decoder: str = AUTO) -> str:
    """Decoders and resampler with their versions: decoded samples are comparable only if this agrees.

    Raises:
        KgenreError: as `check_decoder`.
    """
    check_decoder(decoder)
    components = [name for row in chosen(decoder).values() for name in row.components]
    return ", ".join(f"{name} {_version(name)}" for name in [*components, "soxr"])


def _version(component: str) -> str:
    if component == "libsndfile":  # the C library inside the distribution "soundfile"
        return soundfile.__libsndfile_version__
    return importlib.metadata.version(component)


def _open(path, decoder: str = AUTO):
    """The open source of the first of the chosen decoders that reads the file, and that decoder's name."""
    rows = chosen(decoder)
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
    for name, row in rows.items():
        if row.endings is not None and path.suffix.lower() not in row.endings:
            causes.append(f"{name}: reads {' '.join(row.endings)} only, --decoder {AUTO} reads more")
            continue
        try:
            return row.open(path), name
        except row.errors() as error:
            causes.append(f"{name}: {_first_line(error)}")
    raise AudioError(path, f"not an audio file that can be read ({'; '.join(causes)}).")


def _first_line(error: Exception) -> str:
    words = getattr(error, "strerror", None) or getattr(error, "error_string", None) or str(error)
    text = (words or type(error).__name__).splitlines()[0].removeprefix("Error : ").rstrip(".")
    # libsndfile's words for an .mp3 in which it finds no frame; the file does exist.
    return "no mp3 frame found" if text.startswith("File does not exist or is not a regular") else text
