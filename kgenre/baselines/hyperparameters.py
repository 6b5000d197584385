"""Tuning and fitting of a classic classifier: one pipeline, one grid search."""

import warnings
from dataclasses import dataclass

import numpy as np

from kgenre.baselines.classifiers import CLASSIFIERS
from kgenre.collections.grouping import Fold
from kgenre.core.errors import KgenreError
from kgenre.core.multi_label_metrics import mean_average_precision


@dataclass(frozen=True)
class TuningSettings:
    """What a search needs beside the data.

    pca: components to reduce the vectors to, or None.
    seed: of what is random in PCA and classifier.
    workers: threads.
    """

    pca: int | None = None
    seed: int = 0
    workers: int = 1


@dataclass(frozen=True)
class TunedClassifier:
    """A classifier with the hyper-parameters that scored best, not fitted.

    score: the task's main metric on the validation rows, mean over the folds.
    """

    name: str
    pipeline: object
    parameters: dict
    score: float

    def __str__(self) -> str:
        return f"{self.name} ({self._parameter_text()})"

    def row(self) -> dict:
        """A row of classifiers.csv."""
        return {"classifier": self.name, "score": self.score, "parameters": self._parameter_text()}

    def _parameter_text(self) -> str:
        return ", ".join(f"{name}={value}" for name, value in self.parameters.items())


def make_pipeline(name: str, seed: int, pca: int | None, several: bool = False):
    """StandardScaler, PCA if asked for, and the classifier, so that all are fitted on the same rows.

    several: whether a track has several labels: one classifier a label then.
    """
    from sklearn.decomposition import PCA
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    reduce = PCA(pca, random_state=seed) if pca else "passthrough"
    classifier = CLASSIFIERS[name].build(seed)
    classifier = OneVsRestClassifier(classifier) if several else classifier
    return Pipeline([("scale", StandardScaler()), ("pca", reduce), ("classifier", classifier)])


def tune(name: str, x: np.ndarray, y: np.ndarray, folds: list[Fold], settings: TuningSettings) -> TunedClassifier:
    """Tries the whole grid: each combination is fitted and validated on every fold.

    Args:
        name: a row of CLASSIFIERS.
        x: float (tracks, d).
        y: int (tracks,); or 0 and 1, (tracks, labels).
        folds: pairs of row numbers (to fit, to validate). Rows in neither are not used.

    Raises:
        KgenreError: the classifier is not installed, or no combination could be fitted.
    """
    pipeline = make_pipeline(name, settings.seed, settings.pca, y.ndim == 2)
    combinations, scores = _grid_search(name, pipeline, x, y, folds, settings.workers)
    scores = np.nan_to_num(scores, nan=-1.0)  # as of more neighbours than tracks
    best = int(scores.argmax())
    if scores[best] < 0:
        raise KgenreError(f"{name}: could not be fitted to these tracks. Choose another --classifier.")
    found = combinations[best]
    plain = {key.rpartition("__")[2]: value for key, value in found.items()}
    return TunedClassifier(name, pipeline.set_params(**found), plain, float(scores[best]))


def _grid_search(name: str, pipeline, x, y, folds: list[Fold], workers: int) -> tuple[list[dict], np.ndarray]:
    """The combinations of the grid, and the mean score of each over the folds, NaN where a fit failed."""
    import joblib
    from sklearn.model_selection import GridSearchCV
    from threadpoolctl import threadpool_limits

    prefix, scoring = ("classifier__", "accuracy") if y.ndim == 1 else ("classifier__estimator__", _score_labels)
    grid = {f"{prefix}{key}": list(values) for key, values in CLASSIFIERS[name].grid.items()}
    search = GridSearchCV(pipeline, grid, scoring=scoring, cv=folds, refit=False, n_jobs=workers)
    # Threads, not processes: the fits release the interpreter's lock, and the rows are not copied.
    with warnings.catch_warnings(action="ignore"), threadpool_limits(1), joblib.parallel_backend("threading"):
        try:
            search.fit(x, y)
        except ValueError as error:  # scikit-learn raises it if every fit failed
            cause = str(error).strip().splitlines()[-1]
            raise KgenreError(
                f"{name}: could not be fitted to these tracks ({cause}). Choose another --classifier."
            ) from error
    return search.cv_results_["params"], search.cv_results_["mean_test_score"]


def _score_labels(fitted, x: np.ndarray, y: np.ndarray) -> float:
    return mean_average_precision(y, label_probabilities(fitted, x))


def fit(tuned: TunedClassifier, x: np.ndarray, y: np.ndarray):
    """The fitted pipeline."""
    with warnings.catch_warnings(action="ignore"):
        return tuned.pipeline.fit(x, y)


def class_probabilities(fitted, x: np.ndarray, n_classes: int) -> np.ndarray:
    """Probabilities, float (tracks, n_classes); 0 for classes that the pipeline was not fitted on.

    A support vector machine gives margins, not probabilities: theirs is the softmax, which a temperature calibrates.
    """
    from scipy.special import softmax

    if has_probabilities(fitted):
        known = fitted.predict_proba(x)
    else:
        margins = fitted.decision_function(x)
        known = softmax(np.stack([-margins, margins], axis=1) if margins.ndim == 1 else margins, axis=1)
    probabilities = np.zeros((len(x), n_classes))
    probabilities[:, fitted.classes_.astype(int)] = known
    return probabilities


def label_probabilities(fitted, x: np.ndarray) -> np.ndarray:
    """Probabilities of each label by one classifier each, float (tracks, labels); margins through the sigmoid."""
    from scipy.special import expit

    return fitted.predict_proba(x) if has_probabilities(fitted) else expit(fitted.decision_function(x))


def has_probabilities(fitted) -> bool:
    return hasattr(fitted, "predict_proba")


def parse_pca(text: str) -> int | None:
    """The value of `--pca`: a number of components, or None for "none"."""
    if text == "none":
        return None
    if not text.isdecimal() or int(text) < 1:
        raise KgenreError(f"`--pca` must be none or a number of components from 1. Received: {text}.")
    return int(text)


def check_pca(pca: int | None, n_tracks: int, n_columns: int) -> None:
    """Raises KgenreError if there are fewer tracks to fit, or fewer columns, than components."""
    if pca and pca > min(n_tracks, n_columns):
        raise KgenreError(
            f"`--pca` must be at most the number of tracks fitted and of features. Received: {pca}, with {n_tracks} "
            f"tracks and {n_columns} features. Lower --pca."
        )
