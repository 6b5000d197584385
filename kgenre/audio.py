"""The one decoder: any audio file to mono float32 at the model's rate.

libsndfile reads first (mp3, ogg, opus, flac, wav, aiff; exact seeks), FFmpeg through PyAV reads
what it cannot (m4a/AAC, WMA, ...). Channels are averaged, soxr resamples at its HQ setting, samples
are clipped to [-1, 1]. Everything is a stream of blocks, so a ten-hour file needs no more memory
than a song, and a whole decode is the same samples as the blocks that it is made of.
"""

import functools
import importlib.metadata
import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from kgenre.errors import KgenreError

BLOCK_FRAMES = 1 << 17  # 3 s at 44.1 kHz: long enough that Python's share of the time vanishes
MIN_SECONDS = 0.1  # less holds not one period of 10 Hz: there is nothing to hear a genre in
SILENCE_DB = -80.0  # peak level under which a file counts as silent (16-bit dither is at -90)
TRUNCATED_SECONDS = 0.5  # missing at the end; less may be an mp3's encoder delay and padding
RESAMPLER_MARGIN_SECONDS = 0.1  # context around a window; soxr HQ reaches about 10 ms each way


class AudioError(KgenreError):
    """A file that cannot be used: its path and the cause in one line."""

    def __init__(self, path, cause: str):
        super().__init__(f"{path}: {cause}".replace("\n", "\\n"))  # a file name may hold a line break
        self.path, self.cause = str(path), cause


@dataclass(frozen=True)
class AudioInfo:
    """What a file says of itself, read without decoding it. `seconds` is NaN where it does not say."""

    seconds: float
    sample_rate: int
    channels: int
    decoder: str


@dataclass(frozen=True)
class Audio:
    """Decoded mono samples, float32 (samples,) in [-1, 1], and what was odd about them.

    `flags` holds any of "silent" (peak under -80 dB), "truncated" (the file ends before its header
    says so), "clipped" (more than 0.1 % of the samples at full scale).
    """

    samples: np.ndarray
    sample_rate: int
    flags: tuple[str, ...]

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.sample_rate


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


def probe(path) -> AudioInfo:
    """Reads duration, rate and channels from the header. Takes a millisecond or so.

    Raises:
        AudioError: the file is missing, empty, or no decoder reads it.
    """
    source, name = _open(path)
    try:
        seconds = math.nan if source.frames is None else source.frames / source.sample_rate
        return AudioInfo(seconds, source.sample_rate, source.channels, name)
    finally:
        source.close()


def stream(path, sample_rate: int, start: float = 0.0) -> Iterator[np.ndarray]:
    """Decodes a file block by block.

    Args:
        path: an audio file.
        sample_rate: Hz of the result.
        start: seconds into the file; sample-exact for libsndfile's formats.

    Yields:
        float32 (samples,) in [-1, 1]; concatenated, they are the whole file from `start`.

    Raises:
        AudioError: unreadable, NaN or infinite samples, or channels that cancel each other. It can
            come after some blocks: a fault in the middle of a file is found in the middle.
    """
    source, name = _open(path)
    try:
        yield from _resampled(path, source, DECODERS[name].errors(), sample_rate, start)
    finally:
        source.close()


def decode(path, sample_rate: int, start: float = 0.0, seconds: float | None = None) -> Audio:
    """Decodes a whole file, or the window of `seconds` from `start`, which costs the window alone.

    Returns:
        Audio. A window that begins inside the file and ends beyond it is as long as what is there.

    Raises:
        AudioError: as `stream`; or fewer than 0.1 s of audio.
    """
    wanted = None if seconds is None else round(seconds * sample_rate)
    blocks, have = [], 0
    for block in stream(path, sample_rate, start):
        blocks.append(block)
        have += len(block)
        if wanted is not None and have >= wanted:
            break
    samples = np.concatenate(blocks)[:wanted] if blocks else np.zeros(0, "float32")
    check_length(path, len(samples), sample_rate, start)
    return Audio(samples, sample_rate, _flags(path, samples, sample_rate, whole=seconds is None and not start))


