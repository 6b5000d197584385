"""What every tuned classifier answers for the tracks of the report: classifiers/NAME.csv, as predictions.csv.

They are shown beside each other, never chosen by: the selection is over before any of them sees these tracks.
"""

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from kgenre.baselines.hyperparameters import TunedClassifier, class_probabilities, label_probabilities
from kgenre.core.progress import SILENT, Progress
from kgenre.evaluation.predictions import write_predictions
from kgenre.model.tasks import Task

FOLDER = "classifiers"


def answer_all(
    tuned: Sequence[TunedClassifier],
    x: np.ndarray,
    y: np.ndarray,
    asked: np.ndarray,
    task: Task,
    workers: int,
    progress: Progress = SILENT,
) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Fits each classifier once more, all on the same rows, and asks it: a part of the search, which fits whole grids.

    Args:
        tuned: the classifiers.
        x, y: rows to fit, as of `tune`.
        asked: float (tracks, d).
        workers: threads.

    Returns:
        {name: probabilities (tracks, labels)}, and {name: cause} of those that cannot be fitted to these rows.
    """
    import joblib
    from sklearn.base import clone
    from threadpoolctl import threadpool_limits

    answers, failed = {}, {}
    with progress.task("fitting", len(tuned), "classifiers") as advance:

        def answer(one: TunedClassifier) -> None:
            try:
                answers[one.name] = track_probabilities(clone(one.pipeline).fit(x, y), asked, task)
            except ValueError as error:  # as scikit-learn's and XGBoost's are
                cause = str(error).strip().splitlines()[-1]
                failed[one.name] = f"{one.name}: could not be fitted to all tracks ({cause})."
            advance()

        with warnings.catch_warnings(action="ignore"), threadpool_limits(1):
            joblib.Parallel(workers, backend="threading")(joblib.delayed(answer)(one) for one in tuned)
    return answers, failed


def track_probabilities(fitted, x: np.ndarray, task: Task) -> np.ndarray:
    """As the classifier gives them, float (tracks, classes)."""
    return label_probabilities(fitted, x) if task.several else class_probabilities(fitted, x, len(task.labels))


def write_answers(out: Path, rows: pd.DataFrame, answers: dict[str, np.ndarray], task: Task) -> None:
    """Writes classifiers/NAME.csv of each, and removes those of an earlier selection.

    Args:
        out: folder of the results. rows: table of the tracks. answers: {name: probabilities (tracks, labels)}.
    """
    folder = out / FOLDER
    folder.mkdir(exist_ok=True)
    for path in folder.glob("*.csv"):
        if path.stem not in answers:
            path.unlink()
    for name, probabilities in answers.items():
        write_predictions(folder / f"{name}.csv", rows, probabilities, task.labels)
