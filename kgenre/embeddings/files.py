"""The embedding file: vectors of tracks and of their slices, with the model that made them; .npz or .parquet.

It is written and read slice by slice: writing holds the table and the pooled vectors, never all slices.
"""

import importlib.util
import itertools
import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from kgenre.core.errors import KgenreError

TEXTS = ("path", "genre", "split", "artist", "album", "track_id")
NUMBERS = {"seconds": "float64", "slices": "int64", "size": "int64", "mtime_ns": "int64"}
COLUMNS = (*TEXTS, *NUMBERS)
ROWS_AT_ONCE = 256  # of a Parquet row group


@dataclass(frozen=True)
class Embeddings:
    """A read embedding file.

    header: model, identity, config, config_hash, decoder, kgenre (the version).
    table: DataFrame with a row a track: path, genre, split, artist, album, track_id ("" where unknown),
        seconds, slices (their number), size and mtime_ns of the file when it was read.
    mean, max: over the slices, float32 (tracks, d).
    slice_embeddings, slice_starts: float32 (all slices, d) and seconds (all slices,), in order of the table;
        None where they were not asked for.
    """

    header: dict
    table: pd.DataFrame
    mean: np.ndarray
    max: np.ndarray
    slice_embeddings: np.ndarray | None = None
    slice_starts: np.ndarray | None = None

    def pooled(self, how: str) -> np.ndarray:
        """(tracks, d) for "mean" and "max", (tracks, 2 d) for "concat"."""
        return {
            "mean": lambda: self.mean,
            "max": lambda: self.max,
            "concat": lambda: np.concatenate([self.mean, self.max], axis=1),
        }[how]()


def read_embeddings(path, slices: bool = True) -> Embeddings:
    """Reads an embedding file; without `slices`, the track's vectors alone.

    Raises:
        KgenreError: unreadable, or not an embedding file.
    """
    header, table = read_metadata(path)
    pooled = _reading(path, lambda form: form.columns(path, ("mean", "max")))
    every = starts = None
    if slices:
        every = np.empty((int(table["slices"].sum()), pooled["mean"].shape[1]), "float32")
        starts, row = np.empty(len(every)), 0
        for its_starts, its_slices in stream_vectors(path):
            every[row : row + len(its_slices)], starts[row : row + len(its_slices)] = its_slices, its_starts
            row += len(its_slices)
    return Embeddings(header, table, pooled["mean"], pooled["max"], every, starts)


def read_metadata(path) -> tuple[dict, pd.DataFrame]:
    """Header and table of an embedding file, without its vectors."""
    header, columns = _reading(path, lambda form: (form.header(path), form.columns(path, COLUMNS)))
    texts = {name: pd.array(list(columns[name]), dtype=pd.StringDtype("python")) for name in TEXTS}
    return header, pd.DataFrame({**texts, **{name: columns[name].astype(NUMBERS[name]) for name in NUMBERS}})


def check_suffix(path) -> None:
    """Raises KgenreError where the file's name ends in nothing that can be written here."""
    suffix = Path(path).suffix.lower()
    if suffix not in FORMATS:
        raise KgenreError(f"{path}: an embedding file ends in {' or '.join(FORMATS)}. Received: {suffix or 'neither'}.")
    if suffix == ".parquet" and importlib.util.find_spec("pyarrow") is None:
        raise KgenreError(f"{path}: Parquet needs pyarrow. `pip install pyarrow`, or name an .npz file.")


def write_npz(path, header: dict, table: pd.DataFrame, vectors: Iterator) -> None:
    """Writes arrays header, COLUMNS, slice_embeddings, slice_starts, mean and max; `vectors` in order of the table."""
    (_, first), vectors = peek(vectors)
    mean, high, starts = [], [], []
    with zipfile.ZipFile(path, "w") as archive:
        with archive.open("slice_embeddings.npy", "w", force_zip64=True) as file:
            shape = (int(table["slices"].sum()), first.shape[1])
            description = {"descr": "<f4", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, description)
            for its_starts, slices in vectors:
                file.write(np.ascontiguousarray(slices, "<f4").tobytes())
                mean.append(slices.mean(axis=0))
                high.append(slices.max(axis=0))
                starts.append(its_starts)
        arrays = {name: np.array(list(table[name]), str) for name in TEXTS}
        arrays |= {name: table[name].to_numpy(NUMBERS[name]) for name in NUMBERS}
        arrays |= {"mean": np.array(mean, "float32"), "max": np.array(high, "float32")}
        arrays |= {"slice_starts": np.concatenate(starts).astype("float64"), "header": np.array(json.dumps(header))}
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, array, allow_pickle=False)


def npz_columns(path, names) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in names}


