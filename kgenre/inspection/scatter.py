"""Tracks of a collection laid out by t-SNE of a vector each."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from kgenre.core.progress import SILENT, Progress
from kgenre.embeddings.layout import STEPS, layout

SAMPLE = 1000  # tracks that are drawn: statistics of 30 s take a second of one core


@dataclass(frozen=True)
class Scatter:
    """Where tracks lie.

    rows: table of the tracks, as a Collection's.
    positions: float32 (tracks, 2).
    description: what the vectors are.
    n_tracks: tracks of the collection, of which `rows` may be a sample.
    """

    rows: pd.DataFrame
    positions: np.ndarray
    description: str
    n_tracks: int


def sample_rows(table: pd.DataFrame, n: int, seed: int = 0) -> pd.DataFrame:
    """At most `n` of the tracks, drawn by the seed; in the order of the table."""
    if len(table) <= n:
        return table.reset_index(drop=True)
    chosen = np.sort(np.random.default_rng(seed).choice(len(table), n, replace=False))
    return table.iloc[chosen].reset_index(drop=True)


def lay_out(
    rows: pd.DataFrame, vectors: np.ndarray, description: str, n_tracks: int, seed: int = 0, progress: Progress = SILENT
) -> Scatter:
    """t-SNE of vectors whose columns are standardized first: of statistics, each has a unit of its own.

    Args:
        rows: table of the tracks.
        vectors: float (tracks, d), finite.
        description, n_tracks: as in Scatter.
    """
    deviation = vectors.std(axis=0)
    scaled = (vectors - vectors.mean(axis=0)) / np.where(deviation > 1e-9, deviation, 1.0)
    with progress.task("t-SNE", STEPS, "steps") as advance:
        return Scatter(rows, layout(scaled, seed, advance=advance), description, n_tracks)
