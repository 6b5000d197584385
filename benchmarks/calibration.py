"""What a temperature does to the probabilities of classifiers, in folds by artist, as a table.

    python -m benchmarks.calibration --data DIR --artists FILE --model compact --out FOLDER
    python -m benchmarks.calibration --data DIR --artists FILE --model compact --runs models/folds --out FOLDER

Songs of train and valid are answered in five folds by artist, each by a head and a temperature that know neither it nor
its artist: the temperature is fitted in folds by artist within the other four. Heads: the model's own, as `kgenre
default_head` fits it, on slices; and classifiers as `kgenre baseline --selection cv` tunes them, on a track's mean
features. Test tracks are dropped first. --runs adds a network: the folds of `kgenre train --folds`, each with the
temperature of its own valid tracks. Features are computed once, into FOLDER/MODEL-features.npz.
"""

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from benchmarks.models import DRAWS, mean_interval, train_and_valid
from benchmarks.shipped_heads import features_of
from kgenre import cli
from kgenre.audio.open_reader import open_reader
from kgenre.baselines import linear_head
from kgenre.baselines.calibration import calibrated, track_probabilities, track_temperature, validated_probabilities
from kgenre.baselines.classifiers import CLASSIFIERS
from kgenre.baselines.default_head import FITS
from kgenre.baselines.hyperparameters import TuningSettings, fit, tune
from kgenre.baselines.linear_head import SliceFeatures, find_temperature, fit_head
from kgenre.cli.tables import markdown
from kgenre.collections.grouping import group_ids, grouped_folds, numbered_neighbours
from kgenre.core.calibration import calibration_intervals, calibration_metrics, log_losses
from kgenre.core.files import make_output_folder, write_text
from kgenre.core.metrics import group_samples
from kgenre.model.aggregate import aggregate
from kgenre.model.tasks import Task, make_task
from kgenre.model.temperature import uncalibrated
from kgenre.serving.catalogue import open_model
from kgenre.serving.packaged import PACKAGED
from kgenre.serving.predict import predict_tracks
from kgenre.training.run import Run

FOLDS = 5
OWN = "its own head"
# Rows of CLASSIFIERS of different kinds: probabilities that were fitted to be such, margins, densities.
BASELINES = ("logistic", "svc_linear", "svc_rbf", "svc_poly", "lda", "bayes")
METRICS = ("log loss", "Brier", "ECE")
NAMES = (
    "head",
    "accuracy",
    "T",
    *(f"{metric}{state}" for metric in METRICS for state in ("", ", calibrated")),
    "change of log loss",
)


class Answers(NamedTuple):
    """Of tracks, each answered by a head that knows neither it nor its artist.

    truth: int (tracks,). groups: their artists. before, after: probabilities (tracks, classes) without and with a
    temperature. temperatures: of the folds.
    """

    truth: np.ndarray
    groups: np.ndarray
    before: np.ndarray
    after: np.ndarray
    temperatures: list[float]


def main(argv=None) -> int:
    form = argparse.RawDescriptionHelpFormatter
    parser = cli.Parser(prog="python -m benchmarks.calibration", description=__doc__, formatter_class=form)
    cli.add_data_flag(parser, required=True)
    parser.add_argument("--model", choices=PACKAGED, default="compact", help="of the package (default: compact)")
    parser.add_argument(
        "--heads", nargs="+", choices=(OWN, *CLASSIFIERS), default=[OWN, *BASELINES], metavar="NAME",
        help=f"'{OWN}', or classifiers of `kgenre baseline` (default: {', '.join((OWN, *BASELINES))})",
    )  # fmt: skip
    parser.add_argument("--runs", type=Path, metavar="RUN", help="the folder of `kgenre train --folds`")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="of features and table")
    cli.add_collection_flags(parser)
    return cli.run(_compare, parser.parse_args(argv))


def _compare(args: argparse.Namespace) -> int:
    out, rows = make_output_folder(args.out), train_and_valid(args)
    groups = group_ids(rows, "artist", unknown=numbered_neighbours(rows))
    features, lines = features_of(args.model, rows, out / f"{args.model}-features.npz"), []
    for name in args.heads:
        lines.append(line(name, of_folds(head_answers(name, args.model, features), rows, groups)))
        print("  ".join(lines[-1]), flush=True)
    if args.runs:
        lines.append(line(f"network {Run(args.runs).load_settings().arch}", of_runs(args.runs)))
    caption = f"{len(rows)} tracks; {FOLDS} folds by artist; 95 % intervals of a bootstrap of artists."
    text = f"{caption}\n\n{markdown(NAMES, lines)}\n"
    write_text(out / "calibration.md", text)
    print(f"\n{text}\nwritten to {out / 'calibration.md'}")
    return 0


