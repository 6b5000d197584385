"""Tracks of a selection that are likely to be mislabelled, by the classifier and the folds that find most of them."""

import numpy as np
import pandas as pd

from kgenre.baselines.calibration import validated_probabilities
from kgenre.baselines.hyperparameters import TunedClassifier, TuningSettings, make_pipeline
from kgenre.baselines.model_selection import SelectionPlan
from kgenre.evaluation.mislabelled import mislabelled_tracks
from kgenre.model.tasks import Task

# Whatever is selected: it finds more planted labels than the Gaussian kernel does, which is more accurate
# (`python -m benchmarks.planted_labels`).
NAME, PARAMETERS = "logistic", {"C": 0.01}


def suspects(plan: SelectionPlan, x: np.ndarray, y: np.ndarray, task: Task, settings: TuningSettings) -> pd.DataFrame:
    """The validation rows of all folds, as `mislabelled_tracks` ranks them.

    Args:
        x: float (tracks, d), of the plan's rows. y: their targets.
    """
    pipeline = make_pipeline(NAME, settings.seed, settings.pca, task.several)
    prefix = "classifier__estimator__" if task.several else "classifier__"
    pipeline.set_params(**{f"{prefix}{name}": value for name, value in PARAMETERS.items()})
    targets, answers = validated_probabilities(TunedClassifier(NAME, pipeline, PARAMETERS, 0.0), x, y, plan.folds, task)
    rows = np.concatenate([others for _, others in plan.folds])
    return mislabelled_tracks(plan.rows.iloc[rows], answers, task.tuned(targets, answers), x[rows])
