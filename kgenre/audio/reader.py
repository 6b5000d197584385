"""tf.data pipelines: from a table of tracks to batches of waveforms.

Decoded audio is kept up to a given number of bytes and never evicted: over passes that visit every
track once, a cache that drops its oldest entry would drop each just before its next use. What is not
kept is decoded again by seeking to the window that is wanted. Shuffling is done on pairs of (track,
position), so it holds no audio at all.
"""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from kgenre.audio import decode as audio
from kgenre.audio.slicing import SliceSpec, repeat_to_length, stream_slices
from kgenre.core.errors import KgenreError

log = logging.getLogger(__name__)


BYTES_PER_SAMPLE = 4


class AudioCache:
    """Decoded tracks, float32, up to `limit` bytes in all; thread-safe. What came first stays."""

    def __init__(self, limit: int):
        self.limit, self.used = limit, 0
        self.tracks: dict[str, np.ndarray] = {}
        self.lock = threading.Lock()

    def get(self, path: str) -> np.ndarray | None:
        return self.tracks.get(path)

    def has_room(self, n_bytes: float) -> bool:
        return self.used + n_bytes <= self.limit

    def add(self, path: str, samples: np.ndarray) -> None:
        with self.lock:
            if path not in self.tracks and self.has_room(samples.nbytes):
                self.tracks[path] = samples
                self.used += samples.nbytes


class TrackReader:
    """Reads windows of tracks through the cache and remembers the files that failed.

    Args:
        spec: SliceSpec, sample rate and slices.
        cache_bytes: int, decoded audio to keep.

    Attributes:
        failures: {path: cause} of the files that could not be read so far.
        seconds, peaks: {path: value} of the tracks that were read whole.
        decoded: number of times that audio was decoded, which the cache is there to keep down.
    """

    def __init__(self, spec: SliceSpec, cache_bytes: int = 0):
        self.spec = spec
        self.cache = AudioCache(cache_bytes)
        self.failures: dict[str, str] = {}
        self.seconds: dict[str, float] = {}
        self.peaks: dict[str, float] = {}
        self.lengths: dict[str, int] = {}
        self.truncated: set[str] = set()
        self.decoded = 0

    def window(self, path: str, position: float, samples: int | None = None) -> np.ndarray:
        """The window at `position` in [0, 1] of the track: float32 (samples,), a slice if not given.

        Raises:
            AudioError: the file cannot be read; or it is silent, which shows only where it is decoded whole.
        """
        samples = samples or self.spec.slice_samples
        start = round(position * max(0, self._length(path) - samples))
        held = self.cache.get(path)
        if held is None and self.cache.has_room(self._length(path) * BYTES_PER_SAMPLE):
            held = self._decode(path)
            self.cache.add(path, held)
        if held is not None:
            start = max(0, min(start, len(held) - samples))
            return repeat_to_length(held[start : start + samples], samples)
        return repeat_to_length(self._decode(path, start / self.spec.sample_rate, samples), samples)

    def windows(self, path: str) -> Iterator[np.ndarray]:
        """All slices of the track in order, float32 (slice_samples,) each; a track that fails ends early, listed."""
        held = self.cache.get(path)
        if held is not None:
            self._note(path, len(held), float(np.abs(held).max()))
            yield from stream_slices([held], self.spec)
            return
        try:
            yield from stream_slices(self._stream(path), self.spec)
        except audio.AudioError as error:
            self.failures[path] = error.cause

    def _stream(self, path: str) -> Iterator[np.ndarray]:
        """The track's blocks; keeps them while they fit the cache, and checks the whole at its end."""
        fits = self.cache.has_room(self._length(path) * BYTES_PER_SAMPLE)
        kept, samples, peak = [] if fits else None, 0, 0.0
        self.decoded += 1
        for block in audio.stream(path, self.spec.sample_rate):
            samples += len(block)
            peak = max(peak, float(np.abs(block).max()))
            if kept is not None:
                kept.append(block)
                if not self.cache.has_room(samples * BYTES_PER_SAMPLE):
                    kept = None
            yield block
        audio.check_length(path, samples, self.spec.sample_rate)
        if self._length(path) - samples > audio.TRUNCATED_SECONDS * self.spec.sample_rate:
            self._warn_truncated(path, samples)
        self._note(path, samples, peak)
        if kept:
            self.cache.add(path, np.concatenate(kept))

    def _note(self, path: str, samples: int, peak: float) -> None:
        self.seconds[path], self.peaks[path] = samples / self.spec.sample_rate, peak
        if audio.is_silent(peak):
            self.failures[path] = SILENT

    def _decode(self, path: str, start: float | None = None, samples: int = 0) -> np.ndarray:
        self.decoded += 1
        if start is None:
            return self._audible(path, audio.decode(path, self.spec.sample_rate))
        seconds = samples / self.spec.sample_rate
        try:
            return audio.decode(path, self.spec.sample_rate, start, seconds).samples
        except audio.AudioError:
            if start == 0:
                raise
            # A header that promises more than there is: the beginning is there if anything is.
            return audio.decode(path, self.spec.sample_rate, 0.0, seconds).samples

    def _audible(self, path: str, decoded: audio.Audio) -> np.ndarray:
        if "silent" in decoded.flags:
            raise audio.AudioError(path, SILENT)
        if "truncated" in decoded.flags:
            self._warn_truncated(path, len(decoded.samples))
        return decoded.samples

    def _warn_truncated(self, path: str, samples: int) -> None:
        if path not in self.truncated:
            self.truncated.add(path)
            log.warning(
                "%s: truncated: %.1f s of audio, less than its header says", path, samples / self.spec.sample_rate
            )

    def _length(self, path: str) -> int:
        """Samples that the header tells, or counted where it does not.

        Rounded as soxr does, half-way cases up: a window must not depend on whether its track is cached.
        """
        if path not in self.lengths:
            seconds = audio.probe(path).seconds
            if np.isnan(seconds):
                self.lengths[path] = sum(len(block) for block in audio.stream(path, self.spec.sample_rate))
            else:
                self.lengths[path] = int(seconds * self.spec.sample_rate + 0.500001)
        return self.lengths[path]


SILENT = f"silent: no sample reaches {audio.SILENCE_DB:.0f} dB, so there is nothing to classify."


def check_files(paths: Sequence[str], workers: int, advance: Callable[[], None] = lambda: None) -> dict[str, str]:
    """Probes files in parallel: {path: cause} of those that no decoder opens or that hold too little."""

    def fault(path: str) -> str | None:
        try:
            info = audio.probe(path)
            if not np.isnan(info.seconds):
                audio.check_length(path, round(info.seconds * info.sample_rate), info.sample_rate)
            return None
        except audio.AudioError as error:
            return error.cause
        finally:
            advance()

    with ThreadPoolExecutor(workers) as pool:
        return {path: cause for path, cause in zip(paths, pool.map(fault, paths)) if cause}


def check_bad_share(failures: dict[str, str], n_files: int, max_bad_share: float) -> None:
    """Raises KgenreError where more than the stated share of the files is unusable, or all of them."""
    if len(failures) > max_bad_share * n_files or len(failures) == n_files > 0:
        path, cause = next(iter(failures.items()))
        rule = (
            "so nothing is left" if len(failures) == n_files else f"more than `max_bad_share`={max_bad_share:g} allows"
        )
        raise KgenreError(
            f"{len(failures)} of {n_files} files cannot be used, {rule}. "
            f"First: {path}: {cause} Mend or remove them, or raise --max-bad-share."
        )
