"""What is done with one file, in a process of its own: hash, tags, windows of audio.

A track is listened to whole, up to MAX_SLICES slices (12 minutes of the default model); of a longer one
as many windows are taken, spread evenly, so that a ten-hour mix costs as much as an album side, says no
more than one in a table of tracks, and needs no more memory than a song.
"""

import math
import os
from collections.abc import Iterator

import numpy as np

from kgenre.audio import decode as audio
from kgenre.audio.fingerprint import audio_hash_steps, file_hash
from kgenre.audio.reader import SILENT
from kgenre.audio.slicing import repeat_to_length, stream_slices
from kgenre.audio.tags import Tags, read_tags
from kgenre.library.scan.messages import About, Alive, Done, Failed, Job, Settings, Window

MAX_SLICES = 120
LOUDNESS_DB = -18.0  # RMS that gains aim at: ReplayGain's own target, less exactly measured
MAX_GAIN_DB = 24.0
MAX_COUNT_SECONDS = 200 * 3600.0  # a stream without a stated length that goes on longer is no track


class Level:
    """Power and peak of the audio that went by."""

    def __init__(self):
        self.samples, self.power, self.peak = 0, 0.0, 0.0

    def add(self, block: np.ndarray) -> np.ndarray:
        self.samples += len(block)
        self.power += float(block @ block)
        self.peak = max(self.peak, float(block.max()), -float(block.min()))
        return block

    @property
    def gain_db(self) -> float:
        return min(MAX_GAIN_DB, LOUDNESS_DB - 10 * math.log10(self.power / self.samples))


def listen(job: Job, settings: Settings) -> Iterator:
    """Answers for one file: About, then, if it is sent True, Windows and Done; or Failed at any time."""
    try:
        of_file = file_hash(os.fsdecode(job.path))
        of_audio = job.gone.get(of_file) or (yield from _hash(os.fsdecode(job.path)))
    except OSError as error:
        yield Failed(f"cannot be opened: {error.strerror}.", again=True)
        return
    tags = read_tags(os.fsdecode(job.path))
    if (yield About(of_file, of_audio, tags)):
        try:
            yield from _hear(os.fsdecode(job.path), settings, tags)
        except audio.AudioError as error:
            yield Failed(error.cause)


def _hash(path: str) -> Iterator:
    steps = audio_hash_steps(path)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value
        yield Alive()


def _hear(path: str, settings: Settings, tags: Tags) -> Iterator:
    level, said, spec = Level(), audio.probe(path).seconds, settings.spec
    if math.isnan(said):
        said = yield from _count(path)
    limit = settings.windows or MAX_SLICES
    samples = round(said * spec.sample_rate)
    whole = spec.count(samples) <= limit
    note = ""
    if not whole:
        note = yield from _spread(path, settings, level, samples, limit)
    if level.samples == 0:  # short; or its header promises more than there is, and every window lies behind the end
        yield from _whole(path, settings, level, limit)
    audio.check_length(path, level.samples, spec.sample_rate)
    if audio.is_silent(level.peak):
        yield Failed(SILENT)
        return
    heard = level.samples / spec.sample_rate
    if whole and said - heard > audio.TRUNCATED_SECONDS:
        note = f"truncated: {heard:.1f} s of audio, less than its header says ({said:.1f} s)."
    yield Done(heard if whole else said, level.gain_db if tags.gain_db is None else tags.gain_db, note)


def _count(path: str) -> Iterator:
    """Seconds of a file that does not say; it must be decoded once for that."""
    rate, seconds = 8000, 0.0
    for block in audio.stream(path, rate):
        seconds += len(block) / rate
        if seconds > MAX_COUNT_SECONDS:
            raise audio.AudioError(path, f"goes on for more than {MAX_COUNT_SECONDS / 3600:.0f} hours.")
        yield Alive()
    return seconds


def _whole(path: str, settings: Settings, level: Level, limit: int) -> Iterator[Window]:
    """All slices, as predict cuts them; no more than `limit`."""
    spec = settings.spec
    blocks = (level.add(block) for block in audio.stream(path, spec.sample_rate))
    windows = stream_slices(blocks, spec)
    for number, (window, last) in enumerate(audio.with_last(windows)):
        start = number * spec.hop_samples
        if last:  # all blocks have gone by
            start = min(start, max(0, level.samples - spec.slice_samples))
        yield Window(start / spec.sample_rate, window)
        if number + 1 == limit:
            return


def _spread(path: str, settings: Settings, level: Level, samples: int, limit: int) -> Iterator[Window]:
    """`limit` windows, each in the middle of its share of the track; they cost no more than themselves.

    Returns a note where the file ends before one of them.
    """
    spec = settings.spec
    for number in range(limit):
        start = round((number + 0.5) / limit * (samples - spec.slice_samples)) / spec.sample_rate
        blocks, have = [], 0
        for block in audio.stream(path, spec.sample_rate, start):
            blocks.append(block)
            have += len(block)
            if have >= spec.slice_samples:
                break
        if have < audio.MIN_SECONDS * spec.sample_rate:
            return f"truncated: ends before {start:.1f} s, and its header says {samples / spec.sample_rate:.1f} s."
        window = np.concatenate(blocks)[: spec.slice_samples]
        yield Window(start, repeat_to_length(level.add(window), spec.slice_samples))
    return ""
