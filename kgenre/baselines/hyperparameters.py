"""The one way in which a classic classifier is tuned and fitted."""

import warnings
from dataclasses import dataclass

import numpy as np

from kgenre.baselines.classifiers import CLASSIFIERS
from kgenre.core.errors import KgenreError


@dataclass(frozen=True)
class Choice:
    """A classifier with the hyper-parameters that did best, not fitted.

    score: share of right answers on the tracks chosen on, mean over the folds.
    """

    name: str
    pipeline: object
    parameters: dict
    score: float

    def __str__(self) -> str:
        return f"{self.name} ({self._settings()})"

    def row(self) -> dict:
        """A line of classifiers.csv."""
        return {"classifier": self.name, "score": self.score, "parameters": self._settings()}

    def _settings(self) -> str:
        return ", ".join(f"{name}={value}" for name, value in self.parameters.items())


def make_pipeline(name: str, seed: int, pca: int | None):
    """StandardScaler, PCA if asked for, and the classifier: what is fitted is fitted in one go, on one set of rows."""
    from sklearn.decomposition import PCA
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    reduce = PCA(pca, random_state=seed) if pca else "passthrough"
    return Pipeline([("scale", StandardScaler()), ("pca", reduce), ("classifier", CLASSIFIERS[name].build(seed))])


def tune(name: str, x: np.ndarray, y: np.ndarray, folds: list, seed: int, workers: int, pca: int | None) -> Choice:
    """Tries the whole grid: each setting is fitted on the first rows of a fold and judged on the second.

    Args:
        name: a row of CLASSIFIERS.
        x: float (tracks, d).
        y: int (tracks,).
        folds: pairs of row numbers (fit, judge). Rows in neither are never looked at.
        seed: of what is random in the classifier.
        workers: threads.
        pca: components, or None.

    Raises:
        KgenreError: it is not installed, or no setting of it could be fitted.
    """
    import joblib
    from sklearn.base import clone
    from sklearn.model_selection import GridSearchCV
    from threadpoolctl import threadpool_limits

    pipeline = make_pipeline(name, seed, pca)
    grid = {f"classifier__{key}": list(values) for key, values in CLASSIFIERS[name].grid.items()}
    search = GridSearchCV(pipeline, grid, scoring="accuracy", cv=folds, refit=False, n_jobs=workers)
    # Threads, not processes: the fits release the interpreter's lock, and the rows are not copied.
    with warnings.catch_warnings(action="ignore"), threadpool_limits(1), joblib.parallel_backend("threading"):
        try:
            search.fit(x, y)
        except ValueError as error:  # its words when not one fit succeeded
            cause = str(error).strip().splitlines()[-1]
            raise KgenreError(f"{name}: could not be fitted to these tracks ({cause}).") from error
    scores = np.nan_to_num(search.cv_results_["mean_test_score"], nan=-1.0)  # more neighbours than tracks, say
    best = int(scores.argmax())
    if scores[best] < 0:
        raise KgenreError(f"{name}: could not be fitted to these tracks.")
    settings = search.cv_results_["params"][best]
    plain = {key.removeprefix("classifier__").removeprefix("estimator__"): value for key, value in settings.items()}
    return Choice(name, clone(pipeline).set_params(**settings), plain, float(scores[best]))


def fit(choice: Choice, x: np.ndarray, y: np.ndarray):
    """The fitted pipeline."""
    with warnings.catch_warnings(action="ignore"):
        return choice.pipeline.fit(x, y)


def strengths(fitted, x: np.ndarray, n_classes: int) -> np.ndarray:
    """Probabilities (tracks, classes); of a support vector machine the softmax of its margins, not calibrated."""
    from scipy.special import softmax

    if has_probabilities(fitted):
        known = fitted.predict_proba(x)
    else:
        margins = fitted.decision_function(x)
        known = softmax(np.stack([-margins, margins], axis=1) if margins.ndim == 1 else margins, axis=1)
    every = np.zeros((len(x), n_classes))
    every[:, fitted.classes_.astype(int)] = known
    return every


def has_probabilities(fitted) -> bool:
    return hasattr(fitted, "predict_proba")
