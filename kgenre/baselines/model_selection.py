"""Model selection without the test tracks: which rows are fitted, validated and reported, and the best classifier."""

import dataclasses
from dataclasses import dataclass

import numpy as np
import pandas as pd

from kgenre.baselines.hyperparameters import TunedClassifier, TuningSettings, tune
from kgenre.collections.grouping import Fold, group_ids, grouped_folds
from kgenre.collections.labels import strata
from kgenre.collections.splits import Collection
from kgenre.core.errors import KgenreError
from kgenre.core.progress import SILENT, Progress
from kgenre.evaluation.protocol import EvaluationSet, evaluation_set

FOLDS = 5
SCORES = {"valid": "on valid", "cv": "mean of the folds"}  # by the value of --selection


@dataclass(frozen=True)
class SelectionPlan:
    """Which tracks a classifier is selected on, fitted on and reported on.

    rows: tracks that may be fitted or validated on.
    folds: pairs of row numbers of `rows`, (to fit, to validate).
    final: row numbers of `rows` that the selected classifier is fitted on.
    reported: the tracks of the report.
    description: how the classifier is selected, and what it is fitted on.
    """

    rows: pd.DataFrame
    folds: list[Fold]
    final: np.ndarray
    reported: EvaluationSet
    description: str


def plan_selection(collection: Collection, selection: str, seed: int) -> SelectionPlan:
    """The plan; without test tracks it reports valid, with a note on what that is worth.

    Args:
        selection: "valid", or "cv" for cross-validation by artist.
        seed: of the folds.

    Raises:
        KgenreError: a split that is needed has no tracks, or there are too few artists for two folds.
    """
    train, valid, tested = collection.rows("train"), collection.rows("valid"), len(collection.rows("test")) > 0
    _check_splits(collection.name, train, valid, tested, selection)
    reported = evaluation_set(collection, "test", "the classifier")
    parts = [train, valid] if tested or selection == "valid" else [train]
    rows, names = pd.concat(parts, ignore_index=True), "train and valid" if len(parts) == 2 else "train"
    if selection == "valid":
        folds = [(np.arange(len(train)), np.arange(len(train), len(rows)))]
        final, fitted = (np.arange(len(rows)), names) if tested else (np.arange(len(train)), "train")
        return SelectionPlan(rows, folds, final, reported, f"selected on valid, fitted on {fitted}")
    folds = artist_folds(rows, seed)
    if not tested:
        note = "no test rows: valid is reported, which took no part in the selection"
        reported = dataclasses.replace(reported, note=note)
    unit = "artist" if (rows["artist"] != "").any() else "track (artists unknown)"
    description = f"selected by {len(folds)}-fold cross-validation by {unit} over {names}, fitted on {names}"
    return SelectionPlan(rows, folds, np.arange(len(rows)), reported, description)


def _check_splits(name: str, train: pd.DataFrame, valid: pd.DataFrame, tested: bool, selection: str) -> None:
    if len(train) == 0:
        raise KgenreError(f"{name}: no usable train tracks. Give the manifest a column `split`.")
    if len(valid) == 0 and (selection == "valid" or not tested):
        step = "Use --selection cv, or give" if tested else "Give"
        raise KgenreError(f"{name}: no usable valid tracks. {step} the manifest a column `split`.")


def artist_folds(rows: pd.DataFrame, seed: int) -> list[Fold]:
    """Stratified folds that keep an artist in one; a track without an artist is a group of its own."""
    folds = grouped_folds(strata(rows), group_ids(rows, "artist"), FOLDS, seed)
    if not folds:
        raise KgenreError("Cross-validation needs tracks of at least two artists. Use --selection valid.")
    return folds


def select_classifier(
    names: list[str],
    x: np.ndarray,
    y: np.ndarray,
    folds: list[Fold],
    settings: TuningSettings,
    progress: Progress = SILENT,
) -> tuple[list[TunedClassifier], dict[str, str]]:
    """The tuned classifiers, best first, and {name: cause} of those that are not installed or cannot be fitted.

    Args:
        names: rows of CLASSIFIERS.
        x, y, folds: as of `tune`; y of a single-label task are numbers (tracks,), else 0 and 1 (tracks, labels).

    Raises:
        KgenreError: none of them can be fitted.
    """
    tuned, left_out = [], {}
    with progress.task("tuning", len(names), "classifiers") as advance:
        for name in names:
            try:
                tuned.append(tune(name, x, y, folds, settings))
            except KgenreError as error:
                left_out[name] = str(error)
            advance()
    if not tuned:
        raise KgenreError(next(iter(left_out.values())))
    return sorted(tuned, key=lambda one: -one.score), left_out


def format_ranking(selection: dict) -> str:
    """The entry `selection` of the metrics as text: the classifiers that were tried, best first."""
    score = selection["score"].replace("_", " ")
    lines = [f"  {'classifier':<12} {score}, {SCORES[selection['on']]}"]
    lines += [f"  {row['classifier']:<12} {row['score']:6.1%}   {row['parameters']}" for row in selection["tried"]]
    lines += [f"  left out: {cause}" for cause in selection["left_out"].values()]
    return "\n".join(lines) + "\n"
