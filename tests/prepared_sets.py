"""Prepared sets for tests: a collection of real files of several formats, and kills of the process that prepares it.

python tests/prepared_sets.py DATA FOLDER     prepares, as the process that is killed
"""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from audio_files import music, write_av, write_sound

RATE = 22050
SUFFIXES = (".mp3", ".ogg", ".flac", ".wav", ".m4a", ".opus")
GENRES = ("a", "b")
OPTIONS = ("--shard-mb", "1", "--workers", "2", "--max-bad-share", "0.5")
# As sitecustomize.py, of a process and its workers: once a shard is there, each waits at its next track to be killed.
HELD = """
import time
from kgenre.preparation.shard_writer import ShardWriter

add = ShardWriter.add

def held(self, number, source):
    while any(self.plan.file.parent.glob("shard-*.shard")):
        time.sleep(0.05)
    add(self, number, source)

ShardWriter.add = held
"""
COMMAND = "import sys; from kgenre.__main__ import main; sys.exit(main(sys.argv[1:]))"


def write_collection(folder: Path, n_tracks: int = 12, seconds: float = 6.0) -> Path:
    """Songs of SUFFIXES in turn, stereo at 44.1 or 48 kHz, each `seconds` and a little; the manifest."""
    folder.mkdir()
    rows = ["path,genre,split,artist,track_id"]
    for number in range(n_tracks):
        suffix = SUFFIXES[number % len(SUFFIXES)]
        rate = 48000 if suffix == ".opus" else 44100
        samples = music(seconds + 0.13 * (number % 5), rate, 2, seed=number)
        name = f"song {number}{suffix}"
        if suffix == ".m4a":
            write_av(folder / name, samples, rate, "aac")
        else:
            write_sound(folder / name, samples, rate)
        split = ("train", "train", "valid", "test")[number // 2 % 4]
        rows.append(f"{name},{GENRES[number % 2]},{split},artist {number},{number}")
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n")
    return folder / "manifest.csv"


def start(data: Path, folder: Path, *options: str, **process) -> subprocess.Popen:
    command = [sys.executable, "-c", COMMAND, "prepare", "--data", str(data), "--out", str(folder), *OPTIONS, *options]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, **process
    )


def prepare_apart(data: Path, folder: Path, *options: str, **process) -> tuple[int, str]:
    """Prepares in a process of its own: exit status, and what it said."""
    running = start(data, folder, *options, **process)
    said = "".join(running.communicate())
    return running.returncode, said


def kill_and_resume(data: Path, folder: Path, kills: int, seconds: float, seed: int = 0) -> list[int]:
    """Prepares with as many kills of the command alone; the shards that were there at each.

    The first is when a shard is there and before all are, the others at random points.

    Args:
        seconds: that it takes in peace.
    """
    rng, there, held = random.Random(seed), [], folder.with_name(f"{folder.name}.held")
    held.mkdir()
    (held / "sitecustomize.py").write_text(HELD)
    path = os.pathsep.join((str(held), str(Path(__file__).parents[1])))
    for kill in range(kills):
        running = start(data, folder, **({} if kill else {"env": {**os.environ, "PYTHONPATH": path}}))
        if kill:
            time.sleep(rng.uniform(0.1, 1.0) * seconds)
        while not kill and not shards(folder) and running.poll() is None:
            time.sleep(0.002)
        running.kill()  # its workers must end by themselves
        running.communicate()
        there.append(len(shards(folder)))
    status, said = prepare_apart(data, folder)
    if status:
        raise RuntimeError(said)
    return there


def shards(folder: Path) -> list[Path]:
    """Those that are complete."""
    return list(folder.glob("shard-*.shard"))


def contents(folder: Path) -> dict[str, bytes]:
    """{name: bytes} of all that is in a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def flip(file: Path, place: int, bit: int = 3) -> None:
    """Changes a bit of a file, and nothing that tells of it but the time of change."""
    with file.open("r+b") as stream:
        stream.seek(place)
        byte = stream.read(1)[0]
        stream.seek(place)
        stream.write(bytes([byte ^ 1 << bit]))


def rounding_bound(samples: np.ndarray) -> float:
    """Most that a sample may be off: 2 ** -16 of full scale, and 2 ** -15 where it is full scale."""
    return 2.0**-16 if np.abs(samples).max() < 1 - 2.0**-15 else 2.0**-15
