"""What a grid will cost: parameters and multiply-accumulates of each network, and the time of a row.

A few training steps are timed on noise of the run's own shapes, and a few tracks are decoded; the rest is counting.
"""

import dataclasses
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kgenre.audio.inputs import SPECTROGRAM
from kgenre.collections.label_share import draw_labelled
from kgenre.collections.splits import Collection, trainable_genres
from kgenre.comparison.process import call_in_process
from kgenre.core.errors import KgenreError
from kgenre.core.progress import SILENT, Progress
from kgenre.training.settings import RunSettings

STEPS = 3  # that are timed, after one that compiles
DECODED = 6  # tracks
STARTS = 3  # of a network in a row's life: to train, to export, to check the export


@dataclass(frozen=True)
class Cost:
    """Of a row of one configuration.

    macs: multiply-accumulates of a slice; macs_per_second: of a second of audio, None where its length is not known.
    epoch_seconds: of training and validation; with `epochs` of them at most.
    other_seconds: start, decoding, export, evaluation.
    """

    parameters: int
    macs: int
    macs_per_second: float | None
    step_seconds: float
    epoch_seconds: float
    epochs: int
    other_seconds: float

    @property
    def seconds(self) -> float:
        """Of the row, where training does not stop early."""
        return self.epochs * self.epoch_seconds + self.other_seconds

    def values(self) -> dict:
        return dataclasses.asdict(self)


def estimate_costs(
    settings: dict[str, RunSettings], collection: Collection, progress: Progress = SILENT
) -> tuple[dict[str, Cost], dict[str, str]]:
    """The cost of each configuration, measured one after the other in a process that ends with it, on TensorFlow.

    Args:
        settings: of a row of each configuration.
        collection: that they learn.

    Returns:
        {configuration: Cost}, and {configuration: cause} of those that could not be measured.
    """
    with progress.task("estimating", len(settings), "networks") as advance:
        found = {}
        each = [(own, collection) for own in settings.values()]
        measured = call_in_process(measure_cost, each, KERAS_BACKEND="tensorflow")  # whose graph is counted
        for name, cost in zip(settings, measured):
            found[name] = cost
            advance()
    causes = {name: str(cost) for name, cost in found.items() if isinstance(cost, KgenreError)}
    return {name: cost for name, cost in found.items() if name not in causes}, causes


def measure_cost(settings: RunSettings, collection: Collection) -> Cost:
    """The cost of a run, on this machine.

    Raises:
        KgenreError: the network cannot be built, or not with this batch size.
    """
    began = time.monotonic()
    import tensorflow as tf

    from kgenre.audio.open_reader import open_reader
    from kgenre.comparison.macs import count_macs, without_weights
    from kgenre.evaluation.evaluate import release_memory
    from kgenre.training.fit import compiled_model
    from kgenre.training.plan import training_plan

    loaded = time.monotonic() - began
    tf.get_logger().setLevel("ERROR")  # TensorFlow warns that each network is compiled
    genres = trainable_genres(collection.table, collection.name)
    tracks, _ = draw_labelled(collection.table, settings.training.label_share, settings.training.seed)
    collection = dataclasses.replace(collection, table=tracks)
    settings = _settled(settings, collection)
    rows = {split: collection.rows(split) for split in ("train", "valid", "test")}
    task = collection.make_task(genres)
    targets = task.targets(rows["train"])
    paths = list(rows["train"]["path"])
    reader = open_reader(settings.slice_spec, policy=settings.reader.policy)
    plan = training_plan(settings, task.strata(targets), reader, paths)
    read_seconds, slices = _reading(settings, paths)
    began = time.monotonic()
    try:
        model = compiled_model(without_weights(settings), task, plan.steps)
        first, step, slice_seconds = _steps(model, settings, task, targets)
    except (tf.errors.OpError, MemoryError) as error:
        raise KgenreError(f"a training step failed: {str(error).splitlines()[0]}") from error
    started = time.monotonic() - began - STEPS * step
    counts = {split: len(table) for split, table in rows.items()}
    forward = counts["valid"] * slices + min(plan.steps, 16) * settings.training.batch_size
    reading = read_seconds * sum(counts.values()) / settings.reader.workers
    cost = Cost(
        parameters=model.count_params(),
        macs=count_macs(settings, len(task.labels)),
        macs_per_second=None,
        step_seconds=step,
        epoch_seconds=plan.steps * step + forward * slice_seconds,
        epochs=settings.training.epochs,
        other_seconds=loaded + STARTS * started + reading + counts["test"] * slices * slice_seconds,
    )
    release_memory()
    spec = settings.slice_spec
    known = settings.input != SPECTROGRAM or spec.sample_rate != 1.0
    return dataclasses.replace(cost, macs_per_second=cost.macs * spec.sample_rate / spec.hop_samples if known else None)


def _settled(settings: RunSettings, collection: Collection) -> RunSettings:
    """The settings with those that spectrograms settle."""
    if settings.input != SPECTROGRAM:
        return settings
    from kgenre.audio.spectrogram_reader import check_spectrograms
    from kgenre.training.spectrograms import settle_spectrograms

    paths = _some(list(collection.rows("train")["path"]), 64)
    failures, shapes = check_spectrograms(paths, settings.reader.workers, settings.spectrogram.n_bins, lambda: None)
    return settings.replace(**settle_spectrograms(settings, [path for path in paths if path not in failures], shapes))


def _some(paths: Sequence[str], n: int) -> list[str]:
    """At most n, evenly spread."""
    return [paths[i] for i in np.unique(np.linspace(0, len(paths) - 1, min(n, len(paths))).astype(int))]


def _reading(settings: RunSettings, paths: Sequence[str]) -> tuple[float, float]:
    """Seconds of decoding a track, and its slices; the means of a few tracks."""
    from kgenre.audio.decoders import AudioError
    from kgenre.audio.open_reader import open_reader

    reader, seconds, slices = open_reader(settings.slice_spec, policy=settings.reader.policy), [], []
    for path in _some(paths, DECODED):
        began = time.monotonic()
        try:
            slices.append(sum(1 for _ in reader.slices(path)))
        except AudioError:  # training leaves it out
            continue
        seconds.append(time.monotonic() - began)
    return (statistics.fmean(seconds), statistics.fmean(slices)) if seconds else (0.0, 1.0)


def _steps(model, settings: RunSettings, task, targets: np.ndarray) -> tuple[float, float, float]:
    """Seconds of the first training step, of another, and of a slice in validation."""
    from kgenre.training.fit import augmentations_of

    n, shape = settings.training.batch_size, settings.slice_spec.shape
    x = np.random.default_rng(0).standard_normal((n, *shape)).astype("float32") * 0.1
    targets = task.shares(targets) if augmentations_of(settings, "batch") else targets
    y = targets[np.resize(np.arange(len(targets)), n)]
    first, *steps = (_timed(lambda: model.train_on_batch(x, y)) for _ in range(1 + STEPS))
    _, *forward = (_timed(lambda: model.predict_on_batch(x)) for _ in range(3))
    return first, statistics.median(steps), min(forward) / n


def _timed(call) -> float:
    began = time.monotonic()
    call()
    return time.monotonic() - began
