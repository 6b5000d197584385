"""Evaluation of a model on whole tracks of a collection; of a run, its exported model, which is the one served."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from kgenre.audio.policy import DEFAULT_POLICY, ReadPolicy
from kgenre.audio.settings import ReaderSettings
from kgenre.collections.settings import CollectionOptions
from kgenre.collections.splits import Collection
from kgenre.core.errors import KgenreError
from kgenre.core.files import make_output_folder
from kgenre.core.progress import SILENT, Progress
from kgenre.evaluation.protocol import evaluation_set, known_genres
from kgenre.evaluation.report import write_report
from kgenre.model.tasks import TASKS
from kgenre.serving.model import Model
from kgenre.serving.predict import TrackPrediction, predict_tracks
from kgenre.training.run import Run

Keep = Callable[[TrackPrediction], None]


def evaluate_named(
    model: Path,
    data: str | None,
    split: str,
    out: Path | None,
    workers: int,
    max_bad_share: float,
    progress: Progress = SILENT,
    policy: ReadPolicy = DEFAULT_POLICY,
    options: CollectionOptions | None = None,
    keep: Keep = lambda prediction: None,
) -> tuple[dict, Path]:
    """Evaluates the model of a run folder or of a SavedModel folder, and writes the report.

    Args:
        model: run folder, or SavedModel folder, which needs `data` and `out`.
        data: what load_collection takes; None for the run's own tracks.
        split: "train", "valid", "test" or "all".
        out: folder for the report; None for the run folder, or a folder in it for other data or another split.
        workers: decoding threads.
        max_bad_share: share of the collection that may be unusable, in [0, 1].
        policy: how tracks are read; `slices_per_track` and the number of sampled tracks are among the metrics.
        options: how `data` is read; its task is the model's, whatever they say.
        keep: as of `evaluate`.

    Returns:
        The metrics, as in metrics.json, and the folder of the report.

    Raises:
        KgenreError: as `evaluate`; or `data` or `out` is needed and missing; or `out` cannot be written.
    """
    from kgenre.collections import load_collection
    from kgenre.serving.catalogue import open_model

    opened, run = open_model(model), Run(model)
    if data:
        options = (options or CollectionOptions()).model_copy(update={"task": opened.task.name})
        seed, spec = run.load_settings().training.seed if run.begun else 0, opened.slice_spec
        collection = load_collection(data, seed=seed, progress=progress, options=options, slice_spec=spec)
        if opened.leaky:  # also where it is evaluated on other tracks
            collection = dataclasses.replace(collection, leaky=opened.leaky)
    elif run.begun:
        if "distillation" in run.load_facts():
            raise KgenreError(f"{model}: was taught on songs without genres. Name tracks that have them with --data.")
        collection = run_collection(run)
    else:
        raise KgenreError(f"{model}: a SavedModel without its run folder. Name the tracks with --data.")
    out = make_output_folder(out or _default_folder(run, data, split, policy))
    training_rows = run.training_rows("train") if run.begun else None
    settings = (workers, max_bad_share, progress, policy, keep)
    return evaluate(opened, collection, split, training_rows, out, *settings), out


def evaluate_run(run: Run, progress: Progress = SILENT) -> dict:
    """Evaluates a run's exported model on its own test tracks, read as it was trained; returns the metrics."""
    reading = run.load_settings().reader
    own = (reading.workers, reading.max_bad_share, progress, reading.policy)
    metrics, _ = evaluate_named(run.folder, None, "test", None, *own)
    return metrics


def release_memory() -> None:
    """Lets go of the networks of this process that are no longer used, for whoever trains many in turn."""
    import keras

    keras.utils.clear_session()


def read_metrics(run: Run) -> dict:
    """What `evaluate_run` wrote of a finished run."""
    return json.loads((run / "metrics.json").read_text(encoding="utf-8"))


def evaluate(
    model: Model,
    collection: Collection,
    split: str,
    training_rows: pd.DataFrame | None,
    out: Path,
    workers: int,
    max_bad_share: float,
    progress: Progress = SILENT,
    policy: ReadPolicy = DEFAULT_POLICY,
    keep: Keep = lambda prediction: None,
) -> dict:
    """Classifies the tracks of a split and writes metrics.json, report.txt and the files of its task.

    Args:
        model: serving.model.Model.
        split: "train", "valid", "test" or "all"; valid stands in, with a note, for a test split without tracks.
        training_rows: tracks that the model was fitted on, or None where they are not known.
        out: folder for the report; it exists.
        workers: decoding threads.
        max_bad_share: share of the collection that may be unusable, in [0, 1].
        policy: how tracks are read; `slices_per_track` and the number of sampled tracks are among the metrics.
        keep: called with the prediction for each track, for whoever needs its slices.

    Returns:
        The metrics, as in metrics.json.

    Raises:
        KgenreError: the split has no tracks or genres that the model does not know, or too many files are unusable.
    """
    from kgenre.audio.open_reader import open_reader, reader_versions
    from kgenre.audio.reader import check_bad_share

    tracks = known_genres(evaluation_set(collection, split), model.task)
    paths, reader = list(tracks.rows["path"]), open_reader(model.slice_spec, policy=policy)
    with progress.task(f"evaluating {tracks.split}", len(paths), "tracks") as advance:
        results = predict_tracks(model, reader, paths, workers=workers, advance=advance)
        probabilities = {}
        for result in results:
            probabilities[result.path] = result.probabilities
            keep(result)
    check_bad_share(reader.failures, len(paths), max_bad_share, len(collection.table))
    sampled = sum("sampled" in facts.flags for facts in reader.facts.values())
    more = {"slices_per_track": policy.slices_per_track, "sampled_tracks": sampled}
    more["decoder_versions"] = reader_versions(model.slice_spec, policy.decoder)
    return write_report(tracks, probabilities, reader.failures, model.task, training_rows, out, more)


def run_collection(run: Run) -> Collection:
    """The tracks of a run, with the split that it was trained with."""
    facts = run.load_facts()
    own = (facts["protocol"], facts["task"])
    return Collection(run.load_settings().data, run.load_tracks(), *own, leaky=facts["leaky"])


def reader_settings(model: Path) -> ReaderSettings:
    """How a run read its tracks; the defaults for a SavedModel folder."""
    run = Run(model)
    return run.load_settings().reader if run.begun else ReaderSettings()


def collection_defaults(model: Path) -> CollectionOptions:
    """Which genres a run reads of its collection; the defaults for a SavedModel folder.

    Not its protocol: the split of other tracks is their own. Nor, of several genres a track, how many tracks a genre
    needs: the model knows its genres, and what it does not know is ignored (protocol.known_genres).
    """
    run = Run(model)
    if not run.begun:
        return CollectionOptions()
    changes = {"protocol": None, "allow_leak": False}
    if TASKS[run.load_facts()["task"]].several:  # folds have no task of their own
        changes["min_tracks_per_genre"] = 1
    return run.load_settings().collection.model_copy(update=changes)


def _default_folder(run: Run, data: str | None, split: str, policy: ReadPolicy) -> Path:
    """The run folder for the metrics of the run; a folder in it for a split, data or way to read of one's own."""
    if not run.begun:
        raise KgenreError(
            f"{run.folder}: a SavedModel without its run folder. Name a folder for the results with --out."
        )
    own_policy = policy == run.load_settings().reader.policy
    if not data and split == "test" and own_policy:
        return run.folder
    read = [] if own_policy else [f"{policy.slices_per_track or 'all'}-slices", policy.decoder]
    return run / "-".join(["evaluation", *([Path(data).stem] if data else []), split, *read])
