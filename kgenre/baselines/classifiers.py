"""The table of classic classifiers. To add one, write its builder, here or in a file of its own, and give it a row."""

from kgenre.baselines.classifier import Classifier
from kgenre.core.errors import KgenreError, check_known


def _logistic(seed):
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(max_iter=1000, random_state=seed)


def _knn(seed):
    from sklearn.neighbors import KNeighborsClassifier

    return KNeighborsClassifier()


def _svc(kernel: str):
    def build(seed):
        from sklearn.svm import SVC

        # break_ties: the answer is then the genre of the largest margin, first in the ranking too
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

    return LinearDiscriminantAnalysis(solver="eigen")  # much faster than lsqr on 2 000 features


def _qda(seed):
    from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis

    return QuadraticDiscriminantAnalysis(solver="eigen")  # svd refuses genres of fewer tracks than features


def _xgboost(seed):
    try:
        from xgboost import XGBClassifier
    except ImportError as error:
        raise KgenreError("xgboost is not installed: `pip install xgboost-cpu`.") from error
    # n_jobs=1: the search runs the fits in threads already
    return XGBClassifier(n_estimators=300, subsample=0.8, colsample_bytree=0.5, random_state=seed, n_jobs=1)


GENRE_PRED, FMA_SMALL = "Genre_Pred", "CNNs and RNNs on FMA-small"
BOTH = f"{GENRE_PRED}; {FMA_SMALL}"

CLASSIFIERS = {
    "logistic": Classifier(_logistic, {"C": (0.001, 0.01, 0.1, 1.0)}, "logistic regression", BOTH),
    "knn": Classifier(
        _knn, {"n_neighbors": (1, 5, 10, 20, 50), "weights": ("uniform", "distance")}, "nearest neighbours", BOTH
    ),
    "svc_linear": Classifier(_svc("linear"), {"C": (0.001, 0.01, 0.1, 1.0)}, "support vectors, linear kernel", BOTH),
    "svc_poly": Classifier(
        _svc("poly"), {"C": (0.1, 1.0, 10.0, 100.0), "degree": (2, 3)}, "support vectors, polynomial kernel", GENRE_PRED
    ),
    "svc_rbf": Classifier(
        _svc("rbf"),
        {"C": (1.0, 3.0, 10.0, 100.0), "gamma": ("scale", 1e-3, 3e-4, 1e-4)},
        "support vectors, Gaussian kernel",
        BOTH,
    ),
    "tree": Classifier(_tree, {"max_depth": (3, 5, 10, None), "min_samples_leaf": (1, 5)}, "decision tree", BOTH),
    "forest": Classifier(
        _forest, {"max_features": ("sqrt", 0.2), "min_samples_leaf": (1, 3)}, "random forest of 500 trees", BOTH
    ),
    "adaboost": Classifier(
        _adaboost, {"estimator__max_depth": (1, 4), "learning_rate": (0.3, 1.0)}, "AdaBoost of 100 trees", BOTH
    ),
    "mlp": Classifier(
        _mlp, {"hidden_layer_sizes": ((100,), (256,)), "alpha": (1e-3, 1.0, 10.0)}, "one hidden layer", BOTH
    ),
    "bayes": Classifier(_bayes, {"var_smoothing": (1e-9, 1e-2, 0.1, 1.0)}, "naive Bayes, Gaussian", BOTH),
    "lda": Classifier(_lda, {"shrinkage": ("auto", 0.01, 0.1, 0.5)}, "linear discriminants", FMA_SMALL),
    "qda": Classifier(_qda, {"shrinkage": ("auto", 0.1, 0.5, 0.9)}, "quadratic discriminants", BOTH),
    "xgboost": Classifier(
        _xgboost, {"max_depth": (3, 6), "learning_rate": (0.05, 0.2)}, "300 gradient-boosted trees", GENRE_PRED
    ),
}


def classifier_names(name: str) -> list[str]:
    """The rows of CLASSIFIERS that names with commas between stand for: all of them for "all".

    Raises:
        KgenreError: unknown name.
    """
    names = list(dict.fromkeys(name.split(",")))
    for one in names:
        check_known("classifier", one, [*CLASSIFIERS, "all"])
    return list(CLASSIFIERS) if "all" in names else names
