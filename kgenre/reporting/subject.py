"""What a report is of: evaluated tracks, and as much as is known of the model that answered."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from kgenre.evaluation.errors import hits
from kgenre.evaluation.predictions import Predictions
from kgenre.model.tasks import Task
from kgenre.serving.model import Model
from kgenre.serving.predict import TrackPrediction
from kgenre.training.run import Run


@dataclass(frozen=True)
class EvaluatedTrack:
    """A track as a model with slices answered for it.

    seconds: its length. starts: float (slices,), in seconds.
    probabilities: float32 (slices, labels). embedding: float32 (d,), the mean over the slices.
    flags: what is odd about the file, as TrackFacts has it.
    """

    seconds: float
    starts: np.ndarray
    probabilities: np.ndarray
    embedding: np.ndarray
    flags: tuple[str, ...] = ()


def evaluated_track(prediction: TrackPrediction) -> EvaluatedTrack:
    """Without the embeddings of slices, which would take most of the memory."""
    facts = prediction.facts
    return EvaluatedTrack(
        facts.seconds,
        np.asarray(facts.starts, float),
        prediction.slices.probabilities,
        prediction.embedding,
        tuple(facts.flags),
    )


@dataclass(frozen=True)
class Subject:
    """What all sections of a report are given.

    name: of the model, as people call it.
    folder: the run or baseline folder.
    command: by which this report is made again.
    predictions: rows, probabilities, task and metrics.
    tracks: {path: EvaluatedTrack}; empty where tracks were answered without slices, as by a classic classifier.
    model: what answered; None where it is not at hand.
    run: the Run behind it; None for a model without one.
    classifiers: {name: probabilities (tracks, labels)} of every classifier that was tried, of a baseline.
    """

    name: str
    folder: Path
    command: str
    predictions: Predictions
    tracks: Mapping[str, EvaluatedTrack] = field(default_factory=dict)
    model: Model | None = None
    run: Run | None = None
    classifiers: Mapping[str, np.ndarray] = field(default_factory=dict)

    @property
    def rows(self) -> pd.DataFrame:
        return self.predictions.rows

    @property
    def task(self) -> Task:
        return self.predictions.task

    @property
    def labels(self) -> tuple[str, ...]:
        return self.task.labels

    @property
    def metrics(self) -> dict:
        return self.predictions.metrics

    @property
    def probabilities(self) -> np.ndarray:
        """float32 (tracks, labels)."""
        return self.predictions.probabilities

    @cached_property
    def targets(self) -> np.ndarray:
        """As the task gives them: label numbers (tracks,), or 0 and 1 (tracks, labels)."""
        return self.predictions.targets

    @cached_property
    def shares(self) -> np.ndarray:
        """1 for each of a track's genres, else 0: float32 (tracks, labels), of either task."""
        return self.task.shares(self.targets)

    @cached_property
    def main(self) -> np.ndarray:
        """The number of the one predicted genre, int64 (tracks,)."""
        return self.task.main(self.probabilities)

    @cached_property
    def right(self) -> np.ndarray:
        """Whether the one predicted genre is among the track's: bool (tracks,)."""
        return hits(self.predictions)

    @cached_property
    def groups(self) -> np.ndarray:
        """The artist of each track, or the track itself: object (tracks,). Bootstrap samples draw these."""
        return self.predictions.groups

    @cached_property
    def with_slices(self) -> list[int]:
        """Numbers of the tracks that `tracks` has."""
        return [i for i, path in enumerate(self.rows["path"]) if path in self.tracks]
