"""The choice of a classic classifier: tuned without a test track, fitted again, reported once."""

import dataclasses
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from kgenre.baselines.hyperparameters import fit, has_probabilities, strengths, tune
from kgenre.core.errors import KgenreError
from kgenre.core.progress import SILENT, Progress

FOLDS = 5


@dataclass(frozen=True)
class Plan:
    """Which tracks a classifier is chosen on, fitted on and reported on.

    learn: rows that may be fitted or chosen on.
    folds: pairs of row numbers of `learn`: fitted on the first, judged on the second.
    final: row numbers of `learn` that the chosen classifier is fitted on.
    report: rows that are reported; split and note as evaluate.rows_of gives them.
    says: how it was chosen and on what it was fitted.
    """

    learn: pd.DataFrame
    folds: list[tuple[np.ndarray, np.ndarray]]
    final: np.ndarray
    report: pd.DataFrame
    split: str
    note: str
    says: str


def plan_selection(collection, choose: str, seed: int) -> Plan:
    """Never fits or chooses on a test track; without any, reports valid and says what that is worth.

    Raises:
        KgenreError: a split that is needed has no tracks.
    """
    from kgenre.evaluation.evaluate import rows_of

    train, valid = collection.rows("train"), collection.rows("valid")
    tested = len(collection.rows("test")) > 0
    for name, rows in {"train": train, "valid": valid}.items():
        if len(rows) == 0 and (name == "train" or choose == "valid" or not tested):
            step = "Use --choose cv, or give" if tested and name == "valid" else "Give"
            raise KgenreError(f"{collection.name}: no usable {name} tracks. {step} the manifest a column `split`.")
    report, split, note = rows_of(collection, "test", "the classifier")
    parts = [train, valid] if tested or choose == "valid" else [train]
    learn, names = pd.concat(parts, ignore_index=True), "train and valid" if len(parts) == 2 else "train"
    if choose == "valid":
        folds = [(np.arange(len(train)), np.arange(len(train), len(learn)))]
        final = np.arange(len(learn) if tested else len(train))
        says = f"chosen on valid, fitted on {names if tested else 'train'}"
    else:
        folds, final = grouped_folds(learn, seed), np.arange(len(learn))
        unit = "artist" if (learn["artist"] != "").any() else "track (artists unknown)"
        says = f"chosen by {len(folds)}-fold cross-validation by {unit} over {names}, fitted on {names}"
        note = "" if tested else "no test rows: valid, which took no part in the choice, is reported"
    return Plan(learn, folds, final, report, split, note, says)


def grouped_folds(rows: pd.DataFrame, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Stratified folds that keep an artist in one; a track without an artist stands for itself."""
    from sklearn.model_selection import StratifiedGroupKFold

    groups = np.where(rows["artist"] == "", "track:" + rows["path"], rows["artist"].str.casefold())
    n_folds = min(FOLDS, len(set(groups)), rows["genre"].value_counts().max())
    if n_folds < 2:
        raise KgenreError("Cross-validation needs tracks of at least two artists. Use --choose valid.")
    splitter = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings(action="ignore"):  # about genres of fewer tracks than folds
        folds = list(splitter.split(rows["genre"], rows["genre"], groups))
    return [fold for fold in folds if len(fold[0]) and len(fold[1])]


def baseline(
    vectors,
    collection,
    names,
    choose: str,
    pca: int | None,
    seed: int,
    workers: int,
    out,
    progress: Progress = SILENT,
) -> dict:
    """Tunes classifiers, fits the best one again, reports it once, and writes what evaluate does and classifiers.csv.

    Args:
        vectors: vectors.Vectors of the tracks; those without one are left out.
        collection: datasets.splits.Collection.
        names: rows of CLASSIFIERS.
        choose: "valid" or "cv".
        pca: components, or None.

    Returns:
        The metrics, as in metrics.json.

    Raises:
        KgenreError: a split without tracks, unknown genres, or no classifier that can be fitted.
    """
    from kgenre.core.files import write_text
    from kgenre.evaluation.evaluate import check_genres
    from kgenre.evaluation.report import write_report

    has_vector = collection.table["path"].isin(vectors.of)
    plan = plan_selection(dataclasses.replace(collection, table=collection.table[has_vector]), choose, seed)
    labels = sorted(plan.learn["genre"].unique())
    check_genres(plan.report, labels, collection.name)
    x, y = matrix(vectors, plan.learn), np.array([labels.index(genre) for genre in plan.learn["genre"]])
    check_pca(pca, min(*(len(rows) for rows, _ in plan.folds), len(plan.final)), x.shape[1])
    choices, left_out = tune_all(names, x, y, plan.folds, seed, workers, pca, progress)
    best = choices[0]
    fitted = fit(best, x[plan.final], y[plan.final])
    probabilities = strengths(fitted, matrix(vectors, plan.report), len(labels))
    more = {
        "method": f"{best}{f', PCA {pca}' if pca else ''}, on {vectors.says}; {plan.says}",
        "choosing": {"on": choose, "tried": [choice.row() for choice in choices], "left_out": left_out},
        "settings": {"pca": pca, "seed": seed, "vectors": vectors.facts},
        **({} if has_probabilities(fitted) else {"log_loss": None}),  # of margins it would mean nothing
    }
    answers = dict(zip(plan.report["path"], probabilities))
    learnt = pd.concat([plan.learn.iloc[plan.final], vectors.taught], ignore_index=True)
    Path(out).mkdir(parents=True, exist_ok=True)
    write_text(Path(out) / "classifiers.csv", pd.DataFrame(more["choosing"]["tried"]).to_csv(index=False))
    return write_report(
        plan.report, answers, vectors.failures, labels, collection, plan.split, plan.note, learnt, Path(out), more
    )


def tune_all(
    names, x, y, folds, seed: int, workers: int, pca: int | None, progress: Progress
) -> tuple[list, dict[str, str]]:
    """The tuned classifiers, best first, and {name: cause} of those that cannot be had or fitted."""
    choices, left_out = [], {}
    with progress.task("tuning", len(names), "classifiers") as advance:
        for name in names:
            try:
                choices.append(tune(name, x, y, folds, seed, workers, pca))
            except KgenreError as error:
                left_out[name] = str(error)
            advance()
    if not choices:
        raise KgenreError(next(iter(left_out.values())))
    return sorted(choices, key=lambda choice: -choice.score), left_out


def matrix(vectors, rows: pd.DataFrame) -> np.ndarray:
    """float64 (rows, d)."""
    return np.stack([vectors.of[path] for path in rows["path"]]).astype("float64")


def check_pca(pca: int | None, n_tracks: int, n_columns: int) -> None:
    if pca and pca > min(n_tracks, n_columns):
        raise KgenreError(
            f"`--pca` must be at most the number of tracks fitted and of features. Received: {pca}, with {n_tracks} "
            f"tracks and {n_columns} features."
        )


def ranking(choosing: dict) -> str:
    """The classifiers tried, best first on the tracks chosen on."""
    judged = {"valid": "accuracy on valid", "cv": "accuracy, mean of the folds"}[choosing["on"]]
    lines = [f"  {'classifier':<12} {judged}"]
    lines += [f"  {row['classifier']:<12} {row['score']:6.1%}   {row['parameters']}" for row in choosing["tried"]]
    lines += [f"  left out: {cause}" for cause in choosing["left_out"].values()]
    return "\n".join(lines) + "\n"
