"""One track, read by one policy: which slices a model is given, and what is known of the track afterwards.

Prediction, embedding, evaluation, validation and library scans all read tracks here, so a track has the same
slices, and the same probabilities, wherever it is analysed. The policy:

- A file that no decoder opens, that holds NaN or infinite samples, channels that cancel each other, or less
  than 0.1 s of audio raises AudioError. So does a silent one, which shows only at the end.
- A track is read whole, in one pass and as slices that follow each other (audio.slicing), up to
  SLICES_PER_TRACK of them; of a longer one as many slices are read, each in the middle of its share of the track.
  1200 slices are 1.7 hours of the default model (5.12 s) and two hours of the default network (5.94 s): every song
  and nearly every side of an album is read whole, which the served graph does too, and `sampled` is set on
  mixes and audio books alone, whose mean hardly changes with more slices while their cost does. Callers show
  the number as `--slices-per-track N|all`.
- Up to MAX_SEEKS spread slices are read by seeking. More are picked out of one pass: seeking in an mp3 file
  walks through all frames before the place, 1 s on average in one of ten hours, which decodes in 70 s.
- A file whose header does not state its length is decoded once to count it.
- A file that ends more than 0.5 s before the stated length is used as far as it goes and flagged `truncated`;
  if every spread slice lies behind its end, it is read from its beginning.
"""

import math
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field

import numpy as np

from kgenre.audio import decode as audio
from kgenre.audio.facts import SILENT, Level, TrackFacts, describe_truncation
from kgenre.audio.fragments import find_part
from kgenre.audio.policy import AUTO, DEFAULT_POLICY, ReadPolicy
from kgenre.audio.slicing import SliceSpec, pick_slices, repeat_to_length, stream_slices

MAX_SEEKS = 64
MAX_COUNT_SECONDS = 200 * 3600.0  # a stream without a stated length that is longer than this is not a track


@dataclass(frozen=True)
class Slice:
    """A slice of a track: its start in seconds, and samples, float32 (slice_samples,)."""

    start: float
    samples: np.ndarray