def check_length(path, samples: int, sample_rate: int, start: float = 0.0) -> None:
    """Raises AudioError where there is too little audio to name a genre by."""
    if samples == 0 and start == 0:
        raise AudioError(path, "holds no audio: the file has a header and nothing after it. Replace the file.")
    if samples < MIN_SECONDS * sample_rate:
        place = f" after {start:.1f} s" if start else ""
        raise AudioError(
            path, f"too short: {samples / sample_rate:.5f} s of audio{place}; at least {MIN_SECONDS} s are needed."
        )


def is_silent(peak: float) -> bool:
    """True where the largest absolute sample is under -80 dB."""
    return peak < 10 ** (SILENCE_DB / 20)


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


def _resampled(path, source, errors, sample_rate: int, start: float) -> Iterator[np.ndarray]:
    """Mono blocks at `sample_rate`, checked. The resampler starts a little early for a clean onset."""
    ratio = math.gcd(source.sample_rate, sample_rate)
    step = source.sample_rate // ratio  # source frames that are a whole number of output samples
    first = max(0, math.floor((start - RESAMPLER_MARGIN_SECONDS) * source.sample_rate / step)) * step if start else 0
    drop = round(start * sample_rate) - first * sample_rate // source.sample_rate
    resampler = None
    if source.sample_rate != sample_rate:
        resampler = soxr.ResampleStream(source.sample_rate, sample_rate, 1, dtype="float32", quality="HQ")
    for mono, last in with_last(_mono(path, source, errors, first)):
        if resampler is not None:
            mono = resampler.resample_chunk(mono, last=last)
        drop, mono = max(0, drop - len(mono)), mono[drop:]
        if len(mono):
            yield np.clip(mono, -1.0, 1.0)


def _mono(path, source, errors, first: int) -> Iterator[np.ndarray]:
    power_in = power_out = 0.0
    try:
        if first:
            source.seek(first)
        for block in source.blocks():
            mono = _mix(block)
            if not np.isfinite(mono.sum()) and not np.isfinite(mono).all():
                bad = int((~np.isfinite(block)).any(axis=1).sum())
                raise AudioError(path, f"{bad} NaN or infinite samples. Write the file anew from its source.")
            if source.channels > 1:
                flat = block.reshape(-1)
                power_in += float(flat @ flat) / source.channels
                power_out += float(mono @ mono)
            yield mono
    except errors as error:
        raise AudioError(path, f"broken in the middle: {_first_line(error)}") from error
    if power_in > 0 and power_out < 1e-6 * power_in:  # -60 dB: opposite phase, not a quiet song
        raise AudioError(path, "the channels cancel each other (opposite phase). Invert one channel.")


def _mix(block: np.ndarray) -> np.ndarray:
    """Mean of the channels: (frames, channels) -> (frames,)."""
    channels = block.shape[1]
    if channels == 1:
        return block[:, 0]
    if channels == 2:  # 20 times as fast as block.mean(axis=1)
        return (block[:, 0] + block[:, 1]) * np.float32(0.5)
    return block @ np.full(channels, 1 / channels, "float32")


def with_last(items: Iterator) -> Iterator[tuple]:
    """Each item with whether it is the last."""
    items, nothing = iter(items), object()
    item = next(items, nothing)
    while item is not nothing:
        following = next(items, nothing)
        yield item, following is nothing
        item = following


def _flags(path, samples: np.ndarray, sample_rate: int, whole: bool) -> tuple[str, ...]:
    level = np.abs(samples)
    flags = []
    if is_silent(level.max()):
        flags.append("silent")
    if (level >= 0.9999).mean() > 1e-3:
        flags.append("clipped")
    said = probe(path).seconds if whole else math.nan
    if said - len(samples) / sample_rate > TRUNCATED_SECONDS:
        flags.append("truncated")
    return tuple(flags)


def _first_line(error: Exception) -> str:
    words = getattr(error, "strerror", None) or getattr(error, "error_string", None) or str(error)
    text = (words or type(error).__name__).splitlines()[0].removeprefix("Error : ").rstrip(".")
    # libsndfile's words for an .mp3 in which it finds no frame; the file does exist.
    return "no mp3 frame found" if text.startswith("File does not exist or is not a regular") else text
