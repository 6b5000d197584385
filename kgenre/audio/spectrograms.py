"""Spectrograms from files, each (frames, bins), low to high frequency, in the dtype of the file.

Arrays are (bins, frames), low to high frequency, as librosa gives them. Images have high frequencies at the top, as
they are drawn, and time across; of colours the luminance is taken.
"""

import functools
from pathlib import Path

import numpy as np

from kgenre.audio.arrays import FAULTS, REAL, open_arrays
from kgenre.audio.decoders import AudioError, first_line
from kgenre.audio.inputs import IMAGE_SUFFIXES, SPECTROGRAM_FILES, split_member

GREY_MODES = ("L", "I;16", "I", "F")  # of Pillow: one channel, whose values are kept


def read_spectrogram(path) -> np.ndarray:
    """A track's spectrogram: (frames, bins), read-only.

    Raises:
        AudioError: not the name of a spectrogram, unreadable, not of two dimensions, empty, or NaN or infinite values.
    """
    array = _read(path, whole=True)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        bad = int((~np.isfinite(array)).sum())
        raise AudioError(path, f"{bad} NaN or infinite values. Write the file again from its source.")
    return array


def spectrogram_shape(path) -> tuple[int, int]:
    """Frames and bins, as the file's header states them.

    Raises:
        AudioError: as `read_spectrogram`, but for what only the values show.
    """
    return _read(path, whole=False).shape


def member_bins(path) -> np.ndarray:
    """The values of a track of an .npz as they are stored, (bins, frames), whatever they are.

    Raises:
        AudioError: unreadable, or no such track.
    """
    file, index = split_member(path)
    return _member(path, open_arrays(file).spectrograms, index)


def _read(path, whole: bool) -> np.ndarray:
    """(frames, bins); if not `whole`, of this shape and any values."""
    file, index = split_member(path)
    if index is not None:
        return member_bins(path).T
    suffix = Path(file).suffix.lower()
    if suffix not in READERS:
        raise AudioError(path, f"not the name of a spectrogram, which the model takes: {SPECTROGRAM_FILES}.")
    try:
        array = READERS[suffix](file, whole)
    except (*FAULTS, SyntaxError) as error:  # Pillow's of a broken PNG
        raise AudioError(path, f"not a readable {suffix} file ({first_line(error)}).") from error
    if array.ndim != 2 or array.dtype.kind not in REAL or 0 in array.shape:
        received = f"{'x'.join(map(str, array.shape)) or 'a scalar'} of {array.dtype}"
        raise AudioError(path, f"a spectrogram is an array of numbers, bins x frames. Received: {received}.")
    return array.T


def _member(path, spectrograms: np.ndarray, index: int) -> np.ndarray:
    if index >= len(spectrograms):
        raise AudioError(path, f"no such spectrogram: the file has those from 0 to {len(spectrograms) - 1}.")
    return spectrograms[index]


def _read_array(file: str, whole: bool) -> np.ndarray:
    """Mapped, not read: the crop that is wanted may be small."""
    return np.load(file, mmap_mode="r", allow_pickle=False)


def _read_image(file: str, whole: bool) -> np.ndarray:
    from PIL import Image

    try:
        with Image.open(file) as image:
            if not whole:
                return np.broadcast_to(np.uint8(0), image.size[::-1])
            grey = image if image.mode in GREY_MODES else image.convert("L")
            return np.asarray(grey)[::-1]
    except Image.DecompressionBombError as error:
        raise ValueError(str(error)) from error


READERS = {".npy": _read_array, **dict.fromkeys(IMAGE_SUFFIXES, _read_image)}


@functools.cache
def reader_version() -> str:
    """What reads the images, with its version: two versions may differ in the last bit of a JPEG."""
    import PIL

    return f"pillow {PIL.__version__}"
