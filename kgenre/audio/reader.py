"""Reads many tracks through a cache: all slices for prediction, random crops for training; and checks files.

What the cache does not hold is decoded again, by seeking to the crop that is wanted. A path may name a part of a file
(audio.fragments): the cache holds the file, once for all its parts. A track of a shard at the model's rate is read from
the shard each time, and never kept.
"""

import functools
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from kgenre.audio import decode as audio
from kgenre.audio.cache import AudioCache
from kgenre.audio.facts import TrackFacts, describe_truncation
from kgenre.audio.fragments import Part, find_part
from kgenre.audio.inputs import container, is_in_shard
from kgenre.audio.policy import AUTO, DEFAULT_POLICY, ReadPolicy
from kgenre.audio.shards import open_member
from kgenre.audio.slicing import SliceSpec, repeat_to_length
from kgenre.audio.track import Slice, TrackSlices, count_samples, read_samples
from kgenre.audio.verified import damaged_shards
from kgenre.core.errors import KgenreError

log = logging.getLogger(__name__)

BYTES_PER_SAMPLE = 4


class TrackReader:
    """Reads tracks by a policy (audio.track), through a cache, and keeps what it learns of them; thread-safe.

    Args:
        spec: SliceSpec, sample rate and slices.
        cache_bytes: int, decoded audio to keep.
        policy: ReadPolicy, which applies to `slices`; crops are drawn from all of a track.

    Attributes:
        failures: {path: cause} of the files that could not be read so far.
        facts: {path: TrackFacts} of the tracks whose slices were read to the end.
        decoded: number of times that audio was decoded, which the cache is there to keep down.
    """

    def __init__(self, spec: SliceSpec, cache_bytes: int = 0, policy: ReadPolicy = DEFAULT_POLICY):
        self.spec, self.policy = spec, policy
        self.cache = AudioCache(cache_bytes)
        self.failures: dict[str, str] = {}
        self.facts: dict[str, TrackFacts] = {}
        self.lengths: dict[str, int] = {}
        self.warned: set[str] = set()
        self.decoded = 0

    def crop(self, path: str, position: float, samples: int | None = None) -> np.ndarray:
        """The crop at `position` in [0, 1] of the track: float32 (samples,), a slice's length if not given.

        Raises:
            AudioError: the file cannot be read; or it is silent, which shows only where it is decoded whole.
        """
        samples = samples or self.spec.slice_samples
        part, length = find_part(path), self.length(path)
        start = round(position * max(0, length - samples))
        if self._is_decoded(part.file):
            return repeat_to_length(self._read_shard(path, part, start, samples), samples)
        held = self._hold(part.file)
        if held is None:
            return repeat_to_length(self._decode_crop(path, start / self.spec.sample_rate, samples), samples)
        held, first = self._cut(part, held)
        start = max(0, min(start, len(held) - samples))
        piece = held[start : start + samples]
        if not part.is_whole:
            audio.check_length(path, len(piece), self.spec.sample_rate)
        return repeat_to_length(part.perturb(piece, first + start), samples)

    def _hold(self, file: str) -> np.ndarray | None:
        """A file's samples, from the cache or decoded into it; None where they do not fit or lie in a shard."""
        held = self.cache.get(file)
        if held is None and self._keeps(file):
            held = self._decode_whole(file)
            self.cache.add(file, held)
        return held

    def _read_shard(self, path: str, part: Part, start: int, samples: int) -> np.ndarray:
        """The samples of a part of a track of a shard, as a decode of the excerpt gives them, in less time."""
        shard, index = open_member(part.file)
        first, last = part.span(shard.sample_rate, shard.count(index))
        piece = shard.read(index, first + start, min(first + start + samples, last))
        audio.check_length(path, len(piece), shard.sample_rate)
        return part.perturb(piece, first + start)

    def _cut(self, part: Part, held: np.ndarray) -> tuple[np.ndarray, int]:
        """The part's samples of a file's, and the first one's number there."""
        first, last = part.span(self.spec.sample_rate, len(held))
        return held[first:last], first

    def keep_all_or_none(self, paths: Sequence[str]) -> None:
        """Gives the cache up unless it holds all of these tracks.

        The last bits of a crop depend on whether it was cut from the whole track or decoded by itself. With a cache
        that holds some tracks, they depend on which were read first.
        """
        total = 0
        for path in {find_part(path).file for path in paths}:
            try:
                total += 0 if self._is_decoded(path) else self.length(path)
            except audio.AudioError:
                continue  # it fails where it is read
        if not self.cache.has_room(1.02 * total * BYTES_PER_SAMPLE):  # a header may state a little less than there is
            log.warning("deterministic: decoded audio is not kept, for it does not all fit; raise --cache-gib")
            self.cache = AudioCache(0)

    def slices(self, path: str) -> Iterator[Slice]:
        """The slices of the track that the policy gives, in order; a track that fails ends early, in `failures`."""
        try:
            track = TrackSlices(path, self.spec, self.length(path), self.policy, self._stream)
            yield from track
        except audio.AudioError as error:
            self.failures[path] = error.cause
            return
        self.facts[path] = track.facts
        self._warn(path, track.facts.truncation)

    def _stream(self, path: str, sample_rate: int, start: float, decoder: str) -> Iterator[np.ndarray]:
        """The track's blocks from the cache, or decoded; a whole track is kept if it fits."""
        part = find_part(path)
        held = self.cache.get(path) if part.is_whole else self._hold(part.file)
        if held is not None:
            held, first = self._cut(part, held)
            start = round(start * sample_rate)
            yield part.perturb(held[start:], first + start)
            return
        self.decoded += 1
        kept, samples = [] if start == 0 and part.is_whole and self._keeps(path) else None, 0
        for block in audio.stream(path, sample_rate, start, decoder):
            samples += len(block)
            if kept is not None:
                kept.append(block)
                if not self.cache.has_room(samples * BYTES_PER_SAMPLE):  # longer than its header states
                    kept = None
            yield block
        if kept:
            audio.check_length(path, samples, sample_rate)
            self.cache.add(path, np.concatenate(kept))

    def _decode_whole(self, path: str) -> np.ndarray:
        self.decoded += 1
        samples = read_samples(path, self.spec.sample_rate, decoder=self.policy.decoder).samples
        self._warn(path, describe_truncation(len(samples), self.length(path), self.spec.sample_rate))
        return samples

    def _decode_crop(self, path: str, start: float, samples: int) -> np.ndarray:
        self.decoded += 1
        rate, seconds, decoder = self.spec.sample_rate, samples / self.spec.sample_rate, self.policy.decoder
        try:
            return audio.decode(path, rate, start, seconds, decoder).samples
        except audio.AudioError:
            if start == 0:
                raise
            # A header that promises more than there is: the beginning is there if anything is.
            return audio.decode(path, rate, 0.0, seconds, decoder).samples

    def _warn(self, path: str, note: str) -> None:
        if note and path not in self.warned:
            self.warned.add(path)
            log.warning("%s: %s", path, note)

    def _keeps(self, path: str) -> bool:
        """Whether a file is to be kept in the cache."""
        return not self._is_decoded(path) and self.cache.has_room(self.length(path) * BYTES_PER_SAMPLE)

    def _is_decoded(self, path: str) -> bool:
        """Whether a file lies in a shard at the model's rate; of another rate a warning tells what that costs."""
        if not is_in_shard(path):
            return False
        own, wanted = open_member(path)[0].sample_rate, self.spec.sample_rate
        if own != wanted:
            note = f"prepared at {own} Hz; resampled to {wanted} each time. `kgenre prepare --sample-rate-hz {wanted}`"
            self._warn(str(container(path).parent), f"{note} makes a set that needs none.")
        return own == wanted

    def length(self, path: str) -> int:
        """Samples of the track, as its header states them.

        Raises:
            AudioError: the file cannot be read.
        """
        if path not in self.lengths:
            self.lengths[path] = count_samples(path, self.spec.sample_rate, self.policy.decoder)
        return self.lengths[path]


