"""`kgenre predict` through LiteRT and through TensorFlow: latency and memory of one song, a folder, the variants.

    python -m benchmarks.runtimes [FILES]     # of the folder; 1000 if not given

Seconds of the processor stand beside those of the clock: they say as much on a machine that has other work.
"""

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

from benchmarks.timing import best_rates
from kgenre.audio.reader import TrackReader
from kgenre.model.tasks import DEFAULT_TASK, make_task
from kgenre.serving.catalogue import open_model
from kgenre.serving.exporters import export_model
from kgenre.serving.exporters.quantizations import QUANTIZATIONS
from kgenre.serving.litert_model import LitertModel
from kgenre.serving.packaged import PACKAGED
from kgenre.serving.predict import predict_tracks

RATE, SONG_SECONDS, SHORT_SECONDS, ROUNDS = 44100, 30, 3, 3
RUNTIMES = ("litert", "tensorflow")


def write_songs(folder: Path, files: int) -> tuple[str, list[str]]:
    """A song of 30 s, and short files: one of 3 s, linked under many names."""
    noise = 0.1 * np.random.default_rng(0).standard_normal((RATE * SONG_SECONDS, 2))
    soundfile.write(folder / "song.flac", noise, RATE)
    soundfile.write(folder / "0.flac", noise[: RATE * SHORT_SECONDS], RATE)
    for number in range(1, files):
        os.link(folder / "0.flac", folder / f"{number}.flac")
    return str(folder / "song.flac"), [str(folder / f"{number}.flac") for number in range(files)]


def usage(arguments: list[str]) -> tuple[float, float, float]:
    """Wall seconds, processor seconds and peak MiB of a Python process."""
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"{arguments}: exit status {status}")
    return time.perf_counter() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def show_one_song(song: str) -> None:
    commands = {"import tensorflow": ["-c", "import tensorflow"]}
    commands |= {f"predict SONG, {name}": ["-m", "kgenre.predict", song, "--runtime", name] for name in RUNTIMES}
    found = {name: [usage(arguments) for _ in range(ROUNDS)] for name, arguments in commands.items()}
    best = {name: np.min(values, axis=0) for name, values in found.items()}
    for name, values in best.items():
        ratios = values / best["import tensorflow"]
        print(f"  {name:<26} {values[0]:6.2f} s  {values[1]:6.2f} s processor  {values[2]:6.0f} MiB", end="")
        print("   {:5.2f}  {:5.2f}  {:5.2f} x import tensorflow".format(*ratios))


def show_folder(paths: list[str]) -> None:
    models = {name: open_model(runtime=name) for name in RUNTIMES}

    def predict(model) -> int:
        return len(list(predict_tracks(model, TrackReader(model.slice_spec), paths)))

    for clock, what in ((time.perf_counter, "s"), (time.process_time, "s of processor")):
        rates = best_rates({name: lambda m=model: predict(m) for name, model in models.items()}, 2, clock)
        for name, rate in rates.items():
            print(f"  {name:<26} {rate:7.1f} files a {what:<15} {rate / rates['tensorflow']:5.2f} x tensorflow")


def show_variants(folder: Path) -> None:
    settings, labels = PACKAGED["compact"].settings()
    network, task = PACKAGED["compact"].build(), make_task(DEFAULT_TASK, labels)
    files = {name: folder / f"{name}.tflite" for name in QUANTIZATIONS}
    for name, path in files.items():
        export_model(network, task, settings.slice_spec, path, "litert", quantization=name)
    slices = 0.1 * np.random.default_rng(1).standard_normal((8, *settings.slice_spec.shape)).astype("float32")
    models = {name: LitertModel(path) for name, path in files.items()}
    rates = best_rates(
        {name: lambda m=model: len(m(slices).embeddings) for name, model in models.items()}, 4, time.process_time
    )
    for name, rate in rates.items():
        size = files[name].stat().st_size
        print(
            f"  {name:<10} {size / 1e6:5.2f} MB   {rate:6.1f} slices a s of processor   {rate / rates['none']:5.2f} x"
        )


def main(files: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        song, paths = write_songs(Path(folder), files)
        open_model(runtime="tensorflow")  # which the first use exports
        show_one_song(song)
        print(f"  {files} files of {SHORT_SECONDS} s:")
        show_folder(paths)
        print("  the default model as .tflite files:")
        show_variants(Path(folder))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
