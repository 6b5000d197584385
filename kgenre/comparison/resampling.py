"""Bootstrap samples of the metrics of a configuration: groups of tracks are drawn, and all its seeds answer them.

A group is an artist, or a track of an unknown one. Of a sample each seed has its metrics, and their mean over the seeds
is the sample's value.
"""

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from kgenre.comparison.results import Answers
from kgenre.core.multi_label_metrics import RESAMPLES, mean_average_precision
from kgenre.core.paired import group_draws

SAMPLES = 2000  # of metrics that follow from the confusion of genres
BLOCK = 100  # samples at a time, for their confusions take memory


def resample(task: str, answers: Sequence[Answers], seed: int = 0) -> dict[str, np.ndarray]:
    """{metric: values (samples,)}, NaN where a sample has no track; the same draws for the same groups.

    Args:
        task: "single" or "multi".
        answers: of each seed, at least one.
    """
    names = sorted(set().union(*(one.groups for one in answers)))
    number = {name: i for i, name in enumerate(names)}
    codes = [np.array([number[name] for name in one.groups], int) for one in answers]
    return RESAMPLE[task](answers, codes, len(names), seed)


def _single(answers, codes, n_groups: int, seed: int) -> dict[str, np.ndarray]:
    counts = group_draws(n_groups, SAMPLES, seed)
    found = [_of_confusions(one, own, counts) for one, own in zip(answers, codes)]
    return {name: np.mean([samples[name] for samples in found], axis=0) for name in found[0]}


def _of_confusions(answers: Answers, codes: np.ndarray, counts: np.ndarray) -> dict[str, np.ndarray]:
    """Of one seed: the confusion of a sample is the sum of its groups' confusions."""
    n, truth, answer = len(answers.labels), answers.targets, answers.probabilities.argmax(axis=1)
    cells = sparse.coo_array((np.ones(len(truth)), (codes, truth * n + answer)), (counts.shape[1], n * n)).tocsr()
    blocks = [_metrics((part @ cells).reshape(-1, n, n)) for part in np.split(counts, range(BLOCK, len(counts), BLOCK))]
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}


def _metrics(confusions: np.ndarray) -> dict[str, np.ndarray]:
    """As core.metrics.track_metrics defines them: (samples, true, answered) -> (samples,) each."""
    hits = np.diagonal(confusions, axis1=1, axis2=2)
    true, answered = confusions.sum(axis=2), confusions.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        recall, f1 = hits / true, 2 * hits / (true + answered)  # NaN of labels that do not occur
        n_true, n_either = (true > 0).sum(axis=1), (true + answered > 0).sum(axis=1)
        return {
            "accuracy": hits.sum(axis=1) / true.sum(axis=1),
            "balanced_accuracy": np.nansum(recall, axis=1) / n_true,
            "macro_f1": np.nansum(f1, axis=1) / n_either,
        }


def _multi(answers, codes, n_groups: int, seed: int) -> dict[str, np.ndarray]:
    counts = group_draws(n_groups, RESAMPLES, seed)
    values = np.empty((len(answers), len(counts)))
    for i, (one, own) in enumerate(zip(answers, codes)):
        for j, times in enumerate(counts):
            rows = np.repeat(np.arange(len(own)), times[own])
            values[i, j] = mean_average_precision(one.targets[rows], one.probabilities[rows]) if len(rows) else np.nan
    return {"mean_average_precision": values.mean(axis=0)}


RESAMPLE = {"single": _single, "multi": _multi}