# A head's answers: truth, groups (tracks,), row numbers to fit, row numbers to answer -> probabilities before and after
# and the temperature.
Head = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray, float]]


def head_answers(name: str, model: str, features: SliceFeatures) -> Head:
    if name == OWN:
        return lambda *tracks: own_head(features, FITS[model].classifiers, *tracks)
    means = [features.x[(features.track == track) & features.unaltered] for track in range(features.track.max() + 1)]
    x = np.stack([slices.mean(axis=0) for slices in means])
    return lambda *tracks: classifier(name, x, *tracks)


def own_head(features: SliceFeatures, classifiers, truth, groups, fitted_on, others):
    mask = np.isin(np.arange(len(truth)), fitted_on)
    head, given = fit_head(features, truth, mask, classifiers), (features, truth, mask, groups, classifiers)
    temperature = find_temperature(*given)
    before, after = (linear_head.track_probabilities(features, head, others, t) for t in (1.0, temperature))
    return before, after, temperature


def classifier(name: str, x: np.ndarray, truth, groups, fitted_on, others):
    task = make_task("single", [str(number) for number in range(truth.max() + 1)])
    own, y = x[fitted_on], truth[fitted_on]
    folds = list(grouped_folds(y, groups[fitted_on], FOLDS, seed=0))
    tuned = tune(name, own, y, folds, TuningSettings())
    temperature = track_temperature(*validated_probabilities(tuned, own, y, folds, task), task)
    before = track_probabilities(fit(tuned, own, y), x[others], task)
    return before, calibrated(before, temperature, task), temperature


def of_folds(head: Head, rows: pd.DataFrame, groups: np.ndarray) -> Answers:
    labels, truth = np.unique(rows["genre"].to_numpy(dtype=object), return_inverse=True)
    before, after = np.empty((2, len(rows), len(labels)))
    temperatures = []
    for fitted_on, others in grouped_folds(truth, groups, FOLDS, seed=0):
        before[others], after[others], temperature = head(truth, groups, fitted_on, others)
        temperatures.append(temperature)
    return Answers(truth, groups, before, after, temperatures)


def of_runs(folder: Path) -> Answers:
    """Of the test tracks of each fold, by its exported model, and with its temperature divided out."""
    parts, rows, task = [], [], None
    for fold in range(1, Run(folder).load_facts()["folds"] + 1):
        run = Run(folder / f"fold-{fold}")
        tested = run.load_tracks().query("split == 'test'")
        model, task = open_model(run.folder), run.load_task()
        by_path = track_answers(model, list(tested["path"]), run, task)
        tested = tested[tested["path"].isin(by_path)]
        rows.append(tested)
        parts.append((task.targets(tested), *map(np.stack, zip(*(by_path[path] for path in tested["path"])))))
    table = pd.concat(rows, ignore_index=True)
    truth, before, after = map(np.concatenate, zip(*parts))
    temperatures = [Run(folder / f"fold-{fold}").temperature for fold in range(1, len(parts) + 1)]
    return Answers(truth, group_ids(table, "artist", unknown=numbered_neighbours(table)), before, after, temperatures)


def track_answers(model, paths: Sequence[str], run: Run, task: Task) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """{path: probabilities before and after}."""
    reader = open_reader(model.slice_spec, policy=run.load_settings().reader.policy)
    return {
        result.path: (
            aggregate(uncalibrated(task, result.slices.probabilities, run.temperature)),
            result.probabilities,
        )
        for result in predict_tracks(model, reader, paths)
    }


def line(name: str, answers: Answers) -> tuple[str, ...]:
    """The row of a table, as NAMES."""
    truth, groups, before, after, temperatures = answers
    cells = [with_intervals(truth, probabilities, groups) for probabilities in (before, after)]
    change = log_losses(truth, after) - log_losses(truth, before)
    low, high = mean_interval(change, group_samples(groups, DRAWS))
    accuracy = (after.argmax(axis=1) == truth).mean()
    pairs = (cell for pair in zip(*cells) for cell in pair)
    difference = f"{change.mean():+.3f} ({low:+.3f} to {high:+.3f})"
    return (name, f"{accuracy:.1%}", f"{np.median(temperatures):.2f}", *pairs, difference)


def with_intervals(truth: np.ndarray, probabilities: np.ndarray, groups: np.ndarray) -> list[str]:
    """Log loss, Brier score and calibration error as text."""
    intervals = calibration_intervals(truth, probabilities, groups)
    found = calibration_metrics(truth, probabilities)
    return [f"{found[name]:.3f} ({low:.3f} to {high:.3f})" for name, (low, high) in intervals.items()]


if __name__ == "__main__":
    sys.exit(main())
