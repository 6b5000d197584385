"""Cross-validation of a network: a run for each fold, and their metrics together.

The folder is a run folder without a model of its own: config.json, run.json (with the number of folds), tracks.csv
with a column of splits for each fold, and fold-1/ to fold-K/, which are runs as any other. What is there of a killed
try is gone on with.
"""

import math
import statistics

import pandas as pd

import kgenre
from kgenre.collections import load_collection
from kgenre.collections.folds import check_folds, fold_collections, fold_options
from kgenre.collections.label_share import share_text
from kgenre.collections.splits import Collection
from kgenre.core.errors import KgenreError
from kgenre.core.files import write_json, write_text
from kgenre.core.metrics import wilson_interval
from kgenre.core.progress import SILENT, Progress
from kgenre.evaluation.evaluate import read_metrics, release_memory
from kgenre.evaluation.finish import train_and_evaluate
from kgenre.model.tasks import TASKS
from kgenre.training.run import Run, resume_command
from kgenre.training.settings import RunSettings
from kgenre.training.spectrograms import spec_to_cut
from kgenre.training.start import CHANGEABLE_ON_RESUME, resumed_settings


def run_folds(settings: RunSettings, run: Run, n_folds: int, progress: Progress = SILENT) -> dict:
    """Trains and evaluates each fold that is not finished, and writes folds.csv, report.txt and metrics.json.

    Args:
        settings: of every fold. Where the run has begun, its own (training.start.resumed_settings).
        run: the folder of all folds.
        n_folds: number of folds, as `folds_of` gives it.

    Returns:
        The metrics, as in metrics.json.

    Raises:
        KgenreError: too few groups for so many folds, or what a training raises.
    """
    if not run.begun:
        _begin(settings, run, n_folds, progress)
    facts, rows = run.load_facts(), []
    for number in range(1, facts["folds"] + 1):
        fold = Run(run / f"fold-{number}")
        if not fold.finished:
            progress.line(f"fold {number} of {facts['folds']}")
            _train(settings, run, fold, _collection(settings.data, run, number), progress)
        rows.append({"fold": number, **read_metrics(fold)})
    metrics = _summarise(settings.data, facts, rows)
    names = ["fold", "tracks", *_names(facts), "protocol", "overlap"]
    write_text(run / "folds.csv", pd.DataFrame(rows)[names].to_csv(index=False))
    write_text(run / "report.txt", folds_summary(metrics) + "\n")
    write_json(run / "metrics.json", metrics)  # last: it says that the run is finished
    return metrics


def folds_of(run: Run, asked: int | None, settings: RunSettings) -> int | None:
    """The number of folds of a run that has begun, or that is asked for; None of an ordinary run.

    Raises:
        KgenreError: the run has begun with another number, or folds are not possible.
    """
    begun = run.load_facts().get("folds") if run.begun else asked
    if asked not in (None, begun):
        raise KgenreError(
            f"{run.folder}: the folds of a run cannot change. Received: --folds {asked}, begun with "
            f"{begun or 'no folds'}. Leave --folds out, or start a new run."
        )
    if begun is not None:
        check_folds(settings.collection, begun)
    return begun


def _begin(settings: RunSettings, run: Run, n_folds: int, progress: Progress) -> None:
    check_folds(settings.collection, n_folds)
    seed, share = settings.training.seed, settings.training.label_share
    whole = load_collection(
        settings.data,
        seed=seed,
        progress=progress,
        options=fold_options(settings.collection),
        slice_spec=spec_to_cut(settings),
    )
    folds = fold_collections(whole, n_folds, seed, settings.collection.protocol, progress)
    # Each fold draws its own when it begins; their numbers are in its protocol.
    drawn = "" if share == 1 else f"; train tracks drawn in each fold, {share_text(share, seed)}"
    columns = {f"fold_{number}": fold.table["split"] for number, fold in enumerate(folds, 1)}
    facts = {
        "kgenre": kgenre.__version__,
        "folds": n_folds,
        "task": whole.task,
        "parents": dict(whole.parents),
        "protocol": folds[0].protocol.replace("fold 1 of", "cross-validation in") + drawn,
        "protocols": [fold.protocol for fold in folds],
        "leaky": whole.leaky,
        "asked": {},
        "bad_files": {},
    }
    run.save_setup(settings, whole.labels, whole.table.assign(**columns), facts)


def _collection(name: str, run: Run, number: int) -> Collection:
    """The tracks of a fold, as they were dealt when the run began."""
    facts, table = run.load_facts(), run.load_tracks()
    table["split"] = table[f"fold_{number}"]
    table = table[[column for column in table if not column.startswith("fold_")]]
    return Collection(name, table, facts["protocols"][number - 1], facts["task"], facts["parents"], facts["leaky"])


def _train(settings: RunSettings, run: Run, fold: Run, collection: Collection, progress: Progress) -> None:
    if fold.begun:
        own = settings.values()
        settings = resumed_settings(fold, {name: own[name] for name in CHANGEABLE_ON_RESUME})
    train_and_evaluate(settings, fold, progress, collection, resume_command(run.folder))
    release_memory()


def _names(facts: dict) -> tuple[str, ...]:
    return TASKS[facts["task"]].metrics


def _summarise(data: str, facts: dict, rows: list[dict]) -> dict:
    """Mean and standard deviation of each metric over the folds, and the accuracy of all tracks together."""
    known = {name: [row[name] for row in rows if _is_number(row[name])] for name in _names(facts)}
    metrics = {
        "data": data,
        "task": facts["task"],
        "protocol": facts["protocol"],
        "leaky": facts["leaky"],
        "folds": facts["folds"],
        "tracks": sum(row["tracks"] for row in rows),
        "mean": {name: statistics.fmean(values) for name, values in known.items() if values},
        "standard_deviation": {name: statistics.stdev(values) for name, values in known.items() if len(values) > 1},
        "per_fold": [{name: row[name] for name in ("fold", "tracks", *known, "overlap")} for row in rows],
    }
    if "accuracy" in known:
        hits = sum(round(row["accuracy"] * row["tracks"]) for row in rows)
        metrics["accuracy"] = hits / metrics["tracks"]
        metrics["accuracy_interval_95"] = wilson_interval(hits, metrics["tracks"])
    return metrics


def _is_number(value) -> bool:
    return value is not None and math.isfinite(value)


def folds_summary(metrics: dict) -> str:
    """The metrics as text: what is printed, and written to report.txt."""
    lines = [f"LEAKY: {metrics['leaky']}"] if metrics["leaky"] else []
    lines.append(f"{metrics['folds']} folds of {metrics['data']}: {metrics['tracks']} tracks, each tested once")
    if "accuracy" in metrics:
        low, high = metrics["accuracy_interval_95"]
        lines.append(f"  {'accuracy of all':<24} {metrics['accuracy']:.1%}   (95 % interval {low:.1%} to {high:.1%})")
    for name, mean in metrics["mean"].items():
        spread = metrics["standard_deviation"].get(name, math.nan)
        lines.append(
            f"  {name.replace('_', ' '):<24} {mean:.3f}   (mean of the folds; standard deviation {spread:.3f})"
        )
    lines.append(f"  {'protocol':<24} {metrics['protocol']}")
    main = next(iter(metrics["mean"]))
    lines += ["", f"  fold  tracks  {main.replace('_', ' ')}"]
    lines += [
        f"  {row['fold']:>4} {row['tracks']:>7}  {row[main]:.3f}   {row['overlap']}" for row in metrics["per_fold"]
    ]
    return "\n".join(lines)
