"""Embedding files as .parquet, written and read in groups of rows; pyarrow is optional."""

import itertools
import json
from collections.abc import Iterator

import numpy as np
import pandas as pd

from kgenre.embeddings.columns import COLUMNS, NUMBERS, TEXTS, SliceVectors, embedding_size
from kgenre.model.aggregate import aggregate

GROUP_ROWS = 256  # tracks in a row group


def write(path, header: dict, table: pd.DataFrame, vectors: Iterator[SliceVectors]) -> None:
    """Writes a row for each track: COLUMNS, mean and max (lists of d), slice_starts, slice_embeddings (lists of lists).

    Args:
        header: what JSON takes; it goes into the schema's metadata.
        table: DataFrame with COLUMNS.
        vectors: of each track, in the order of the table; held one row group at a time.
    """
    import pyarrow
    from pyarrow import parquet

    d, vectors = embedding_size(vectors)
    schema = _schema(d).with_metadata({"kgenre": json.dumps(header)})
    with parquet.ParquetWriter(path, schema) as writer:
        for row in range(0, len(table), GROUP_ROWS):
            columns = {name: list(table[name].iloc[row : row + GROUP_ROWS]) for name in COLUMNS}
            group = list(itertools.islice(vectors, GROUP_ROWS))
            columns["mean"] = _lists(np.stack([aggregate(slices) for _, slices in group]))
            columns["max"] = _lists(np.stack([slices.max(axis=0) for _, slices in group]))
            offsets = np.cumsum([0] + [len(starts) for starts, _ in group]).astype("int32")
            all_starts, all_slices = (np.concatenate(column) for column in zip(*group))
            columns["slice_starts"] = pyarrow.ListArray.from_arrays(offsets, pyarrow.array(all_starts))
            columns["slice_embeddings"] = pyarrow.ListArray.from_arrays(offsets, _lists(all_slices))
            writer.write_table(pyarrow.table(columns, schema=schema))


def _schema(d: int):
    import pyarrow

    vector = pyarrow.list_(pyarrow.float32(), d)
    fields = [(name, pyarrow.string()) for name in TEXTS]
    fields += [(name, pyarrow.from_numpy_dtype(dtype)) for name, dtype in NUMBERS.items()]
    fields += [("mean", vector), ("max", vector), ("slice_starts", pyarrow.list_(pyarrow.float64()))]
    return pyarrow.schema([*fields, ("slice_embeddings", pyarrow.list_(vector))])


def _lists(vectors: np.ndarray):
    """float (n, d) -> a pyarrow array of n lists of d."""
    import pyarrow

    flat = pyarrow.array(np.ascontiguousarray(vectors, "float32").reshape(-1))
    return pyarrow.FixedSizeListArray.from_arrays(flat, vectors.shape[1])


def read_header(path) -> dict:
    from pyarrow import parquet

    return json.loads(parquet.read_schema(path).metadata[b"kgenre"])


def read_columns(path, names) -> dict[str, np.ndarray]:
    from pyarrow import parquet, types

    table = parquet.read_table(path, columns=list(names))
    columns = {}
    for name in names:
        column = table[name].combine_chunks()
        plain = column.flatten() if types.is_fixed_size_list(column.type) else column
        columns[name] = plain.to_numpy(zero_copy_only=False)
        if plain is not column:
            columns[name] = columns[name].reshape(len(column), -1)  # (tracks, d)
    return columns


def stream(path) -> Iterator[SliceVectors]:
    """The vectors of each track, in the order of the table."""
    from pyarrow import parquet

    for batch in parquet.ParquetFile(path).iter_batches(GROUP_ROWS, columns=["slice_starts", "slice_embeddings"]):
        for starts, slices in zip(batch["slice_starts"], batch["slice_embeddings"]):
            flat = slices.values.flatten().to_numpy(zero_copy_only=False)
            yield starts.values.to_numpy(zero_copy_only=False), flat.reshape(len(slices.values), -1)
