"""The one way from any audio file to mono float32 at the model's rate.

What opens the file is a row of decoders.py. Channels are averaged, soxr resamples at its HQ setting, samples
are clipped to [-1, 1]. Everything is a stream of blocks, so a ten-hour file needs no more memory
than a song, and a whole decode is the same samples as the blocks that it is made of. A path may name a part
of a file (fragments.py): its samples are those of the whole decode from the part's start to its end.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import soxr

from kgenre.audio.decoders import AudioError, errors_of, first_line, open_source
from kgenre.audio.fragments import find_part
from kgenre.audio.policy import AUTO

MIN_SECONDS = 0.1  # less holds not one period of 10 Hz: too little for a genre


SILENCE_DB = -80.0  # peak level under which a file counts as silent (16-bit dither is at -90)


TRUNCATED_SECONDS = 0.5  # missing at the end; less may be an mp3's encoder delay and padding


RESAMPLER_MARGIN_SECONDS = 0.1  # context around an excerpt; soxr HQ reaches about 10 ms each way


@dataclass(frozen=True)
class AudioInfo:
    """What a file says of itself, read without decoding it. `seconds` is NaN where it does not say.

    `format` is container and codec in the decoder's words, as "ogg vorbis"; "" where the decoder does not tell.
    """

    seconds: float
    sample_rate: int
    channels: int
    decoder: str
    format: str = ""


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


def probe(path, decoder: str = AUTO) -> AudioInfo:
    """Reads duration, rate and channels from the header. Takes a millisecond or so.

    Args:
        path: an audio file.
        decoder: one of DECODER_CHOICES.

    Raises:
        AudioError: the file is missing, empty, or none of the chosen decoders reads it.
        KgenreError: unknown decoder, or it does not work in this environment.
    """
    part = find_part(path)
    source, name = open_source(part.file, decoder)
    try:
        seconds = math.nan if source.frames is None else source.frames / source.sample_rate
        form = getattr(source, "format", "")
        return AudioInfo(part.seconds(seconds), source.sample_rate, source.channels, name, form)
    finally:
        source.close()


def stream(path, sample_rate: int, start: float = 0.0, decoder: str = AUTO) -> Iterator[np.ndarray]:
    """Decodes a file block by block.

    Args:
        path: an audio file.
        sample_rate: Hz of the result.
        start: seconds into the file; sample-exact for the formats of libsndfile and of tfio.
        decoder: one of DECODER_CHOICES.

    Yields:
        float32 (samples,) in [-1, 1]; concatenated, they are the whole file from `start`.

    Raises:
        AudioError: unreadable, NaN or infinite samples, or channels that cancel each other. It can
            come after some blocks: a fault in the middle of a file is found in the middle.
        KgenreError: as `probe`.
    """
    part = find_part(path)
    source, name = open_source(part.file, decoder)
    first = round(part.start * sample_rate) + round(start * sample_rate)
    place = start if part.is_whole else first / sample_rate
    try:
        blocks = _resampled(part.file, source, errors_of(name), sample_rate, place)
        yield from blocks if part.is_whole else part.cut(blocks, first, part.last(sample_rate))
    finally:
        source.close()


def decode(path, sample_rate: int, start: float = 0.0, seconds: float | None = None, decoder: str = AUTO) -> Audio:
    """Decodes a whole file, or the excerpt of `seconds` from `start`, which costs the excerpt alone.

    Returns:
        Audio. An excerpt that begins inside the file and ends beyond it is as long as what is there.

    Raises:
        AudioError: as `stream`; or fewer than 0.1 s of audio.
        KgenreError: as `probe`.
    """
    wanted = None if seconds is None else round(seconds * sample_rate)
    blocks, have = [], 0
    for block in stream(path, sample_rate, start, decoder):
        blocks.append(block)
        have += len(block)
        if wanted is not None and have >= wanted:
            break
    samples = np.concatenate(blocks)[:wanted] if blocks else np.zeros(0, "float32")
    check_length(path, len(samples), sample_rate, start)
    header_seconds = probe(path, decoder).seconds if seconds is None and not start else math.nan
    return Audio(samples, sample_rate, _flags(samples, sample_rate, header_seconds))


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
                raise AudioError(path, f"{bad} NaN or infinite samples. Write the file again from its source.")
            if source.channels > 1:
                flat = block.reshape(-1)
                power_in += float(flat @ flat) / source.channels
                power_out += float(mono @ mono)
            yield mono
    except errors as error:
        raise AudioError(path, f"broken in the middle: {first_line(error)}") from error
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


def _flags(samples: np.ndarray, sample_rate: int, header_seconds: float) -> tuple[str, ...]:
    level = np.abs(samples)
    flags = []
    if is_silent(level.max()):
        flags.append("silent")
    if (level >= 0.9999).mean() > 1e-3:
        flags.append("clipped")
    if header_seconds - len(samples) / sample_rate > TRUNCATED_SECONDS:
        flags.append("truncated")
    return tuple(flags)
