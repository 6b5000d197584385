"""predictions.csv: the answers for the tracks of a report, beside its metrics.json.

One row a track: what a collection knows of it, then the probability of each label, `genre:LABEL`, in the order of the
labels.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from kgenre.collections.grouping import group_ids
from kgenre.collections.tables import COLUMNS
from kgenre.core.errors import KgenreError
from kgenre.core.files import write_text
from kgenre.core.genres import GENRE
from kgenre.model.tasks import Task, task_from

FILE = "predictions.csv"


@dataclass(frozen=True)
class Predictions:
    """Track-level answers.

    rows: table of the tracks, with COLUMNS.
    probabilities: float32 (tracks, labels).
    task: Task; metrics: as metrics.json has them.
    """

    rows: pd.DataFrame
    probabilities: np.ndarray
    task: Task
    metrics: dict

    @property
    def targets(self) -> np.ndarray:
        """As the task gives them."""
        return self.task.targets(self.rows)

    @property
    def groups(self) -> np.ndarray:
        """The artist of each track, or the track itself where none is known: object (tracks,)."""
        return group_ids(self.rows, "artist")


def write_predictions(path: Path, rows: pd.DataFrame, probabilities: np.ndarray, labels) -> None:
    """Writes a file of this form.

    Args:
        rows: table of the tracks, with COLUMNS.
        probabilities: (tracks, labels), finite; nine digits of each are kept, so that float32 comes back as it was.
        labels: names, in the order of the columns.
    """
    table = pd.DataFrame(probabilities, columns=[f"{GENRE}{label}" for label in labels])
    table = pd.concat([rows[COLUMNS].reset_index(drop=True), table], axis=1)
    write_text(path, table.to_csv(index=False, float_format="%.9g"))


def read_probabilities(path: Path) -> tuple[pd.DataFrame, np.ndarray]:
    """The rows, with COLUMNS, and the probabilities, float32 (tracks, labels), of a file of this form.

    Raises:
        KgenreError: missing, or not of this form.
    """
    try:
        table = pd.read_csv(path, dtype="string", keep_default_na=False, encoding_errors="surrogateescape")
        if missing := [name for name in COLUMNS if name not in table]:
            raise ValueError(f"no column {missing[0]}")
        return table[COLUMNS], table[[name for name in table if name.startswith(GENRE)]].to_numpy("float32")
    except (OSError, ValueError) as error:
        raise KgenreError(f"{path}: not a readable file of predictions ({str(error).splitlines()[0]}).") from error


def read_predictions(folder) -> Predictions:
    """What `write_report` left in a folder.

    Raises:
        KgenreError: there is no evaluation in it, or it was interrupted.
    """
    folder = Path(folder)
    try:
        metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        task = task_from(metrics)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise KgenreError(
            f"{folder}: no evaluation of tracks in it. Name a run or baseline folder, or run "
            f"`kgenre evaluate --model {folder}` first."
        ) from error
    rows, probabilities = read_probabilities(folder / FILE)
    if probabilities.shape[1] != len(task.labels):
        raise KgenreError(
            f"{folder / FILE}: has {probabilities.shape[1]} labels, metrics.json beside it {len(task.labels)}. "
            "Evaluate again."
        )
    return Predictions(rows, probabilities, task, metrics)
