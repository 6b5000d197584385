"""How many wrong labels are found: labels of some tracks are replaced, and rankings of suspicious tracks compared.

    python -m benchmarks.planted_labels FILE.npz --array vggish --out FOLDER

FILE.npz has a row for each track with its vector (the array that --array names) and its genre. In 5 % of the tracks the
genre is replaced: by any other at random, and in a second table by the one that logistic regression mistakes that genre
for most often. Probabilities are out of fold: five stratified folds, fitted and validated on the labels as they are
then, with no classifier knowing which are wrong. "Found" is the share of the replaced labels among the first tenth of
the list, mean ± standard deviation over the seeds; of a list at random it is 10 %. The file's own labels are not all
right, and tracks that are rightly suspected stand before planted ones, so that 100 % is out of reach.
"""

import argparse
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import confusion_matrix
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from kgenre import cli
from kgenre.baselines.calibration import calibrated, track_temperature
from kgenre.baselines.hyperparameters import class_probabilities
from kgenre.cli.tables import markdown
from kgenre.collections.datasets.array_tables import read_arrays
from kgenre.collections.grouping import Fold, group_ids, grouped_folds
from kgenre.core.errors import KgenreError
from kgenre.core.files import make_output_folder, write_text
from kgenre.evaluation.mislabelled import neighbour_shares
from kgenre.model.tasks import make_task

FOLDS, PLANTED, FIRST = 5, 0.05, 0.1
CLASSIFIERS = {
    "logistic regression": LogisticRegression(C=0.01, max_iter=1000),
    "SVM, Gaussian kernel": SVC(C=3.0, cache_size=500),
    "50 nearest of the other folds": KNeighborsClassifier(50, weights="distance"),
}
LOGISTIC, SVM, KNN = CLASSIFIERS
NEAREST = "20 nearest"
# Means of probabilities, by their members.
MEANS = [(LOGISTIC, NEAREST), (SVM, NEAREST), (LOGISTIC, SVM), (LOGISTIC, SVM, NEAREST)]


def _quality(method: str) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    def score(labels, probabilities):
        from cleanlab.rank import get_label_quality_scores

        return get_label_quality_scores(labels, probabilities, method=method)

    return score


