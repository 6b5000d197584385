"""Averages what several runs and classic classifiers answer to the same tracks: seeds of a network, or all of them.

    python -m benchmarks.averaged models/a-0,models/a-1,models/a-2 models/baseline-vggish

Each folder has the predictions.csv of `kgenre train` or `kgenre baseline`. Folders with commas between them are
averaged first, so that three seeds of a network weigh as much as one classifier beside them. Nothing is fitted: all
weights are equal. Prints the accuracy of each folder, of each group of several, and of all, with Wilson's interval, on
the tracks that all of them answer.
"""

import argparse
import sys

import numpy as np
import pandas as pd

from benchmarks.teachers import percent
from kgenre import cli
from kgenre.cli.tables import markdown
from kgenre.core.errors import KgenreError
from kgenre.evaluation.predictions import read_predictions

HEAD = ("answers", "accuracy", "95 % interval")


def main(argv=None) -> int:
    formatter = argparse.RawDescriptionHelpFormatter
    parser = cli.Parser(prog="python -m benchmarks.averaged", description=__doc__, formatter_class=formatter)
    parser.add_argument("groups", nargs="+", metavar="FOLDER[,FOLDER...]", help="of runs or classic classifiers")
    return cli.run(_average, parser.parse_args(argv))


def _average(args: argparse.Namespace) -> int:
    groups = [group.split(",") for group in args.groups]
    folders = [folder for group in groups for folder in group]
    answers, truth = answers_of(folders)
    rows = [row(f"`{folder}`", answers[folder], truth) for folder in folders]
    means = [np.mean([answers[folder] for folder in group], axis=0) for group in groups]
    several = [(group, mean) for group, mean in zip(groups, means) if len(group) > 1]
    rows += [row(f"mean of these {len(group)}, from `{group[0]}` on", mean, truth) for group, mean in several]
    if len(groups) > 1:
        rows.append(row(f"mean of the {len(groups)} groups", np.mean(means, axis=0), truth))
    print(f"{len(truth)} tracks that all {len(folders)} answer\n\n{markdown(HEAD, rows)}")
    return 0


def answers_of(folders: list[str]) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """{folder: probabilities, (tracks, genres)} of the tracks that all answer, and the numbers of their genres."""
    found = {folder: read_predictions(folder) for folder in folders}
    paths = {folder: pd.Index(one.rows["path"]) for folder, one in found.items()}
    first, shared = found[folders[0]], paths[folders[0]]
    for folder, one in found.items():
        if one.task.several or paths[folder].has_duplicates:
            raise KgenreError(
                f"The answers must be of one genre a track, each track once. Received: others of {folder}."
            )
        if one.task.labels != first.task.labels:
            raise KgenreError(f"All must know the same genres. Received: others of {folder} than of {folders[0]}.")
        shared = shared.intersection(paths[folder], sort=False)
    if not len(shared):
        raise KgenreError("All must answer the same tracks. Received: no track that all have. Name runs on one split.")
    places = {folder: own.get_indexer(shared) for folder, own in paths.items()}
    truth = first.targets[places[folders[0]]]
    return {folder: one.probabilities[places[folder]] for folder, one in found.items()}, truth


def row(name: str, probabilities: np.ndarray, truth: np.ndarray) -> tuple[str, str, str]:
    return name, *percent(float((probabilities.argmax(axis=1) == truth).mean()), len(truth))


if __name__ == "__main__":
    sys.exit(main())
