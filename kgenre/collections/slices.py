"""Tables of tracks whose rows are parts of tracks: slices of fixed length, and perturbed copies.

Rows of one track have its genres, artist, album and id; their paths are those of audio.fragments. Dealt to train and
test at random, they leak: that is what they are made for.
"""

import math
import os
from concurrent.futures import ThreadPoolExecutor

import pandas as pd

from kgenre.audio.decoders import AudioError
from kgenre.audio.fragments import name_copy, name_slice
from kgenre.audio.inputs import SPECTROGRAM
from kgenre.audio.slicing import SliceSpec
from kgenre.core.errors import KgenreError
from kgenre.core.progress import SILENT, Progress

COUNT_RATE = 8000  # at which a file that does not state its length is counted


def cut_tracks(
    name: str,
    table: pd.DataFrame,
    spec: SliceSpec | None,
    progress: Progress = SILENT,
) -> pd.DataFrame:
    """A row for each slice of each track; what is left at the end is dropped.

    A track that is shorter than a slice, or that cannot be read, stays one row.

    Args:
        name: of the collection, for errors.
        table: tracks, as a Collection's.
        spec: SliceSpec of the network.

    Raises:
        KgenreError: there is no length of slices.
    """
    if spec is None:
        raise KgenreError(
            f"{name}: the protocol random-slice cuts tracks into the slices of a network. "
            "Use it with `kgenre train` or `kgenre leak`, or choose another --protocol."
        )
    length = spec.slice_seconds

    def slices(path: str) -> list[str]:
        try:
            n = int(track_seconds(path, spec) / length + 1e-6)
        except AudioError:  # whoever reads it reports the cause
            n = 0
        advance()
        return [name_slice(path, i * length, (i + 1) * length) for i in range(n)] or [path]

    with progress.task("cutting tracks into slices", len(table), "tracks") as advance:
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            return _with_paths(table, list(pool.map(slices, table["path"])))


def copy_tracks(table: pd.DataFrame, n_copies: int) -> pd.DataFrame:
    """Each track and `n_copies` perturbed copies of it, a row each."""
    return _with_paths(table, [[name_copy(path, number) for number in range(n_copies + 1)] for path in table["path"]])


def track_seconds(path: str, spec: SliceSpec) -> float:
    """Length of a track, from its header or counted.

    Raises:
        AudioError: it cannot be read.
    """
    from kgenre.audio.decode import probe
    from kgenre.audio.spectrograms import spectrogram_shape
    from kgenre.audio.track import count_samples

    if spec.input == SPECTROGRAM:
        return spectrogram_shape(path)[0] / spec.sample_rate
    seconds = probe(path).seconds
    return count_samples(path, COUNT_RATE) / COUNT_RATE if math.isnan(seconds) else seconds


def _with_paths(table: pd.DataFrame, paths: list[list[str]]) -> pd.DataFrame:
    """The table with each row as often as it has paths."""
    repeated = table.loc[table.index.repeat([len(own) for own in paths])].reset_index(drop=True)
    return repeated.assign(path=pd.array([path for own in paths for path in own], dtype="string"))
