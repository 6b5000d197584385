"""Robustness: how much of its accuracy a model keeps where its tracks are altered.

Of each track in a sample, every condition's version is cut into slices and predicted as a track of its own. The
difference of the main metric to the untouched tracks has an interval from a paired bootstrap: the same tracks are drawn
for both.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kgenre.audio.decoders import AudioError
from kgenre.audio.policy import AUTO
from kgenre.audio.slicing import cut_slices
from kgenre.audio.track import read_samples
from kgenre.core.metrics import group_samples, percentile_interval
from kgenre.core.parallel import map_in_order
from kgenre.core.progress import SILENT, Progress
from kgenre.evaluation.alterations import CONDITIONS, FULL_RATE, UNTOUCHED, Condition
from kgenre.model.aggregate import aggregate
from kgenre.model.tasks import Task
from kgenre.serving.model import Model
from kgenre.training.distillation.renditions import middle

MOST_SECONDS = 60.0  # of a track, from its middle: all conditions of a long one would take as long as a collection
RESAMPLES = {False: 1000, True: 200}  # by Task.several: an average precision of every label takes its time
ROWS = (UNTOUCHED, *CONDITIONS)


@dataclass(frozen=True)
class Answers:
    """What a model gave for altered tracks.

    used: numbers of the tracks among those that were asked for, int64 (tracks,).
    probabilities: float32 (conditions, tracks, labels), in the order of ROWS.
    failures: {path: cause} of the tracks that could not be read.
    """

    used: np.ndarray
    probabilities: np.ndarray
    failures: dict[str, str]


def stratified(strata: np.ndarray, n: int, seed: int) -> np.ndarray:
    """Numbers of `n` tracks, of each stratum its share of all, drawn: int64 (at most n,), ascending.

    Args:
        strata: int (tracks,), as Task.strata gives them.
    """
    rng, keys = np.random.default_rng(seed), np.empty(len(strata))
    for stratum in np.unique(strata):
        rows = np.flatnonzero(strata == stratum)
        # Spread evenly over [0, 1): the lowest n keys hold the same share of each stratum.
        keys[rng.permutation(rows)] = (np.arange(len(rows)) + rng.random()) / len(rows)
    return np.sort(np.argsort(keys, kind="stable")[:n])


def ask_altered(
    model: Model,
    paths: Sequence[str],
    seed: int = 0,
    workers: int = 2,
    decoder: str = AUTO,
    progress: Progress = SILENT,
) -> Answers:
    """Asks a model for tracks under all conditions of ROWS, one track at a time.

    Args:
        model: of waveforms, that answers slices.
        paths: audio files.
        seed: of the noise, which depends on it and on the track's number alone: louder noise is the same, louder.
        workers: threads that alter.
    """
    used, rows, failures = [], [], {}
    with progress.task("robustness", len(paths), "tracks") as advance:
        for number, path in enumerate(paths):
            try:
                rows.append(_ask_track(model, path, [seed, number], workers, decoder))
                used.append(number)
            except AudioError as error:
                failures[path] = error.cause
            advance()
    shape = (len(used), len(ROWS), len(model.labels))
    return Answers(np.array(used, "int64"), np.reshape(rows, shape).transpose(1, 0, 2), failures)


def _ask_track(model: Model, path: str, seed: list[int], workers: int, decoder: str) -> np.ndarray:
    """float32 (conditions, labels)."""
    import soxr

    spec, part = model.slice_spec, middle(path, MOST_SECONDS, decoder)
    rates = {spec.sample_rate, FULL_RATE}
    read = {rate: read_samples(part, rate, MOST_SECONDS, decoder).samples for rate in rates}

    def slices(condition: Condition) -> np.ndarray:
        rate = FULL_RATE if condition.full_rate else spec.sample_rate
        altered = condition.alter(read[rate], rate, np.random.default_rng(seed))
        if rate != spec.sample_rate:
            altered = np.clip(soxr.resample(altered, rate, spec.sample_rate, quality="HQ"), -1.0, 1.0)
        return cut_slices(altered.astype("float32"), spec)

    return np.stack([aggregate(model(cut).probabilities) for cut in map_in_order(slices, ROWS, workers)])


def compared(task: Task, targets: np.ndarray, probabilities: np.ndarray, groups: np.ndarray, seed: int = 0) -> list:
    """The main metric of each condition, and its difference to that of the first one, the untouched tracks.

    Args:
        targets: of the tracks, as the task gives them.
        probabilities: (conditions, tracks, labels).
        groups: object (tracks,), drawn together.

    Returns:
        For each condition a dict: score; difference to the first and its difference_interval_95 (None of the first);
        same, the share of the tracks whose answer is that of the untouched track.
    """
    samples = list(group_samples(groups, RESAMPLES[task.several], seed))

    def score(answers: np.ndarray, rows=slice(None)) -> float:
        return float(task.score(targets[rows], answers[rows]))

    plain, answers = probabilities[0], task.main(probabilities)
    drawn = [score(plain, rows) for rows in samples]
    found = []
    for number, altered in enumerate(probabilities):
        own = {"score": score(altered), "difference": None, "difference_interval_95": None}
        if number:
            changes = [score(altered, rows) - base for rows, base in zip(samples, drawn)]
            own["difference"] = own["score"] - score(plain)
            own["difference_interval_95"] = percentile_interval(changes)
        found.append({**own, "same": float((answers[number] == answers[0]).mean())})
    return found
