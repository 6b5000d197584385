"""How long training waits for its input: from shards and from files, through tf.data and Grain.

Waiting is the time in which the loop asks for a batch, as a share of the time of the steps themselves. The reading
threads take their part of the processor from the steps, too: the processor's time of a batch without any step tells
how much, whatever else the machine does.
"""

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import functools
import statistics
import tempfile
import time
from collections.abc import Callable
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

ROUNDS, STEPS, SKIPPED = 3, 8, 3  # SKIPPED: of a round, in which the queues fill


def write_set(folder: Path, songs: list[str], rate: int) -> list[str]:
    """The songs in one shard: their paths there."""
    plan = ShardPlan.of_files(folder, 0, songs, rate)
    return [f"{plan.file}#{index}" for index in range(len(write_shard(plan)["tracks"]))]


def sources(folder: Path, settings: RunSettings) -> dict:
    """{name: () -> an iterator of batches}."""
    songs = write_songs(folder)
    members = write_set(folder, songs, settings.audio.sample_rate_hz)
    plan = TrainingPlan(len(songs), settings.cropping.crops_per_track, settings.training.batch_size, seed=0)
    labels = [number % 2 for number in range(len(songs))]

    def batches(paths: list[str], loader: str, cache_bytes: int):
        crops = TrainingCrops(TrackReader(settings.slice_spec, cache_bytes), paths, labels, plan)
        return iter(training_batches(crops, settings.reader.workers, loader))

    found = {f"shards, {loader}": functools.partial(batches, members, loader, 0) for loader in LOADERS}
    found["mp3 files that the cache holds, tf.data"] = functools.partial(batches, songs, "tf.data", 2**30)
    found["mp3 files, tf.data"] = functools.partial(batches, songs, "tf.data", 0)
    return found


def waited(model, batches) -> tuple[float, float]:
    """Seconds of waiting and of the steps, both a step."""
    waits, steps = [], []
    for _ in range(SKIPPED + STEPS):
        began = time.perf_counter()
        slices, labels = next(batches)
        got = time.perf_counter()
        float(model.train_on_batch(slices, labels)[0])
        waits.append(got - began)
        steps.append(time.perf_counter() - got)
    return float(np.mean(waits[SKIPPED:])), float(np.mean(steps[SKIPPED:]))


def processor_seconds(run: Callable) -> float:
    """Of a call: the median of some rounds; not of the first one, which takes what lay ready in queues."""
    found = []
    for _ in range(1 + ROUNDS):
        began = time.process_time()
        for _ in range(STEPS):
            run()
        found.append((time.process_time() - began) / STEPS)
    return statistics.median(found[1:])


def main(given: dict | None = None) -> None:
    """Measures with the settings of a run, the defaults but for those given."""
    settings = RunSettings.compose(given or {})
    model = compiled_model(settings, SingleLabel(("a", "b")), 100)
    with tempfile.TemporaryDirectory() as place:
        running = {name: make() for name, make in sources(Path(place), settings).items()}
        one = next(running["shards, tf.data"])
        step = processor_seconds(lambda: float(model.train_on_batch(*one)[0]))
        print(f"  {settings.arch}, batches of {len(one[0])} crops of {settings.audio.slice_seconds} s, zoom, float32")
        print(f"  a step alone takes {1000 * step:.1f} ms of the processor")
        for name, batches in running.items():
            wait, took = min((waited(model, batches) for _ in range(ROUNDS)), key=sum)
            read = processor_seconds(lambda batches=batches: next(batches))
            print(
                f"  {name:<40} waits {1000 * wait:7.1f} ms beside {1000 * took:6.1f} of a step = {wait / took:6.1%}; "
                f"a batch {1000 * read:6.1f} ms of processor = {read / step:6.1%} of a step",
                flush=True,
            )


if __name__ == "__main__":
    main()
