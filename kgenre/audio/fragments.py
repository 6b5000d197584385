"""Parts of files by name: "song.mp3#t=12.5,15.5" is from 12.5 to 15.5 s, "song.mp3#copy=2" a perturbed copy.

The first form is a media fragment of W3C (https://www.w3.org/TR/media-frags/#naming-time), in seconds. What stands
before the last # names what is cut: a file, or a member of one as "x.npz#5", so that "x.npz#5#t=0,7.4" is a part of
that member. A file whose real name ends so is that file.
"""

import math
import os
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

ENDING = re.compile(r"(.+)#(?:t=(\d+(?:\.\d+)?),(\d+(?:\.\d+)?)|copy=(\d+))", re.DOTALL)

# A copy is later by this, and has white noise added: what augmentation before a split does, in a form that
# reads the same samples each time.
COPY_SHIFT_SECONDS = 0.02
COPY_NOISE = 0.005  # standard deviation, where full scale is from -1 to 1
NOISE_ROWS = 4096  # noise is drawn in blocks of so many samples or frames, each from a seed of its own


@dataclass(frozen=True)
class Part:
    """A part of a file, or all of it.

    file: what is to be opened.
    start, end: seconds; `end` is infinite where the file's end is that of the part.
    copy: number of the perturbed copy; 0 for the file as it is.
    """

    file: str
    start: float = 0.0
    end: float = math.inf
    copy: int = 0

    @property
    def is_whole(self) -> bool:
        return self.start == 0 and self.end == math.inf and self.copy == 0

    def seconds(self, whole: float) -> float:
        """Its length in a file of `whole` seconds; 0 where it lies behind the end, NaN where that is not known."""
        return max(0.0, min(self.end, whole) - self.start) if not math.isnan(whole) else math.nan

    def last(self, rate: float) -> float:
        """The sample after its last, infinite where the file's end is that; the frame, if `rate` is of frames."""
        return math.inf if self.end == math.inf else round(self.end * rate)

    def span(self, rate: float, samples: int) -> tuple[int, int]:
        """First sample, and the one after the last, in a file of `samples`."""
        last = int(min(samples, self.last(rate)))
        return min(round(self.start * rate), last), last

    def perturb(self, samples: np.ndarray, first: int, full_scale: tuple[float, float] = (-1.0, 1.0)) -> np.ndarray:
        """What a copy holds in place of `samples`, float32 (n, ...) from sample or frame `first` of the file.

        It depends on the file's name, on the copy and on the place alone: any part of a copy is the same as that part
        of the whole copy. The noise is relative to `full_scale`, to which the result is clipped.
        """
        if not self.copy or not len(samples):
            return samples
        blocks = range(first // NOISE_ROWS, -(-(first + len(samples)) // NOISE_ROWS))
        drawn = np.concatenate([self._noise(block, samples.shape[1:]) for block in blocks])
        skipped = first - blocks[0] * NOISE_ROWS
        low, high = full_scale
        noise = np.float32(COPY_NOISE * (high - low) / 2) * drawn[skipped : skipped + len(samples)]
        return np.clip(samples + noise, low, high)

    def _noise(self, block: int, shape: tuple[int, ...]) -> np.ndarray:
        seed = [zlib.crc32(os.fsencode(os.path.basename(self.file))), self.copy, block]
        return np.random.default_rng(seed).standard_normal((NOISE_ROWS, *shape), "float32")

    def cut(self, blocks: Iterable[np.ndarray], first: int, last: float) -> Iterator[np.ndarray]:
        """The part's samples of a stream that begins at sample `first` of the file, up to `last`, in [-1, 1]."""
        for block in blocks:
            piece = block[: int(max(0, min(len(block), last - first)))]
            if len(piece):
                yield self.perturb(piece, first)
            first += len(piece)
            if first >= last:
                return


def find_part(path) -> Part:
    """The part that a path names; the whole file where it ends in no fragment, or is the real name of a file."""
    path = os.fspath(path)
    found = ENDING.fullmatch(path) if "#" in path else None
    if not found or os.path.lexists(path):
        return Part(path)
    file, start, end, copy = found.groups()
    if copy is not None:
        return Part(file, start=int(copy) * COPY_SHIFT_SECONDS, copy=int(copy))
    part = Part(file, float(start), float(end))
    return part if part.start < part.end else Part(path)


def name_slice(path: str, start: float, end: float) -> str:
    """The name of a part, from `start` to `end` in seconds."""
    return f"{path}#t={_seconds(start)},{_seconds(end)}"


def name_copy(path: str, number: int) -> str:
    """The name of a perturbed copy; of number 0, the path itself."""
    return f"{path}#copy={number}" if number else path


def whole_file(path: str) -> str:
    """What a path is a part of; itself if it is of nothing."""
    return find_part(path).file


def _seconds(seconds: float) -> str:
    # Nanoseconds: any rate's samples are told apart, and rounding finds the very sample again.
    return f"{seconds:.9f}".rstrip("0").rstrip(".")
