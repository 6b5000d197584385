"""Peak resident memory of a training epoch over collections that are larger and larger than the cache."""

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile

RATE, SECONDS, CACHE_BYTES = 22050, 60, 32 * 2**20
SIZES = (20, 80, 320)  # 0.1, 0.4 and 1.7 GB decoded


def write_tracks(folder: Path, n_tracks: int) -> list[str]:
    """One minute of noise, linked under many names: what is decoded differs by name alone."""
    source = folder / "source.wav"
    if not source.exists():
        soundfile.write(source, 0.1 * np.random.default_rng(0).standard_normal(RATE * SECONDS), RATE)
    for number in range(n_tracks):
        path = folder / f"{number}.wav"
        if not path.exists():
            os.link(source, path)
    return [str(folder / f"{number}.wav") for number in range(n_tracks)]


def train(paths: list[str]) -> int:
    """Trains an epoch and a validation over the tracks; peak resident memory in MiB."""
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
    plan = TrainingPlan(len(paths), max(1, 640 // len(paths)), settings.training.batch_size, seed=0)
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
    with tempfile.TemporaryDirectory() as folder:
        peaks = {}
        for size in SIZES:
            write_tracks(Path(folder), size)
            command = [sys.executable, "-m", "benchmarks.memory", folder, str(size)]
            peaks[size] = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        print(f"  convpool, cache of {CACHE_BYTES >> 20} MiB, tracks of {SECONDS} s")
        for size, peak in peaks.items():
            decoded, growth = size * SECONDS * RATE * 4 >> 20, peak / peaks[SIZES[0]]
            print(f"  {size:4d} tracks, {decoded:5d} MiB decoded   peak {peak:5d} MiB   {growth:5.2f} x the smallest")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(train(write_tracks(Path(sys.argv[1]), int(sys.argv[2]))))
    else:
        main()
