"""Statistics of tracks that are spectrograms: mean and deviation of each bin, and of its change from frame to frame."""

from collections.abc import Iterator, Sequence

import numpy as np

from kgenre.audio.decoders import AudioError
from kgenre.audio.policy import AUTO
from kgenre.audio.spectrograms import read_spectrogram, reader_version
from kgenre.core.parallel import map_in_order
from kgenre.embeddings.store import TrackVectors, make_header


def spectrogram_statistics(spectrogram: np.ndarray) -> np.ndarray:
    """Mean and standard deviation of the bins over time, then those of their differences: (frames, bins) -> (4 bins,).

    float32; of a single frame the differences are 0.
    """
    values = np.asarray(spectrogram, "float64")
    changes = np.diff(values, axis=0) if len(values) > 1 else np.zeros_like(values)
    parts = [moment for each in (values, changes) for moment in (each.mean(axis=0), each.std(axis=0))]
    return np.concatenate(parts).astype("float32")


def stats_header(decoder: str = AUTO) -> dict:
    """The header of these vectors; `decoder` is of audio, and of no concern."""
    return make_header("stats", "spectrograms 1", {}, AUTO, reader_version())


def of_tracks(paths: Sequence[str], workers: int, decoder: str = AUTO) -> Iterator[tuple[str, TrackVectors | str]]:
    """(path, statistics or why there are none) of tracks in their order, in threads."""
    yield from zip(paths, map_in_order(_of_track, paths, workers))


def _of_track(path: str) -> TrackVectors | str:
    """The statistics of a track, its length in frames; or why there are none."""
    try:
        spectrogram = read_spectrogram(path)
    except AudioError as error:
        return error.cause
    return TrackVectors(path, float(len(spectrogram)), np.zeros(1), spectrogram_statistics(spectrogram)[None])
