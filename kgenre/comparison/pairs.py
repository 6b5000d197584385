"""Paired tests between the rows of the table: which differences are more than the choice of the evaluated tracks."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kgenre.comparison.resampling import resample
from kgenre.comparison.results import Answers, Result
from kgenre.core.metrics import percentile_interval
from kgenre.core.paired import holm, mcnemar
from kgenre.model.tasks import Task


@dataclass(frozen=True)
class Pair:
    """Two configurations on the same evaluated tracks.

    difference: of the main metric, first minus second, of the means over the seeds. interval: its 95 % interval.
    only_first, only_second, p: McNemar's test of the answers of the mean probabilities over the seeds; None where a
        track has several genres. p_holm: corrected for all pairs of the table.
    tracks, seeds: that both are compared on.
    """

    first: str
    second: str
    tracks: int
    seeds: int
    difference: float
    interval: list[float] | None
    only_first: int | None = None
    only_second: int | None = None
    p: float | None = None
    p_holm: float | None = None


def compare_pairs(task: str, metric: str, results: Sequence[Result]) -> list[Pair]:
    """Every pair of configurations, on the evaluated tracks that all of them answered with all their common seeds.

    Args:
        task: "single" or "multi". metric: its main one.
        results: with at least one finished seed each.
    """
    common = _common(results)
    if not common or len(results) < 2:
        return []
    answers = [[Answers.of(result.predictions[seed]).on(paths) for seed, paths in common.items()] for result in results]
    samples = [resample(task, own)[metric] for own in answers]
    means = [_mean([result.predictions[seed].task for seed in common], own) for result, own in zip(results, answers)]
    right = [_right(own) for own in answers] if task == "single" else []
    n_tracks = len(set().union(*common.values()))
    pairs, tests = list(itertools.combinations(range(len(results)), 2)), []
    if right:
        tests = [mcnemar(right[i], right[j]) for i, j in pairs]
        corrected = holm([p for *_, p in tests])
        tests = [(*test, float(p)) for test, p in zip(tests, corrected)]
    return [
        Pair(
            results[i].name,
            results[j].name,
            n_tracks,
            len(common),
            float(means[i] - means[j]),
            percentile_interval(samples[i] - samples[j]),
            *(tests[number] if tests else ()),
        )
        for number, (i, j) in enumerate(pairs)
    ]


def _common(results: Sequence[Result]) -> dict[int, list[str]]:
    """{seed: paths in order} that every result has."""
    seeds = sorted(set.intersection(*(set(result.predictions) for result in results))) if results else []
    paths = {
        seed: sorted(set.intersection(*(set(result.predictions[seed].rows["path"]) for result in results)))
        for seed in seeds
    }
    return {seed: own for seed, own in paths.items() if own}


def _mean(tasks: Sequence[Task], answers: Sequence[Answers]) -> float:
    return float(np.mean([task.score(own.targets, own.probabilities) for task, own in zip(tasks, answers)]))


def _right(answers: Sequence[Answers]) -> np.ndarray:
    """Whether the mean probabilities over the seeds give the true genre: bool, of the tracks in order of their paths.

    A track is in it once, however many seeds tested it: their answers to it are alike, and would count as many tracks.
    """
    labels = sorted(set().union(*(one.labels for one in answers)))
    sums, truth = {}, {}
    for one in answers:
        columns = [labels.index(label) for label in one.labels]
        for path, target, probabilities in zip(one.paths, one.targets, one.probabilities):
            total = sums.setdefault(path, np.zeros(len(labels)))
            total[columns] += probabilities
            truth[path] = columns[int(target)]
    return np.array([sums[path].argmax() == truth[path] for path in sorted(sums)])
