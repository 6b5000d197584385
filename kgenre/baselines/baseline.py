"""A baseline from vectors to report: select a classifier, fit it once more, evaluate it once on test."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from kgenre.audio.policy import AUTO
from kgenre.baselines.answers import answer_all, write_answers
from kgenre.baselines.classifiers import classifier_names
from kgenre.baselines.hyperparameters import TuningSettings, check_pca
from kgenre.baselines.model_selection import plan_selection, select_classifier
from kgenre.baselines.suspects import suspects
from kgenre.baselines.vectors import VectorRequest, Vectors, compute_part, folder_name, track_vectors
from kgenre.collections.settings import CollectionOptions
from kgenre.collections.splits import Collection, labels_of
from kgenre.core.errors import KgenreError
from kgenre.core.files import make_output_folder, write_text
from kgenre.core.progress import SILENT, Progress
from kgenre.engines.settings import EngineSettings
from kgenre.evaluation.mislabelled import FILE, write_mislabelled
from kgenre.evaluation.protocol import known_genres
from kgenre.evaluation.report import write_report


@dataclass(frozen=True)
class BaselineSettings:
    """What `kgenre baseline` is asked for.

    on: what the vectors are, as of VectorRequest.
    data: what load_collection takes.
    options: how it is read.
    classifier: a row of CLASSIFIERS, or "all".
    selection: "valid" or "cv".
    pool: one of embeddings.POOLS, or None for the mean, or for vectors that need none.
    fma_features: path of FMA's features.csv, or None.
    max_bad_share: share of the tracks that may be unusable, in [0, 1].
    tuning: PCA, seed and workers; the seed is that of the split, too.
    decoder: of the tracks whose vectors are computed.
    vectors: folder in which computed vectors are kept; None for that of the results.
    engine: where vectors are computed, and which part of them.
    layer: of the run that `on` names, whose outputs are the vectors; None for its embeddings.
    """

    on: str
    data: str
    options: CollectionOptions
    classifier: str
    selection: str
    pool: str | None
    fma_features: str | None
    max_bad_share: float
    tuning: TuningSettings
    decoder: str = AUTO
    vectors: Path | None = None
    engine: EngineSettings = EngineSettings()
    layer: str | None = None

    @property
    def folder(self) -> Path:
        """Where the results go if they are told no other place: models/baseline-VECTORS-DATA."""
        return Path("models") / f"baseline-{folder_name(self.on, self.data, self.layer)}"


def run_baseline(settings: BaselineSettings, out: Path | None, progress: Progress = SILENT) -> tuple[dict, Path]:
    """Computes or reads the vectors of a collection, and runs `baseline` on them.

    Args:
        out: folder for the results, and for vectors that are computed, unless the settings name another for these;
            None for models/baseline-VECTORS-DATA.

    Returns:
        The metrics, as in metrics.json, and the folder.

    Raises:
        KgenreError: as `baseline` and `track_vectors`; or too many tracks are unusable.
    """
    from kgenre.audio.reader import check_bad_share

    names = classifier_names(settings.classifier)
    collection, request, out = _request(settings, out, progress)
    vectors = track_vectors(request)
    check_bad_share(vectors.failures, len(collection.table), settings.max_bad_share)
    return baseline(vectors, collection, names, settings.selection, settings.tuning, out, progress), out


def vectors_file(settings: BaselineSettings, out: Path | None) -> Path:
    """The file in which the vectors that `run_baseline` computes are kept."""
    return (settings.vectors or out or settings.folder) / "features.npz"


def run_part(settings: BaselineSettings, out: Path | None, progress: Progress = SILENT) -> tuple[dict[str, str], int]:
    """Computes the part K/N of the vectors that `run_baseline` would; nothing is tuned.

    Returns:
        {path: cause} of the tracks of the part that could not be used, and the number of the others.

    Raises:
        KgenreError: as `compute_part`.
    """
    return compute_part(_request(settings, out, progress)[1])


def _request(
    settings: BaselineSettings, out: Path | None, progress: Progress
) -> tuple[Collection, VectorRequest, Path]:
    """The collection, the request for its vectors, and the folder for results, which is made."""
    from kgenre.collections import load_collection

    tuning = settings.tuning
    collection = load_collection(settings.data, seed=tuning.seed, progress=progress, options=settings.options)
    out = make_output_folder(out or settings.folder)
    own = (settings.pool, tuning.workers, settings.fma_features or published_features(settings))
    kept = make_output_folder(settings.vectors) if settings.vectors else out
    more = (progress, settings.decoder, settings.engine, settings.layer)
    return collection, VectorRequest(settings.on, collection.table, kept, *own, *more), out


def published_features(settings: BaselineSettings) -> str | None:
    """The path of the features that the authors of the dataset published, if they are asked for and there are any."""
    from kgenre.collections import DATASETS, find_dataset

    if settings.on != "fma_features" or not (found := find_dataset(settings.data)):
        return None
    name, folder = found
    features_csv = DATASETS[name].features_csv
    return str(features_csv(folder)) if features_csv else None


def baseline(
    vectors: Vectors,
    collection: Collection,
    names: list[str],
    selection: str,
    tuning: TuningSettings,
    out: Path,
    progress: Progress = SILENT,
) -> dict:
    """Tunes classifiers, fits them again, evaluates the best one once, and writes the report.

    Beside the report: classifiers.csv, the ranking of the selection; classifiers/NAME.csv, what each classifier that
    was fitted answers for the reported tracks; mislabelled.csv, the tracks of the selection by how likely they are
    mislabelled. Which is the best is decided without the reported tracks, and their answers change nothing of it.

    Args:
        vectors: of the collection's tracks; tracks without one are left out.
        names: rows of CLASSIFIERS.
        selection: "valid" or "cv".
        out: folder for the results; it exists.

    Returns:
        The metrics, as in metrics.json.

    Raises:
        KgenreError: a split without tracks, unknown genres, or no classifier that can be fitted.
    """
    usable = collection.table[collection.table["path"].isin(vectors.by_path)]
    plan = plan_selection(dataclasses.replace(collection, table=usable), selection, tuning.seed)
    task = collection.make_task(labels_of(plan.rows))
    reported = known_genres(plan.reported, task)
    x, y = vectors.matrix(plan.rows), task.targets(plan.rows)
    check_pca(tuning.pca, min(*(len(rows) for rows, _ in plan.folds), len(plan.final)), x.shape[1])
    tuned, left_out = select_classifier(names, x, y, plan.folds, tuning, progress)
    write_mislabelled(out / FILE, suspects(plan, x, y, task, tuning))
    answers, failed = answer_all(tuned, x, y, plan, vectors.matrix(reported.rows), task, tuning.workers, progress)
    if tuned[0].name in failed:
        raise KgenreError(f"{failed[tuned[0].name]} Choose another --classifier.")
    selected, validated = answers[tuned[0].name], np.concatenate([others for _, others in plan.folds])
    task = task.tuned(y[validated], selected.validated)
    write_answers(out, reported.rows, answers, task)
    pca = f", PCA {tuning.pca}" if tuning.pca else ""
    more = {
        "method": f"{tuned[0]}{pca}, on {vectors.description}; {plan.description}",
        "selection": {
            "on": selection,
            "score": task.metrics[0],
            "tried": [one.row() for one in tuned],
            "left_out": {**left_out, **failed},
        },
        "temperature": np.asarray(selected.temperature).tolist(),
        "settings": {"pca": tuning.pca, "seed": tuning.seed, "vectors": vectors.metadata},
    }
    write_text(out / "classifiers.csv", pd.DataFrame(more["selection"]["tried"]).to_csv(index=False))
    training_rows = pd.concat([plan.rows.iloc[plan.final], vectors.training_rows], ignore_index=True)
    by_path = dict(zip(reported.rows["path"], selected.asked))
    return write_report(reported, by_path, vectors.failures, task, training_rows, out, more)
