"""Peak resident memory of a training over collections of files and of shards, all larger than the cache."""

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import itertools
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile

from kgenre.preparation.plan import ShardPlan
from kgenre.preparation.shard_writer import write_shard

RATE, SECONDS, CACHE_BYTES, STEPS = 22050, 10, 32 * 2**20, 40
SIZES = (1000, 20000)  # 0.8 and 16 GiB decoded
TRACKS_A_SHARD = 500


def write_files(folder: Path, n_tracks: int) -> list[str]:
    """Ten seconds of noise, linked under many names: what is decoded differs by name alone."""
    soundfile.write(folder / "0.wav", 0.1 * np.random.default_rng(0).standard_normal(RATE * SECONDS), RATE)
    return [link(folder, "0.wav", f"{number}.wav") for number in range(n_tracks)]


def write_shards(folder: Path, n_tracks: int) -> list[str]:
    """A shard of that noise, linked likewise."""
    (song,) = write_files(folder, 1)
    plan = ShardPlan.of_files(folder, 0, [song] * TRACKS_A_SHARD, RATE)
    write_shard(plan)
    shards = [link(folder, plan.file.name, f"{number}.shard") for number in range(-(-n_tracks // TRACKS_A_SHARD))]
    return [f"{shards[number // TRACKS_A_SHARD]}#{number % TRACKS_A_SHARD}" for number in range(n_tracks)]


def link(folder: Path, name: str, other: str) -> str:
    if name != other:
        os.link(folder / name, folder / other)
    return str(folder / other)


WRITERS = {"files": write_files, "shards": write_shards}


def train(paths: list[str]) -> int:
    """Trains some steps of an epoch and validates some tracks; peak resident memory in MiB."""
    from kgenre.audio.reader import TrackReader
    from kgenre.model.tasks.single_label import SingleLabel
    from kgenre.serving.keras_model import KerasModel
    from kgenre.serving.predict import predict_tracks
    from kgenre.training.batches import TrainingCrops
    from kgenre.training.fit import compiled_model
    from kgenre.training.loaders import training_batches
    from kgenre.training.plan import TrainingPlan
    from kgenre.training.settings import RunSettings

    settings = RunSettings.compose({})
    reader = TrackReader(settings.audio.slice_spec, CACHE_BYTES)
    # The same number of steps for every size: what grows is the collection alone.
    plan = TrainingPlan(len(paths), 4, settings.training.batch_size, seed=0, n_steps=STEPS)
    task = SingleLabel(("a", "b"))
    model = compiled_model(settings, task, plan.steps)
    dataset = training_batches(TrainingCrops(reader, paths, [i % 2 for i in range(len(paths))], plan))
    model.fit(dataset, steps_per_epoch=plan.steps, verbose=0, shuffle=False)
    for _ in predict_tracks(KerasModel(model, task, settings.audio.slice_spec), reader, paths[:40]):
        pass
    if reader.cache.used > CACHE_BYTES:
        raise RuntimeError(f"the cache holds {reader.cache.used} bytes of {CACHE_BYTES}")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def main() -> None:
    print(f"  convpool, {STEPS} steps, cache of {CACHE_BYTES >> 20} MiB, tracks of {SECONDS} s")
    peaks = {}
    for kind, size in itertools.product(WRITERS, SIZES):
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "benchmarks.memory", folder, kind, str(size)]
            peak = peaks[kind, size] = int(
                subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
            )
        growth = peak / peaks[kind, SIZES[0]]
        print(f"  {size:6d} tracks in {kind:<7} peak {peak:5d} MiB   {growth:5.3f} x the smaller", flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(train(WRITERS[sys.argv[2]](Path(sys.argv[1]), int(sys.argv[3]))))
    else:
        main()
