"""What an embedding file holds of each track beside its vectors, the same in every file format."""

import itertools
from collections.abc import Iterator

import numpy as np

from kgenre.collections.tables import COLUMNS as TRACK_COLUMNS

TEXTS = tuple(TRACK_COLUMNS)  # path, genre, split, artist, album, track_id
NUMBERS = {"seconds": "float64", "slices": "int64", "size": "int64", "mtime_ns": "int64"}
COLUMNS = (*TEXTS, *NUMBERS)

SliceVectors = tuple[np.ndarray, np.ndarray]  # of a track: starts (slices,) in seconds, embeddings (slices, d)


def embedding_size(vectors: Iterator[SliceVectors]) -> tuple[int, Iterator[SliceVectors]]:
    """The d of the embeddings, and an iterator over the same items, the first included; of none at all d is 1."""
    first = next(vectors, None)
    return (1, vectors) if first is None else (first[1].shape[1], itertools.chain([first], vectors))
