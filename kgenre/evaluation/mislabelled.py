"""Tracks that are likely to be mislabelled, from answers of classifiers that were not fitted on them.

Suspicion of a track is 1 minus the label quality of cleanlab: the probability of its label, averaged with the share of
its label among the nearest tracks where embeddings are given. `python -m benchmarks.planted_labels` compares this with
margins, entropy, confident learning and other classifiers; docs/protocols.md has the figures.

Reference: Northcutt, Jiang, Chuang, Confident Learning: Estimating Uncertainty in Dataset Labels, 2021.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from kgenre.core.files import write_text
from kgenre.core.genres import join_genres
from kgenre.model.tasks import Task, chosen_labels

NEIGHBOURS = 20
FILE = "mislabelled.csv"
COLUMNS = ["path", "track_id", "genre", "suggested", "score"]


def mislabelled_tracks(
    rows: pd.DataFrame, probabilities: np.ndarray, task: Task, embeddings: np.ndarray | None = None
) -> pd.DataFrame:
    """All tracks, the most suspicious first; of equal ones the first in `rows`.

    Args:
        rows: table of the tracks, as a Collection's.
        probabilities: float (tracks, labels), by classifiers that were not fitted on the track.
        task: of the labels.
        embeddings: float (tracks, d), or None.

    Returns:
        Table with COLUMNS, indexed by the row number in `rows`. genre is what the track is labelled with, several as
        core.genres joins them; suggested what it is answered, "" where that is the same; score in [0, 1].
    """
    targets = task.targets(rows)
    if embeddings is not None and len(rows) > 1:
        probabilities = (np.asarray(probabilities, float) + neighbour_shares(embeddings, task.shares(targets))) / 2
    given = rows["genres" if task.several else "genre"].to_list()
    suggested = [join_genres(chosen_labels(task, row)) for row in probabilities]
    same = (task.chosen(probabilities) == (task.shares(targets) > 0)).all(axis=1)
    table = pd.DataFrame(
        {
            "path": rows["path"].to_list(),
            "track_id": rows["track_id"].to_list(),
            "genre": given,
            "suggested": np.where(same, "", suggested),
            "score": suspicion(targets, probabilities, task),
        },
        columns=COLUMNS,
    )
    return table.sort_values("score", ascending=False, kind="stable")


def write_mislabelled(path: Path, table: pd.DataFrame) -> None:
    """Writes what `mislabelled_tracks` gives as CSV."""
    write_text(path, table.to_csv(index=False, float_format="%.6f"))


def suspicion(targets: np.ndarray, probabilities: np.ndarray, task: Task) -> np.ndarray:
    """1 minus cleanlab's label quality by self-confidence, float64 (tracks,) in [0, 1].

    Of several labels a track, self-confidence is that in the presence or absence of each; cleanlab's moving average
    lets the least certain of them count most.

    Args:
        targets: as the task gives them. probabilities: float (tracks, labels).
    """
    probabilities = np.clip(np.asarray(probabilities, float), 0.0, 1.0)
    if not len(probabilities):
        return np.zeros(0)
    if task.several and len(task.labels) == 1:  # which cleanlab does not take for a task of several
        targets, probabilities = targets[:, 0].astype(int), np.hstack([1 - probabilities, probabilities])
    elif task.several:
        from cleanlab.multilabel_classification import get_label_quality_scores

        labels = [np.flatnonzero(row).tolist() for row in targets]
        return np.clip(1 - get_label_quality_scores(labels, probabilities), 0.0, 1.0)
    from cleanlab.rank import get_label_quality_scores

    return np.clip(1 - get_label_quality_scores(targets, probabilities), 0.0, 1.0)


def neighbour_shares(embeddings: np.ndarray, shares: np.ndarray, n_neighbours: int = NEIGHBOURS) -> np.ndarray:
    """Share of each label among the nearest other tracks, closer ones weighing more: float64 (tracks, labels).

    Args:
        embeddings: float (tracks, d), two or more; each of the d is scaled to unit variance.
        shares: 1 for each of a track's labels, else 0, (tracks, labels).
    """
    from sklearn.neighbors import KNeighborsRegressor

    x = np.asarray(embeddings, float)
    deviation = x.std(axis=0)
    x = x / np.where(deviation > 1e-9 * np.abs(x).max(axis=0), deviation, 1.0)  # constant but for rounding: as it is
    nearest = KNeighborsRegressor(min(n_neighbours, len(x) - 1), weights="distance")
    # Of None: of the tracks themselves, none of which is its own neighbour.
    return nearest.fit(x, np.asarray(shares, float)).predict(None)
