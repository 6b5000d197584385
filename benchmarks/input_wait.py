"""How long training waits for its input: from files and from shards, through tf.data and Grain.

Waiting is the time in which the loop asks for a batch, as a share of the time of the steps themselves; the reading
threads take their part of the processor from the steps too, so the whole is compared with steps on one batch.
"""

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.pipeline import write_songs
from kgenre.audio.reader import TrackReader
from kgenre.model.tasks.single_label import SingleLabel
from kgenre.preparation.plan import ShardPlan
from kgenre.preparation.shard_writer import write_shard
from kgenre.training.batches import TrainingCrops
from kgenre.training.fit import compiled_model
from kgenre.training.loaders import LOADERS, training_batches
from kgenre.training.plan import TrainingPlan
from kgenre.training.settings import RunSettings

ROUNDS, STEPS, SKIPPED = 4, 12, 4  # SKIPPED: of a round, in which the queues fill


def write_set(folder: Path, songs: list[str], rate: int) -> list[str]:
    """The songs in one shard: their paths there."""
    plan = ShardPlan(str(folder), 0, tuple((i, song, 0) for i, song in enumerate(songs)), rate, "auto")
    return [f"{plan.file}#{index}" for index in range(len(write_shard(plan)["tracks"]))]


def sources(folder: Path, settings: RunSettings) -> dict:
    """{name: () -> batches}; None of the one batch again and again."""
    songs = write_songs(folder)
    members = write_set(folder, songs, settings.audio.sample_rate_hz)
    plan = TrainingPlan(len(songs), settings.training.crops_per_track, settings.training.batch_size, seed=0)
    labels = [number % 2 for number in range(len(songs))]

    def batches(paths: list[str], loader: str, cache_bytes: int):
        crops = TrainingCrops(TrackReader(settings.slice_spec, cache_bytes), paths, labels, plan)
        return iter(training_batches(crops, settings.reader.workers, loader))

    found = {"one batch": None}
    for loader in LOADERS:
        found[f"shards, {loader}"] = lambda loader=loader: batches(members, loader, 0)
        found[f"mp3 files, {loader}"] = lambda loader=loader: batches(songs, loader, 0)
    found["mp3 files that the cache holds, tf.data"] = lambda: batches(songs, "tf.data", 2**30)
    return found


def waited(model, batches, one: tuple) -> tuple[float, float]:
    """Seconds of waiting and of the steps, both a step."""
    waits, steps = [], []
    for _ in range(SKIPPED + STEPS):
        began = time.perf_counter()
        slices, labels = next(batches) if batches else one
        got = time.perf_counter()
        float(model.train_on_batch(slices, labels)[0])
        waits.append(got - began)
        steps.append(time.perf_counter() - got)
    return float(np.mean(waits[SKIPPED:])), float(np.mean(steps[SKIPPED:]))


def main() -> None:
    settings = RunSettings.compose({})
    model = compiled_model(settings, SingleLabel(("a", "b")), 100)
    rng, shape = np.random.default_rng(0), settings.slice_spec.shape
    one = (0.1 * rng.standard_normal((settings.training.batch_size, *shape), dtype="float32"), rng.integers(0, 2, 32))
    with tempfile.TemporaryDirectory() as place:
        ways = sources(Path(place), settings)
        running = {name: make and make() for name, make in ways.items()}
        found = {name: [] for name in ways}
        for _ in range(ROUNDS):  # in turns, so that a noisy neighbour disturbs all alike
            for name, batches in running.items():
                found[name].append(waited(model, batches, one))
    base = min(step for _, step in found["one batch"])
    print(f"  convpool, batches of {len(one[0])} crops of {settings.audio.slice_seconds} s, zoom, float32")
    for name, pairs in found.items():
        wait, step = min(pairs, key=sum)
        print(
            f"  {name:<44} {1000 * step:7.1f} ms a step, waits {1000 * wait:7.1f} ms = {wait / step:5.1%} of it   "
            f"whole {(wait + step) / base:5.2f} x one batch"
        )


if __name__ == "__main__":
    main()
