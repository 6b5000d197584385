"""Embedding by Ray against this process: tracks a second on the same cores, and memory as the collection grows.

    python -m benchmarks.engines                      # 200 and 2 000 tracks of a second
    python -m benchmarks.engines --tracks 40 --more 80 --seconds 10

Each measurement is a process of its own, one after the other, local and Ray in turn. A rate is counted from the first
track that is done to the last: what Ray takes to start is told beside it. Memory is the driver's, and what the object
store of the node has touched.
"""

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import soundfile

from kgenre.audio.policy import DEFAULT_POLICY
from kgenre.core.progress import Progress

RATE = 22050
DIFFERENT = 20  # songs; the others are links to them


class Clock(Progress):
    """Notes when tracks are done."""

    def __init__(self):
        self.times, self.done = [], []

    @contextlib.contextmanager
    def task(self, title, total, unit, done=0):
        def advance(n=1, **more):
            self.times.append(time.monotonic())
            self.done.append(n)

        yield advance

    @property
    def rate(self) -> float:
        """Tracks a second, after the first that were told."""
        return sum(self.done[1:]) / (self.times[-1] - self.times[0])


class Memory(threading.Thread):
    """Samples the memory of this process, and what the object store of its node has touched, in MiB."""

    def __init__(self):
        super().__init__(daemon=True)
        self.driver, self.store, self.ended = 0.0, 0.0, threading.Event()

    def run(self) -> None:
        own = psutil.Process()
        while not self.ended.wait(0.5):
            self.driver = max(self.driver, own.memory_info().rss / 2**20)
            with contextlib.suppress(psutil.NoSuchProcess):
                raylets = [child for child in own.children(recursive=True) if child.name() == "raylet"]
                self.store = max([self.store, *(child.memory_info().shared / 2**20 for child in raylets)])


def measure(engine: str, folder: Path, cores: int) -> dict:
    """Embeds a folder of songs by an engine; {"rate", "seconds", "driver", "store"}."""
    from kgenre.embeddings.extract import embed, song_rows
    from kgenre.engines.settings import EngineSettings
    from kgenre.serving.catalogue import open_model
    from kgenre.serving.model_source import ModelSource

    rows, clock, memory = song_rows([str(folder)]), Clock(), Memory()
    memory.start()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as out:
        more = {"engine": EngineSettings(engine=engine), "source": ModelSource()}
        embed(open_model(), rows, Path(out) / "out.npz", cores, DEFAULT_POLICY, clock, **more)
    seconds = time.monotonic() - begun
    memory.ended.set()
    memory.join()
    return {"rate": clock.rate, "seconds": seconds, "driver": memory.driver, "store": memory.store}


def make_songs(folder: Path, tracks: int, seconds: float) -> Path:
    """A folder of songs, most of them links to the first ones."""
    rng = np.random.default_rng(0)
    place = folder / str(tracks)
    place.mkdir()
    for number in range(tracks):
        file = place / f"{number:05d}.flac"
        if number < DIFFERENT:
            soundfile.write(file, 0.1 * rng.standard_normal(round(seconds * RATE)).clip(-5, 5), RATE)
        else:
            file.symlink_to(place / f"{number % DIFFERENT:05d}.flac")
    return place


def in_process(engine: str, folder: Path, cores: int) -> dict:
    command = [sys.executable, "-m", "benchmarks.engines", "--measure", engine, str(folder), "--cores", str(cores)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])


def main(argv=None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tracks", type=int, default=200)
    parser.add_argument("--more", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=1.0, help="of a track")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--cores", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--measure", nargs=2, metavar=("ENGINE", "FOLDER"), help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.measure:
        print(json.dumps(measure(args.measure[0], Path(args.measure[1]), args.cores)))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        few, many = (make_songs(Path(folder), count, args.seconds) for count in (args.tracks, args.more))
        pairs = [[in_process(engine, few, args.cores) for engine in ("local", "ray")] for _ in range(args.repeats)]
        ratios = [ray["rate"] / local["rate"] for local, ray in pairs]
        shown = ", ".join(f"{ratio:.2f}" for ratio in ratios)
        starts = [ray["seconds"] - args.tracks / ray["rate"] for _, ray in pairs]
        print(f"tracks a second, Ray / local, {args.cores} cores: {statistics.median(ratios):.2f} ({shown})")
        print(f"what Ray takes beside: {statistics.median(starts):.0f} s")
        large = in_process("ray", many, args.cores)
        for name in ("driver", "store"):
            small = pairs[-1][1][name]
            print(f"peak of the {name}, MiB: {small:.0f} with {args.tracks}, {large[name]:.0f} with {args.more} tracks")
    return 0


if __name__ == "__main__":
    sys.exit(main())
