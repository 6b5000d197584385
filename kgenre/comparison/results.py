"""What the finished rows of a grid left behind, by configuration."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from kgenre.comparison.rows import Row
from kgenre.evaluation.predictions import Predictions, read_predictions


@dataclass(frozen=True)
class Result:
    """One configuration: a row of the table.

    predictions: {seed: Predictions} of the rows that are finished.
    failed: {seed: cause} of those that failed.
    train_seconds, best_epochs: of each finished row of a network, in the order of the seeds; empty of a classifier.
        The time is that of all epochs with their validation, however often the training was stopped and resumed.
    """

    name: str
    predictions: dict[int, Predictions]
    failed: dict[int, str] = field(default_factory=dict)
    train_seconds: list[float] = field(default_factory=list)
    best_epochs: list[int] = field(default_factory=list)

    def metric(self, name: str) -> list[float]:
        """A metric of each seed, those left out where it is not defined."""
        values = [one.metrics[name] for one in self.predictions.values()]
        return [value for value in values if value is not None]

    def facts(self, name: str) -> list[str]:
        """The distinct sentences of an entry of the metrics, such as the protocol; empty ones left out."""
        return list(dict.fromkeys(one.metrics[name] for one in self.predictions.values() if one.metrics.get(name)))


def read_results(rows: Sequence[Row], out: Path, failed: Mapping[str, str]) -> list[Result]:
    """A Result for each configuration, in the order of the rows.

    Args:
        failed: {name of a row: cause}.
    """
    by_configuration: dict[str, list[Row]] = {}
    for row in rows:
        by_configuration.setdefault(row.configuration, []).append(row)
    return [_read(name, own, out, failed) for name, own in by_configuration.items()]


def _read(name: str, rows: Sequence[Row], out: Path, failed: Mapping[str, str]) -> Result:
    finished = [row for row in rows if row.finished(out)]
    histories = [pd.read_csv(row.folder(out) / "history.csv") for row in finished if row.network]
    return Result(
        name,
        {row.seed: read_predictions(row.folder(out)) for row in finished},
        {row.seed: failed[row.name] for row in rows if row.name in failed},
        [float(history["seconds"].sum()) for history in histories],
        [int(history.loc[history["best"], "epoch"].iloc[-1]) for history in histories],
    )


def mean_and_deviation(values: Sequence[float]) -> tuple[float | None, float | None]:
    """The mean, and the sample's standard deviation, None of fewer than two."""
    mean = statistics.fmean(values) if values else None
    return mean, statistics.stdev(values) if len(values) > 1 else None


@dataclass(frozen=True)
class Answers:
    """The answers of one row for tracks, in one order.

    paths: object (tracks,). targets: as the task gives them. probabilities: float (tracks, labels).
    groups: object (tracks,), the artist of each track or the track itself.
    """

    labels: tuple[str, ...]
    paths: np.ndarray
    targets: np.ndarray
    probabilities: np.ndarray
    groups: np.ndarray

    @classmethod
    def of(cls, found: Predictions) -> "Answers":
        paths = found.rows["path"].to_numpy(dtype=object)
        return cls(found.task.labels, paths, found.targets, found.probabilities, found.groups)

    def on(self, paths: Sequence[str]) -> "Answers":
        """Of these tracks alone, in this order."""
        number = {path: i for i, path in enumerate(self.paths)}
        rows = [number[path] for path in paths]
        return Answers(self.labels, *(part[rows] for part in self._parts()))

    def _parts(self) -> tuple[np.ndarray, ...]:
        return self.paths, self.targets, self.probabilities, self.groups