def _confident(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Self-confidence, after the tracks that confident learning holds to be mislabelled."""
    from cleanlab.filter import find_label_issues

    issues = find_label_issues(labels, probabilities, filter_by="prune_by_noise_rate", n_jobs=1)
    return _quality("self_confidence")(labels, probabilities) - issues


# Labels and probabilities -> quality of each label: the lower, the more suspicious.
RANKINGS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "self-confidence": _quality("self_confidence"),
    "normalized margin": _quality("normalized_margin"),
    "confidence-weighted entropy": _quality("confidence_weighted_entropy"),
    "confident learning": _confident,
}


def main(argv=None) -> int:
    parser = cli.Parser(
        prog="python -m benchmarks.planted_labels",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", type=Path, metavar="FILE.npz", help="vectors and genres of tracks")
    parser.add_argument("--array", default="vggish", metavar="NAME", help="the vectors (default: vggish)")
    parser.add_argument("--seeds", type=int, default=5, metavar="N", help="of labels and folds (default: 5)")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="for the tables")
    return cli.run(_measure, parser.parse_args(argv))


def _measure(args: argparse.Namespace) -> int:
    rows, out = read_arrays(args.file).table, make_output_folder(args.out)
    with np.load(args.file) as arrays:
        found = arrays[args.array] if args.array in arrays else np.zeros(())
        if found.ndim != 2 or len(found) != len(rows):
            raise KgenreError(
                f"{args.file}: `--array` must name an array of a vector a track. Received: {args.array}. "
                f"The file has {', '.join(arrays)}."
            )
        x = StandardScaler().fit_transform(found.astype("float64"))
    genres, truth = np.unique(rows["genre"].to_numpy(dtype=object), return_inverse=True)
    groups, sections = group_ids(rows, "artist"), []
    confused = most_confused(x, truth, groups)
    for kind, others in (("any other genre", None), ("the genre that it is most often mistaken for", confused)):
        found: dict[tuple[str, str], list[float]] = {}
        for seed in range(args.seeds):
            labels, wrong = plant(truth, len(genres), seed, others)
            for key, share in shares_found(x, labels, wrong, groups, seed).items():
                found.setdefault(key, []).append(share)
        sections.append(section(f"Replaced by {kind}", found))
        print(sections[-1], flush=True)
    caption = f"{len(x)} tracks, {round(PLANTED * len(x))} labels replaced, {args.seeds} seeds."
    write_text(out / "planted_labels.md", "\n".join([caption, "", *sections]))
    print(f"written to {out / 'planted_labels.md'}")
    return 0


def plant(truth: np.ndarray, n_genres: int, seed: int, others: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """The labels with PLANTED of them replaced, and the row numbers of these.

    others: for each genre the one that replaces it, (genres,); None for any other at random.
    """
    rng = np.random.default_rng(seed)
    wrong = rng.choice(len(truth), round(PLANTED * len(truth)), replace=False)
    labels, own = truth.copy(), truth[wrong]
    labels[wrong] = (own + rng.integers(1, n_genres, len(wrong))) % n_genres if others is None else others[own]
    return labels, wrong


def most_confused(x: np.ndarray, truth: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """For each genre the one that most of its tracks are mistaken for, (genres,)."""
    answers = out_of_fold(CLASSIFIERS[LOGISTIC], x, truth, grouped_folds(truth, groups, FOLDS, seed=99)).argmax(axis=1)
    counts = confusion_matrix(truth, answers)
    np.fill_diagonal(counts, -1)
    return counts.argmax(axis=1)


def out_of_fold(classifier, x: np.ndarray, labels: np.ndarray, folds: list[Fold]) -> np.ndarray:
    """Probabilities by classifiers that were not fitted on the track, float64 (tracks, genres)."""
    probabilities = np.zeros((len(x), labels.max() + 1))
    for fit, validate in folds:
        fitted = make_pipeline(StandardScaler(), clone(classifier)).fit(x[fit], labels[fit])
        probabilities[validate] = class_probabilities(fitted, x[validate], labels.max() + 1)
    return probabilities


def shares_found(x, labels: np.ndarray, wrong: np.ndarray, groups, seed: int) -> dict[tuple[str, str], float]:
    """{(probabilities, ranking): share of the replaced labels among the first FIRST of the list}."""
    folds = grouped_folds(labels, groups, FOLDS, seed)
    probabilities = {name: out_of_fold(classifier, x, labels, folds) for name, classifier in CLASSIFIERS.items()}
    task = make_task("single", [str(label) for label in range(labels.max() + 1)])
    margins = probabilities[SVM]
    probabilities[SVM] = calibrated(margins, track_temperature(labels, margins, task), task)
    probabilities[NEAREST] = neighbour_shares(x, np.eye(labels.max() + 1)[labels])
    for members in MEANS:
        probabilities[f"mean: {' + '.join(members)}"] = np.mean([probabilities[name] for name in members], axis=0)
    first, found = round(FIRST * len(x)), {}
    for name, p in probabilities.items():
        for ranking, quality in RANKINGS.items():
            with warnings.catch_warnings(action="ignore"):
                order = np.argsort(quality(labels, p), kind="stable")
            found[name, ranking] = np.isin(wrong, order[:first]).mean()
    return found


def section(title: str, found: dict[tuple[str, str], list[float]]) -> str:
    """A row for each kind of probabilities, a column for each ranking."""
    lines = [
        (name, *(f"{100 * np.mean(found[name, of]):.1f} ± {100 * np.std(found[name, of]):.1f}" for of in RANKINGS))
        for name in dict.fromkeys(name for name, _ in found)
    ]
    return f"{title}: per cent found.\n\n{markdown(('out-of-fold probabilities of', *RANKINGS), lines)}\n"


if __name__ == "__main__":
    sys.exit(main())
