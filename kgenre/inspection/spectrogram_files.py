"""What the spectrograms of a collection are, and what of them is compared to find the same recording twice."""

import hashlib
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from kgenre.audio.decoders import AudioError
from kgenre.audio.fragments import find_part
from kgenre.audio.inputs import container, is_spectrogram
from kgenre.audio.spectrograms import read_spectrogram

MIN_FRAMES = 32  # a spectrogram of fewer frames, or of few that differ, resembles too many others


def are_spectrograms(paths: Sequence[str]) -> bool:
    """Whether the tracks of a collection are spectrograms rather than audio."""
    return len(paths) > 0 and all(map(is_spectrogram, paths))


def spectrogram_facts(frames_per_second: float | None) -> Callable[[str], tuple]:
    """What gives a row of inspection.files.COLUMNS for a path; lengths are unknown without the frames a second."""

    def facts(path: str) -> tuple:
        try:
            values = read_spectrogram(find_part(path).file)
        except AudioError as error:
            return path, math.nan, math.nan, math.nan, "", math.nan, "", error.cause
        frames, bins = values.shape
        seconds = frames / frames_per_second if frames_per_second else math.nan
        text = f"{container(path).suffix.lower()[1:]} of {values.dtype}, {bins} bins, {frames} frames"
        return path, seconds, math.nan, math.nan, text, values.nbytes, values_hash(values).hex(), ""

    return facts


def spectrogram_hash(path: str) -> bytes | None:
    """The hash of a track's values; None where it cannot be read."""
    try:
        return values_hash(read_spectrogram(find_part(path).file))
    except AudioError:  # the reader reports the cause
        return None


def values_hash(values: np.ndarray) -> bytes:
    digest = hashlib.blake2b(f"{values.dtype} {values.shape}".encode(), digest_size=16)
    digest.update(np.ascontiguousarray(values))
    return digest.digest()


def spectrogram_envelope(path: str) -> np.ndarray:
    """What alignment.match compares: float16 (bins, frames), without the mean of each bin, in parts of its range.

    Raises:
        AudioError: the track cannot be used, or has too few frames.
    """
    bands = read_spectrogram(find_part(path).file).T.astype("float32")
    if bands.shape[1] < MIN_FRAMES:
        raise AudioError(path, f"{bands.shape[1]} frames, fewer than the {MIN_FRAMES} that can be compared.")
    bands = bands - bands.mean(axis=1, keepdims=True)
    return (bands / max(float(np.abs(bands).max()), 1e-9)).astype("float16")


def tells_of(data: str) -> float | None:
    """The frames a second that a collection tells of its spectrograms."""
    from kgenre.collections.spectrogram_facts import collection_facts

    place = Path(data.partition(":")[2] or data).expanduser()  # the shell leaves NAME:~ alone
    return collection_facts(data).frames_per_second if place.exists() else None
