"""Embedding files as .npz, written and read track by track."""

import json
import zipfile
from collections.abc import Iterator

import numpy as np
import pandas as pd

from kgenre.embeddings.columns import NUMBERS, TEXTS, SliceVectors, embedding_size
from kgenre.model.aggregate import aggregate


def write(path, header: dict, table: pd.DataFrame, vectors: Iterator[SliceVectors]) -> None:
    """Writes the arrays header, COLUMNS, slice_embeddings, slice_starts, mean and max.

    Args:
        header: what JSON takes.
        table: DataFrame with COLUMNS.
        vectors: of each track, in the order of the table; never held all at once.
    """
    d, vectors = embedding_size(vectors)
    mean, maximum, starts = [], [], []
    with zipfile.ZipFile(path, "w") as archive:
        with archive.open("slice_embeddings.npy", "w", force_zip64=True) as file:
            shape = (int(table["slices"].sum()), d)
            npy_header = {"descr": "<f4", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, npy_header)
            for track_starts, slices in vectors:
                file.write(np.ascontiguousarray(slices, "<f4").tobytes())
                mean.append(aggregate(slices))
                maximum.append(slices.max(axis=0))
                starts.append(track_starts)
        arrays = {name: np.array(list(table[name]), str) for name in TEXTS}
        arrays |= {name: table[name].to_numpy(NUMBERS[name]) for name in NUMBERS}
        arrays |= {"mean": np.array(mean, "float32"), "max": np.array(maximum, "float32")}
        arrays |= {
            "slice_starts": np.concatenate([np.zeros(0), *starts]).astype("float64"),
            "header": np.array(json.dumps(header)),
        }
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, array, allow_pickle=False)


def read_header(path) -> dict:
    return json.loads(str(read_columns(path, ["header"])["header"]))


def read_columns(path, names) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in names}


def stream(path) -> Iterator[SliceVectors]:
    """The vectors of each track, in the order of the table."""
    columns = read_columns(path, ("slices", "slice_starts"))
    ends = np.cumsum(columns["slices"])
    with zipfile.ZipFile(path) as archive, archive.open("slice_embeddings.npy") as file:
        np.lib.format.read_magic(file)
        (_, d), _, dtype = np.lib.format.read_array_header_1_0(file)
        for n_slices, end in zip(columns["slices"], ends):
            slices = np.frombuffer(file.read(int(n_slices) * d * dtype.itemsize), dtype).reshape(n_slices, d)
            yield columns["slice_starts"][end - n_slices : end], slices
