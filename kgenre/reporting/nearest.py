"""The train tracks of a run that are nearest to a song, by the embeddings of its own model."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from kgenre.audio.policy import DEFAULT_POLICY, ReadPolicy
from kgenre.core.errors import KgenreError
from kgenre.core.genres import split_genres
from kgenre.core.progress import SILENT, Progress
from kgenre.embeddings.extract import embed, header_of
from kgenre.embeddings.files import read_embeddings, read_metadata
from kgenre.embeddings.neighbours import k_nearest, unit_vectors
from kgenre.embeddings.store import MUST_AGREE
from kgenre.reporting.section import LeftOut
from kgenre.serving.model import Model
from kgenre.training.run import Run

FILE = "train_embeddings.npz"  # in the run folder
NEAREST = 5


@dataclass(frozen=True)
class Neighbour:
    """track_id, genres, artist: of a train track. similarity: cosine, in [-1, 1]. path: its file."""

    track_id: str
    genres: str
    artist: str
    similarity: float
    path: str


class TrainTracks:
    """The embeddings of a run's train tracks, computed once and kept in its folder.

    Raises:
        LeftOut: the model is of no run, its folder cannot be written, or none of the tracks can be read.
    """

    def __init__(
        self,
        model: Model,
        folder: Path,
        workers: int = 2,
        policy: ReadPolicy = DEFAULT_POLICY,
        progress: Progress = SILENT,
    ):
        run = Run(folder)
        if not run.begun:
            raise LeftOut(f"{model.name} has no run folder, so there are no train tracks to compare with")
        path, rows = run / FILE, run.load_tracks()
        rows = rows[rows["split"] == "train"]
        if not os.access(path if path.exists() else run.folder, os.W_OK):
            raise LeftOut(f"{run.folder} may not be written, where the embeddings of its train tracks are kept")
        _remove_foreign(path, header_of(model, policy))
        try:
            embed(model, rows, path, workers, policy, progress)
        except KgenreError as error:  # not one of them could be used
            raise LeftOut(str(error)) from error
        held = read_embeddings(path, slices=False)
        train = held.table["path"].isin(rows["path"]).to_numpy()
        self.table: pd.DataFrame = held.table[train].reset_index(drop=True)
        self.vectors = unit_vectors(held.mean[train])

    def holds(self, path: str) -> bool:
        """Whether a song is one of the train tracks: by its file's path."""
        return os.path.abspath(path) in set(self.table["path"])

    def nearest(self, path: str, embedding: np.ndarray, n: int = NEAREST) -> list[Neighbour]:
        """The `n` nearest by cosine, the song itself left out.

        Args:
            path: the song's file, absolute or not. embedding: float (d,).
        """
        others = np.flatnonzero(self.table["path"] != os.path.abspath(path))
        n = min(n, len(others))
        if n == 0:
            return []
        rows, distances = k_nearest(unit_vectors(embedding[None]), self.vectors[others], n, "cosine")
        found = self.table.iloc[others[rows[0]]]
        return [
            Neighbour(row.track_id, ", ".join(split_genres(row.genres)), row.artist, 1 - float(distance), row.path)
            for row, distance in zip(found.itertuples(), distances[0])
        ]


def open_train_tracks(
    model: Model, folder: Path, workers: int, policy: ReadPolicy, progress: Progress = SILENT
) -> TrainTracks | LeftOut:
    """The train tracks, or why there are none."""
    try:
        return TrainTracks(model, folder, workers, policy, progress)
    except LeftOut as reason:
        return reason


def _remove_foreign(path: Path, header: dict) -> None:
    """Removes embeddings of another model, as a run that was trained further leaves them, and what is no such file."""
    if path.exists():
        try:
            held, _ = read_metadata(path)
        except KgenreError:
            held = {}
        if any(held.get(name) != header[name] for name in MUST_AGREE):
            path.unlink()
