"""Prepared sets for tests: a collection of real files of several formats, and kills of the process that prepares it.

python tests/prepared_sets.py DATA FOLDER     prepares, as the process that is killed
"""

import os
import random
import signal
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

    The first is when the first shard is there, the others at random points.

    Args:
        seconds: that it takes in peace.
    """
    rng, there = random.Random(seed), []
    for kill in range(kills):
        running = start(data, folder)
        if kill:
            time.sleep(rng.uniform(0.1, 1.0) * seconds)
        while not any(folder.glob("*.shard")) and not kill and running.poll() is None:
            time.sleep(0.002)
        os.kill(running.pid, signal.SIGKILL)  # its workers must end by themselves
        running.communicate()
        there.append(len(list(folder.glob("*.shard"))))
    status, said = prepare_apart(data, folder)
    if status:
        raise RuntimeError(said)
    return there


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