def check_files(
    paths: Sequence[str], workers: int, advance: Callable[[], None] = lambda: None, decoder: str = AUTO
) -> dict[str, str]:
    """Probes files in parallel: {path: cause} of those that no decoder opens or that hold too little.

    Shards are compared with their checksums (audio.verified).
    """

    probe = functools.cache(lambda file: audio.probe(file, decoder))  # parts of a file share its header
    shards = Counter(str(container(path)) for path in paths if is_in_shard(path))
    damaged = damaged_shards(shards, workers, done=lambda shard: [advance() for _ in range(shards[shard])])

    def fault(path: str) -> str | None:
        try:
            part = find_part(path)
            if damaged and (error := damaged.get(str(container(path)))):
                return error.cause
            info = probe(part.file)
            if not np.isnan(info.seconds):
                audio.check_length(path, round(part.seconds(info.seconds) * info.sample_rate), info.sample_rate)
            return None
        except audio.AudioError as error:
            return error.cause
        finally:
            if not is_in_shard(path):  # for which all of its shard was counted
                advance()

    with ThreadPoolExecutor(workers) as pool:
        return {path: cause for path, cause in zip(paths, pool.map(fault, paths)) if cause}


def check_bad_share(failures: dict[str, str], n_files: int, max_bad_share: float, n_collection: int = 0) -> None:
    """Raises KgenreError where more than the stated share of the files is unusable, or all of them.

    Args:
        failures: {path: cause} of the unusable ones.
        n_files: files that were tried.
        max_bad_share: share, in [0, 1].
        n_collection: files of which it is the share, where only a part was tried: in a small test split, one silent
            track would be too many.
    """
    if len(failures) > max_bad_share * max(n_files, n_collection) or len(failures) == n_files > 0:
        path, cause = next(iter(failures.items()))
        rule = (
            "so nothing is left" if len(failures) == n_files else f"more than `max_bad_share`={max_bad_share:g} allows"
        )
        step = "" if is_in_shard(path) else " Fix or remove these files, or raise --max-bad-share."
        raise KgenreError(f"{len(failures)} of {n_files} files cannot be used, {rule}. First: {path}: {cause}{step}")
