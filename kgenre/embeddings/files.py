"""The embedding file: vectors of tracks and of their slices, and the model that computed them; .npz or .parquet.

It is written and read track by track: the table and the pooled vectors are held in memory, never all slices.
"""

import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from kgenre.core.errors import DamagedFile, KgenreError
from kgenre.core.parquet import check_parquet, check_utf8
from kgenre.embeddings import npz, parquet
from kgenre.embeddings.columns import COLUMNS, NUMBERS, TEXTS, SliceVectors


@dataclass(frozen=True)
class Format:
    """One row of FORMATS: how a file of this suffix is written and read.

    write: path, header, table, and an iterator of SliceVectors, one for each row of the table.
    read_header: path -> header.
    read_columns: path and names of columns -> {name: array}.
    stream: path -> iterator of SliceVectors.
    """

    write: Callable
    read_header: Callable[[Path], dict]
    read_columns: Callable
    stream: Callable[[Path], Iterator[SliceVectors]]


FORMATS = {
    ".npz": Format(npz.write, npz.read_header, npz.read_columns, npz.stream),
    ".parquet": Format(parquet.write, parquet.read_header, parquet.read_columns, parquet.stream),
}
UNREADABLE = (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile)


@dataclass(frozen=True)
class Embeddings:
    """The content of an embedding file.

    header: model, identity, config, config_hash, decoder, decoder_versions, kgenre (the version).
    table: DataFrame with a row for each track: path, genre, split, artist, album, track_id ("" where unknown),
        seconds, slices (their number), and size and mtime_ns of the audio file when it was read.
    mean, max: over the slices of a track, float32 (tracks, d).
    slice_embeddings, slice_starts: float32 (all slices, d) and seconds (all slices,), in the order of the table;
        None if the file was read without slices.
    """

    header: dict
    table: pd.DataFrame
    mean: np.ndarray
    max: np.ndarray
    slice_embeddings: np.ndarray | None = None
    slice_starts: np.ndarray | None = None

    def pooled(self, how: str) -> np.ndarray:
        """A vector for each track by one of POOLS: (tracks, d) for "mean" and "max", (tracks, 2 d) for "concat"."""
        if how == "concat":
            return np.concatenate([self.mean, self.max], axis=1)
        return {"mean": self.mean, "max": self.max}[how]


def read_embeddings(path, slices: bool = True) -> Embeddings:
    """Reads an embedding file; without `slices`, only one vector for each track.

    Raises:
        KgenreError: the file cannot be read, or is not an embedding file.
    """
    header, table = read_metadata(path)
    pooled = _read(path, lambda form: form.read_columns(path, ("mean", "max")))
    mean, maximum = pooled["mean"], pooled["max"]
    if not slices:
        return Embeddings(header, table, mean, maximum)
    embeddings = np.empty((int(table["slices"].sum()), mean.shape[1]), "float32")
    starts, row = np.empty(len(embeddings)), 0
    for track_starts, track_embeddings in stream_vectors(path):
        rows = slice(row, row + len(track_starts))
        starts[rows], embeddings[rows] = track_starts, track_embeddings
        row = rows.stop
    return Embeddings(header, table, mean, maximum, embeddings, starts)


def read_metadata(path) -> tuple[dict, pd.DataFrame]:
    """Header and table of an embedding file, without its vectors."""
    header, columns = _read(path, lambda form: (form.read_header(path), form.read_columns(path, COLUMNS)))
    texts = {name: pd.array(list(columns[name]), dtype=pd.StringDtype("python")) for name in TEXTS}
    return header, pd.DataFrame({**texts, **{name: columns[name].astype(NUMBERS[name]) for name in NUMBERS}})


def read_header(path) -> dict:
    """The header of an embedding file alone.

    Raises:
        KgenreError: as `read_embeddings`.
    """
    return _read(path, lambda form: form.read_header(path))


def check_suffix(path) -> None:
    """Raises KgenreError if the suffix is none of FORMATS, or if it needs a package that is not installed."""
    suffix = Path(path).suffix.lower()
    if suffix not in FORMATS:
        raise KgenreError(
            f"{path}: an embedding file ends in {' or '.join(FORMATS)}. Received: {suffix or 'no suffix'}."
        )
    if suffix == ".parquet":
        check_parquet(path)


def check_names(path, names) -> None:
    """Raises KgenreError if a file of this suffix cannot hold one of the names of songs."""
    if Path(path).suffix.lower() == ".parquet":
        check_utf8(path, names)


def stream_vectors(path) -> Iterator[SliceVectors]:
    """Starts (slices,) in seconds and embeddings (slices, d) of each track, in the order of the table."""
    check_suffix(path)
    try:
        yield from _format(path).stream(path)
    except UNREADABLE as error:
        raise _unreadable(path, error) from error


def _format(path) -> Format:
    return FORMATS[Path(path).suffix.lower()]


def _read(path, read: Callable[[Format], object]):
    check_suffix(path)
    try:
        return read(_format(path))
    except UNREADABLE as error:
        raise _unreadable(path, error) from error


def _unreadable(path, error: Exception) -> DamagedFile:
    cause = getattr(error, "strerror", None) or (str(error) or type(error).__name__).splitlines()[0]
    return DamagedFile(path, f"{path}: not a readable embedding file ({cause}).")