def npz_stream(path) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Starts (slices,) and slices (slices, d) of each track."""
    columns = npz_columns(path, ("slices", "slice_starts"))
    ends = np.cumsum(columns["slices"])
    with zipfile.ZipFile(path) as archive, archive.open("slice_embeddings.npy") as file:
        np.lib.format.read_magic(file)
        (_, d), _, dtype = np.lib.format.read_array_header_1_0(file)
        for n_slices, end in zip(columns["slices"], ends):
            slices = np.frombuffer(file.read(int(n_slices) * d * dtype.itemsize), dtype).reshape(n_slices, d)
            yield columns["slice_starts"][end - n_slices : end], slices


def write_parquet(path, header: dict, table: pd.DataFrame, vectors: Iterator) -> None:
    """Writes a row a track: COLUMNS, mean and max (lists of d), slice_starts and slice_embeddings (lists of lists)."""
    import pyarrow
    from pyarrow import parquet

    (_, first), vectors = peek(vectors)
    vector = pyarrow.list_(pyarrow.float32(), first.shape[1])
    fields = [(name, pyarrow.string()) for name in TEXTS]
    fields += [(name, pyarrow.from_numpy_dtype(dtype)) for name, dtype in NUMBERS.items()]
    fields += [("mean", vector), ("max", vector), ("slice_starts", pyarrow.list_(pyarrow.float64()))]
    fields += [("slice_embeddings", pyarrow.list_(vector))]
    schema = pyarrow.schema(fields, metadata={"kgenre": json.dumps(header)})
    with parquet.ParquetWriter(path, schema) as writer:
        for row in range(0, len(table), ROWS_AT_ONCE):
            columns = {name: list(table[name].iloc[row : row + ROWS_AT_ONCE]) for name in COLUMNS}
            group = list(itertools.islice(vectors, ROWS_AT_ONCE))
            columns["mean"] = _lists(np.stack([slices.mean(axis=0) for _, slices in group]))
            columns["max"] = _lists(np.stack([slices.max(axis=0) for _, slices in group]))
            ends = np.cumsum([0] + [len(starts) for starts, _ in group]).astype("int32")
            for i, (name, make) in enumerate((("slice_starts", pyarrow.array), ("slice_embeddings", _lists))):
                values = make(np.concatenate([pair[i] for pair in group]))
                columns[name] = pyarrow.ListArray.from_arrays(ends, values)
            writer.write_table(pyarrow.table(columns, schema=schema))


def _lists(vectors: np.ndarray):
    import pyarrow

    flat = pyarrow.array(np.ascontiguousarray(vectors, "float32").reshape(-1))
    return pyarrow.FixedSizeListArray.from_arrays(flat, vectors.shape[1])


def parquet_header(path) -> dict:
    from pyarrow import parquet

    return json.loads(parquet.read_schema(path).metadata[b"kgenre"])


def parquet_columns(path, names) -> dict[str, np.ndarray]:
    from pyarrow import parquet, types

    table = parquet.read_table(path, columns=list(names))
    columns = {}
    for name in names:
        column = table[name].combine_chunks()
        plain = column.flatten() if types.is_fixed_size_list(column.type) else column
        columns[name] = plain.to_numpy(zero_copy_only=False)
        if plain is not column:
            columns[name] = columns[name].reshape(len(column), -1)
    return columns


def parquet_stream(path) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    from pyarrow import parquet

    for batch in parquet.ParquetFile(path).iter_batches(ROWS_AT_ONCE, columns=["slice_starts", "slice_embeddings"]):
        for starts, slices in zip(batch["slice_starts"], batch["slice_embeddings"]):
            flat = slices.values.flatten().to_numpy(zero_copy_only=False)
            yield starts.values.to_numpy(zero_copy_only=False), flat.reshape(len(slices.values), -1)


@dataclass(frozen=True)
class Format:
    """One row of FORMATS: how a file of this suffix is written and read.

    write: path, header, table and an iterator of (starts, slices), one for each row of the table.
    """

    write: Callable
    header: Callable[[Path], dict]
    columns: Callable
    stream: Callable[[Path], Iterator]


FORMATS = {
    ".npz": Format(
        write_npz, lambda path: json.loads(str(npz_columns(path, ["header"])["header"])), npz_columns, npz_stream
    ),
    ".parquet": Format(write_parquet, parquet_header, parquet_columns, parquet_stream),
}


def check_names(path, names) -> None:
    """Raises KgenreError where a file of this suffix cannot hold one of the names of songs."""
    if Path(path).suffix.lower() != ".parquet":
        return
    try:
        "".join(names).encode()
    except UnicodeEncodeError as error:
        raise KgenreError(f"{path}: a file name is not UTF-8, which Parquet cannot hold. Name an .npz file.") from error


def stream_vectors(path) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Starts (slices,) in seconds and slices (slices, d) of each track, in order of the table."""
    check_suffix(path)
    try:
        yield from FORMATS[Path(path).suffix.lower()].stream(path)
    except UNREADABLE as error:
        raise _unreadable(path, error) from error


def peek(items: Iterator) -> tuple:
    """The first item, and an iterator of all."""
    first = next(items)
    return first, itertools.chain([first], items)


UNREADABLE = (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile)


def _reading(path, read: Callable[[Format], object]):
    check_suffix(path)
    try:
        return read(FORMATS[Path(path).suffix.lower()])
    except UNREADABLE as error:
        raise _unreadable(path, error) from error


def _unreadable(path, error: Exception) -> KgenreError:
    cause = getattr(error, "strerror", None) or (str(error) or type(error).__name__).splitlines()[0]
    return KgenreError(f"{path}: not a readable embedding file ({cause}).")
