"""Reads collections of spectrograms, with the interface of audio.reader.TrackReader; and checks their files."""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from kgenre.audio.cache import AudioCache
from kgenre.audio.decoders import AudioError
from kgenre.audio.facts import TrackFacts
from kgenre.audio.fragments import find_part
from kgenre.audio.inputs import split_member
from kgenre.audio.policy import DEFAULT_POLICY, ReadPolicy
from kgenre.audio.slicing import SliceSpec, repeat_to_length
from kgenre.audio.spectrograms import read_spectrogram, spectrogram_shape
from kgenre.audio.track import Slice


class SpectrogramReader:
    """Slices and crops of spectrograms, float32 (slice_samples, bins), of the values in the files; thread-safe.

    Arguments and attributes are those of TrackReader. Of the policy, the number of slices counts; a track is cut as
    one of audio is. A path may name a part of a file (audio.fragments), by seconds: the cache holds the file, once for
    all its parts.
    """

    def __init__(self, spec: SliceSpec, cache_bytes: int = 0, policy: ReadPolicy = DEFAULT_POLICY):
        self.spec, self.policy = spec, policy
        self.cache = AudioCache(cache_bytes)
        self.failures: dict[str, str] = {}
        self.facts: dict[str, TrackFacts] = {}
        self.decoded = 0

    def crop(self, path: str, position: float, samples: int | None = None) -> np.ndarray:
        """The crop at `position` in [0, 1] of the track: float32 (samples, bins), a slice's length if not given.

        Raises:
            AudioError: the file cannot be read, or has another number of bins.
        """
        whole, samples = self._whole(path), samples or self.spec.slice_samples
        return _cut(whole, round(position * max(0, len(whole) - samples)), samples)

    def length(self, path: str) -> int:
        """Frames of the track.

        Raises:
            AudioError: the file cannot be read.
        """
        part, (frames, _) = find_part(path), spectrogram_shape(find_part(path).file)
        first, last = part.span(self.spec.sample_rate, frames)
        return last - first

    def keep_all_or_none(self, paths: Sequence[str]) -> None:
        """Nothing to do: a crop has the same bits whether or not its track is kept."""

    def slices(self, path: str) -> Iterator[Slice]:
        """The slices of the track that the policy gives, in order; one that fails has none, and is in `failures`."""
        try:
            whole = self._whole(path)
        except AudioError as error:
            self.failures[path] = error.cause
            return
        limit, rate = self.policy.slices_per_track, self.spec.sample_rate
        is_sampled = limit is not None and self.spec.count(len(whole)) > limit
        starts = self.spec.spread(len(whole), limit) if is_sampled else self.spec.starts(len(whole))
        for start in starts:
            yield Slice(float(start / rate), _cut(whole, start, self.spec.slice_samples))
        seconds = tuple(float(start / rate) for start in starts)
        flags = ("sampled",) if is_sampled else ()
        # A spectrogram's values have no full scale that a level could be told by.
        self.facts[path] = TrackFacts(len(whole) / rate, float(whole.max()), math.nan, seconds, flags)

    def _whole(self, path: str) -> np.ndarray:
        """The track, which may be a part of a file: (frames, bins)."""
        part = find_part(path)
        whole = self._file(part.file)
        if part.is_whole:
            return whole
        first, last = part.span(self.spec.sample_rate, len(whole))
        if first >= last:
            seconds = len(whole) / self.spec.sample_rate
            raise AudioError(path, f"no part of the spectrogram, which lasts {seconds:.3f} s.")
        piece = whole[first:last]
        if not part.copy:
            return piece
        return part.perturb(piece.astype("float32"), first, (float(whole.min()), float(whole.max())))

    def _file(self, path: str) -> np.ndarray:
        held = self.cache.get(path)
        if held is not None:
            return held
        whole = read_spectrogram(path)
        self.decoded += 1
        if whole.shape[1] != self.spec.bins:
            raise AudioError(path, f"{whole.shape[1]} bins, where {self.spec.bins} are wanted.")
        if split_member(path)[1] is None and self.cache.has_room(whole.nbytes):  # those of an .npz are held already
            self.cache.add(path, np.array(whole))
        return whole


def _cut(whole: np.ndarray, start: int, length: int) -> np.ndarray:
    return np.ascontiguousarray(repeat_to_length(whole[start : start + length], length), "float32")


def check_spectrograms(
    paths: Sequence[str], workers: int, bins: int | None = None, advance: Callable[[], None] = lambda: None
) -> tuple[dict[str, str], dict[str, tuple[int, int]]]:
    """Reads the headers of the files, in parallel.

    Args:
        bins: that every track must have; None for what most of them have.

    Returns:
        {path: cause} of those that cannot be used, and {path: (frames, bins)} of the others.
    """

    def shape(path: str) -> tuple[int, int] | str:
        try:
            return spectrogram_shape(find_part(path).file)
        except AudioError as error:
            return error.cause
        finally:
            advance()

    with ThreadPoolExecutor(workers) as pool:
        found = dict(zip(paths, pool.map(shape, paths)))
    failures = {path: value for path, value in found.items() if isinstance(value, str)}
    shapes = {path: value for path, value in found.items() if path not in failures}
    counts = Counter(own for _, own in shapes.values())
    wanted = bins or (counts.most_common(1)[0][0] if counts else 0)
    others = {path: f"{own} bins, where {wanted} are wanted." for path, (_, own) in shapes.items() if own != wanted}
    return {**failures, **others}, {path: value for path, value in shapes.items() if path not in others}
