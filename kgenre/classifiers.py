"""The table of classic classifiers, and the one way in which each is tuned."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from kgenre.errors import KgenreError


@dataclass(frozen=True)
class Classifier:
    """One row of CLASSIFIERS.

    build: seed -> scikit-learn estimator.
    grid: its hyper-parameters and the values that are tried, all with all.
    says: what it is.
    source: the system that it is from.
    """

    build: Callable[[int], object]
    grid: dict[str, tuple]
    says: str
    source: str


def _logistic(seed):
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(max_iter=1000, random_state=seed)


def _knn(seed):
    from sklearn.neighbors import KNeighborsClassifier

    return KNeighborsClassifier()


def _svc(kernel: str):
    def build(seed):
        from sklearn.svm import SVC

        # break_ties, so that the genre of the largest margin is the answer: the ranking and the answer agree
        return SVC(kernel=kernel, break_ties=True, cache_size=500, random_state=seed)

    return build


def _tree(seed):
    from sklearn.tree import DecisionTreeClassifier

    return DecisionTreeClassifier(random_state=seed)


def _forest(seed):
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(n_estimators=500, random_state=seed)


def _adaboost(seed):
    from sklearn.ensemble import AdaBoostClassifier

    return AdaBoostClassifier(_tree(seed), n_estimators=100, random_state=seed)


def _mlp(seed):
    from sklearn.neural_network import MLPClassifier

    return MLPClassifier(max_iter=200, random_state=seed)


def _bayes(seed):
    from sklearn.naive_bayes import GaussianNB

    return GaussianNB()


def _lda(seed):
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    return LinearDiscriminantAnalysis(solver="eigen")  # of 2 000 features a fraction of lsqr's time


def _qda(seed):
    from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis

    return QuadraticDiscriminantAnalysis(solver="eigen")  # the other refuses genres of fewer tracks than features


def _xgboost(seed):
    try:
        from xgboost import XGBClassifier
    except ImportError as error:
        raise KgenreError("xgboost is not installed: `pip install xgboost-cpu`.") from error
    # its threads are the search's: n_jobs=1
    return XGBClassifier(n_estimators=300, subsample=0.8, colsample_bytree=0.5, random_state=seed, n_jobs=1)


_R2, _R4 = "Genre_Pred", "CNNs and RNNs on FMA-small"
_BOTH = f"{_R2}; {_R4}"

CLASSIFIERS = {
    "logistic": Classifier(_logistic, {"C": (0.001, 0.01, 0.1, 1.0)}, "logistic regression", _BOTH),
    "knn": Classifier(
        _knn, {"n_neighbors": (1, 5, 10, 20, 50), "weights": ("uniform", "distance")}, "nearest neighbours", _BOTH
    ),
    "svc_linear": Classifier(_svc("linear"), {"C": (0.001, 0.01, 0.1, 1.0)}, "support vectors, linear kernel", _BOTH),
    "svc_poly": Classifier(
        _svc("poly"), {"C": (0.1, 1.0, 10.0, 100.0), "degree": (2, 3)}, "support vectors, polynomial kernel", _R2
    ),
    "svc_rbf": Classifier(
        _svc("rbf"),
        {"C": (1.0, 3.0, 10.0, 100.0), "gamma": ("scale", 1e-3, 3e-4, 1e-4)},
        "support vectors, Gaussian kernel",
        _BOTH,
    ),
    "tree": Classifier(_tree, {"max_depth": (3, 5, 10, None), "min_samples_leaf": (1, 5)}, "decision tree", _BOTH),
    "forest": Classifier(
        _forest, {"max_features": ("sqrt", 0.2), "min_samples_leaf": (1, 3)}, "random forest of 500 trees", _BOTH
    ),
    "adaboost": Classifier(
        _adaboost, {"estimator__max_depth": (1, 4), "learning_rate": (0.3, 1.0)}, "AdaBoost of 100 trees", _BOTH
    ),
    "mlp": Classifier(
        _mlp, {"hidden_layer_sizes": ((100,), (256,)), "alpha": (1e-3, 1.0, 10.0)}, "one hidden layer", _BOTH
    ),
    "bayes": Classifier(_bayes, {"var_smoothing": (1e-9, 1e-2, 0.1, 1.0)}, "naive Bayes, Gaussian", _BOTH),
    "lda": Classifier(_lda, {"shrinkage": ("auto", 0.01, 0.1, 0.5)}, "linear discriminants", _R4),
    "qda": Classifier(_qda, {"shrinkage": ("auto", 0.1, 0.5, 0.9)}, "quadratic discriminants", _BOTH),
    "xgboost": Classifier(
        _xgboost, {"max_depth": (3, 6), "learning_rate": (0.05, 0.2)}, "300 gradient-boosted trees", _R2
    ),
}


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