@dataclass
class TrackSlices:
    """An iterator over the slices of a track; `facts` is set when it has ended.

    Args:
        path: an audio file.
        spec: SliceSpec of the model.
        length: samples that `count_samples` gives for the file.
        policy: ReadPolicy.
        stream: gives the decoded blocks, as audio.decode.stream.

    Raises:
        AudioError: as the policy above says, at any point of the iteration.
    """

    path: str
    spec: SliceSpec
    length: int
    policy: ReadPolicy = DEFAULT_POLICY
    stream: Callable = audio.stream
    facts: TrackFacts | None = None
    _level: Level = field(default_factory=Level)
    _starts: list[float] = field(default_factory=list)
    _truncation: str = ""
    _is_whole: bool = False  # whether the end of the file was reached
    _is_sampled: bool = False

    @property
    def is_sampled(self) -> bool:
        """Whether what was read so far is a part of the track."""
        return self._is_sampled

    def __iter__(self) -> Iterator[Slice]:
        limit = self.policy.slices_per_track
        if limit is not None and self.spec.count(self.length) > limit:
            self._is_sampled = True
            yield from self._seek(limit) if limit <= MAX_SEEKS else self._pick(limit)
        if not self._starts:  # not sampled; or the file ends before the first of the spread slices
            yield from self._read_from_start(limit)
        self.facts = self._find_facts()

    def _read_from_start(self, limit: int | None) -> Iterator[Slice]:
        self._is_sampled, self._level = False, Level()
        pieces = audio.with_last(stream_slices(self._blocks(), self.spec))
        for number, (samples, last) in enumerate(pieces):
            start = number * self.spec.hop_samples
            if last:  # all blocks have been read
                start = min(start, max(0, self._level.samples - self.spec.slice_samples))
            yield self._slice(start, samples)
            if number + 1 == limit and not last:  # longer than its header states
                self._is_sampled = True
                return
        self._is_whole = True

    def _pick(self, limit: int) -> Iterator[Slice]:
        for start, samples in pick_slices(self._blocks(), self.spec.spread(self.length, limit), self.spec):
            if len(samples) >= audio.MIN_SECONDS * self.spec.sample_rate:
                yield self._slice(start, samples)
        self._is_whole = True

    def _seek(self, limit: int) -> Iterator[Slice]:
        rate, size = self.spec.sample_rate, self.spec.slice_samples
        for start in self.spec.spread(self.length, limit):
            blocks, have = [], 0
            for block in self.stream(self.path, rate, start / rate, self.policy.decoder):
                blocks.append(block)
                have += len(block)
                if have >= size:
                    break
            if have < audio.MIN_SECONDS * rate:
                self._truncation = f"truncated: ends before {start / rate:.1f} s, {self._stated()}"
                return
            yield self._slice(start, self._level.add(np.concatenate(blocks)[:size]))

    def _blocks(self) -> Iterator[np.ndarray]:
        return map(self._level.add, self.stream(self.path, self.spec.sample_rate, 0.0, self.policy.decoder))

    def _slice(self, start: int, samples: np.ndarray) -> Slice:
        self._starts.append(float(start / self.spec.sample_rate))
        return Slice(self._starts[-1], repeat_to_length(samples, self.spec.slice_samples))

    def _find_facts(self) -> TrackFacts:
        rate, level = self.spec.sample_rate, self._level
        audio.check_length(self.path, level.samples, rate)
        if audio.is_silent(level.peak):
            raise audio.AudioError(self.path, SILENT)
        seconds = (level.samples if self._is_whole else self.length) / rate
        if self._is_whole:
            self._truncation = describe_truncation(level.samples, self.length, rate)
        found = {"truncated": self._truncation, "clipped": level.is_clipped, "sampled": self._is_sampled}
        flags = tuple(name for name, is_set in found.items() if is_set)
        return TrackFacts(seconds, level.peak, level.level_db, tuple(self._starts), flags, self._truncation)

    def _stated(self) -> str:
        return f"and its header says {self.length / self.spec.sample_rate:.1f} s."


def count_steps(path, sample_rate: int, decoder: str = AUTO) -> Generator[None, None, int]:
    """Samples of a track at `sample_rate`: those that its header states, else counted, with a step after each block.

    Rounded as soxr does, half-way cases up: a crop must not depend on whether its track is cached.

    Raises:
        AudioError: unreadable; or the count passes 200 hours.
    """
    part = find_part(path)
    samples = yield from _count_whole(part.file, sample_rate, decoder)
    first, last = part.span(sample_rate, samples)
    return last - first


def _count_whole(path, sample_rate: int, decoder: str) -> Generator[None, None, int]:
    seconds = audio.probe(path, decoder).seconds
    if not math.isnan(seconds):
        return int(seconds * sample_rate + 0.500001)
    samples = 0
    for block in audio.stream(path, sample_rate, decoder=decoder):
        samples += len(block)
        if samples > MAX_COUNT_SECONDS * sample_rate:
            raise audio.AudioError(path, f"goes on for more than {MAX_COUNT_SECONDS / 3600:.0f} hours.")
        yield
    return samples


def count_samples(path, sample_rate: int, decoder: str = AUTO) -> int:
    """What `count_steps` returns, without the steps."""
    steps = count_steps(path, sample_rate, decoder)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def read_samples(path, sample_rate: int, max_seconds: float | None = None, decoder: str = AUTO) -> audio.Audio:
    """A track's samples in one piece, or its first `max_seconds`: for features of whole tracks.

    Raises:
        AudioError: as audio.decode.decode; or the track is silent.
    """
    decoded = audio.decode(path, sample_rate, seconds=max_seconds, decoder=decoder)
    if "silent" in decoded.flags:
        raise audio.AudioError(path, SILENT)
    return decoded
