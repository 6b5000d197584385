"""The spectrogram of a whole song, however long it is: log frequency, condensed to the columns of a figure."""

from collections.abc import Iterable, Iterator

import numpy as np

from kgenre.audio.decode import stream
from kgenre.audio.policy import AUTO

RATE = 22050  # Hz: up to 11 kHz, which is all that a figure of this size can show
FRAME = 4096  # 0.19 s, so that the lowest bands hold lines of their own
HOPS = 256, 2048  # least and most: of a short song frames overlap more
BANDS, LOWEST_HZ = 96, 50.0
COLUMNS = 600
RANGE_DB = 80.0  # between white and black


def song_spectrogram(path: str, seconds: float, decoder: str = AUTO) -> np.ndarray:
    """The song's spectrogram, in one pass that holds little more than a block: float32 (BANDS, columns) in [0, 1].

    Bands are spaced evenly in log frequency from LOWEST_HZ to RATE / 2, the lowest first; 1 is the loudest value and
    0 is RANGE_DB below it. A column is the mean power of as many frames as fit COLUMNS of them into the song.

    Args:
        path: an audio file.
        seconds: its length.

    Raises:
        AudioError: the file cannot be read.
    """
    hop = int(np.clip(seconds * RATE / COLUMNS, *HOPS))
    frames_per_column = max(1, round(seconds * RATE / hop / COLUMNS))
    columns, held = [], []
    for power in map(band_powers, _frames(stream(path, RATE, decoder=decoder), hop)):
        held.append(power)
        if len(held) == frames_per_column:
            columns.append(np.mean(held, axis=0))
            held = []
    if held or not columns:
        columns.append(np.mean(held or [np.zeros(BANDS)], axis=0))
    db = 10 * np.log10(np.maximum(np.stack(columns, axis=1), 1e-12))
    return np.clip((db - db.max()) / RANGE_DB + 1, 0, 1).astype("float32")


def band_powers(frame: np.ndarray) -> np.ndarray:
    """Mean power of a frame in each band: float (FRAME,) -> (BANDS,)."""
    power = np.abs(np.fft.rfft(frame * np.hanning(len(frame)))) ** 2
    first, last = _bins()
    total = np.concatenate([[0.0], np.cumsum(power)])
    return (total[last] - total[first]) / (last - first)


def _bins() -> tuple[np.ndarray, np.ndarray]:
    """The first bin of each band, and the one behind its last; at least one bin a band."""
    edges = np.geomspace(LOWEST_HZ, RATE / 2, BANDS + 1) / RATE * FRAME
    first = np.floor(edges[:-1] + 0.5).astype(int)
    return first, np.maximum(first + 1, np.floor(edges[1:] + 0.5).astype(int))


def _frames(blocks: Iterable[np.ndarray], hop: int) -> Iterator[np.ndarray]:
    """Frames of FRAME samples, `hop` apart; of a shorter song one, padded."""
    held, none = np.zeros(0, "float32"), True
    for block in blocks:
        held = np.concatenate([held, block])
        first = 0
        while first + FRAME <= len(held):
            yield held[first : first + FRAME]
            first, none = first + hop, False
        held = held[first:]
    if none and len(held):
        yield np.pad(held, (0, FRAME - len(held)))
