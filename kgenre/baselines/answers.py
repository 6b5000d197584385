"""What every tuned classifier answers for the tracks of the report: classifiers/NAME.csv, as predictions.csv.

They are shown beside each other, never chosen by: the selection is over before any of them sees these tracks.
"""

import dataclasses
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from kgenre.baselines.calibration import (
    calibrated,
    track_probabilities,
    track_temperature,
    validated_probabilities,
)
from kgenre.baselines.hyperparameters import TunedClassifier, fit
from kgenre.baselines.model_selection import SelectionPlan
from kgenre.core.progress import SILENT, Progress
from kgenre.evaluation.predictions import write_predictions
from kgenre.model.tasks import Task

FOLDER = "classifiers"


@dataclass(frozen=True)
class Answers:
    """What one classifier answers, calibrated: float32 (tracks, labels) each.

    validated: of the validation rows in the order of the folds, by fits without them.
    asked: of the tracks that it is asked for.
    temperature: of both.
    """

    validated: np.ndarray
    asked: np.ndarray
    temperature: float | np.ndarray


def answer_all(
    tuned: Sequence[TunedClassifier],
    x: np.ndarray,
    y: np.ndarray,
    plan: SelectionPlan,
    asked: np.ndarray,
    task: Task,
    workers: int,
    progress: Progress = SILENT,
) -> tuple[dict[str, Answers], dict[str, str]]:
    """Fits each tuned classifier on the folds for its temperature, and on the plan's final rows to answer.

    That is a part of the search, which fits every combination of a grid on every fold.

    Args:
        x, y: of the plan's rows, as of `tune`.
        asked: float (tracks, d).
        workers: threads.

    Returns:
        {name: answers}, and {name: cause} of those that cannot be fitted to the final rows.
    """
    import joblib
    from sklearn.base import clone
    from threadpoolctl import threadpool_limits

    answers, failed = {}, {}
    with progress.task("fitting", len(tuned), "classifiers") as advance:

        def answer(one: TunedClassifier) -> None:
            own = dataclasses.replace(one, pipeline=clone(one.pipeline))  # whose fit is not kept
            try:
                answers[one.name] = _answers(own, x, y, plan, asked, task)
            except ValueError as error:  # as scikit-learn's and XGBoost's are
                cause = str(error).strip().splitlines()[-1]
                failed[one.name] = f"{one.name}: could not be fitted to all tracks ({cause})."
            advance()

        with warnings.catch_warnings(action="ignore"), threadpool_limits(1):
            joblib.Parallel(workers, backend="threading")(joblib.delayed(answer)(one) for one in tuned)
    return answers, failed


def _answers(tuned: TunedClassifier, x, y, plan: SelectionPlan, asked: np.ndarray, task: Task) -> Answers:
    targets, validated = validated_probabilities(tuned, x, y, plan.folds, task)
    temperature = track_temperature(targets, validated, task)
    found = track_probabilities(fit(tuned, x[plan.final], y[plan.final]), asked, task)
    return Answers(calibrated(validated, temperature, task), calibrated(found, temperature, task), temperature)


def write_answers(out: Path, rows: pd.DataFrame, answers: dict[str, Answers], task: Task) -> None:
    """Writes classifiers/NAME.csv of each, and removes those of an earlier selection.

    Args:
        out: folder of the results. rows: table of the tracks that were asked for. answers: as `answer_all` gives them.
    """
    folder = out / FOLDER
    folder.mkdir(exist_ok=True)
    for path in folder.glob("*.csv"):
        if path.stem not in answers:
            path.unlink()
    for name, own in answers.items():
        write_predictions(folder / f"{name}.csv", rows, own.asked, task.labels)
