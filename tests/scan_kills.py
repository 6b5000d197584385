"""Kills a scan at random points, goes on with it, and compares the library with one of a scan in peace.

    python tests/scan_kills.py FOLDER --kills 20 [--model RUN] [--two-passes]

Without a model it takes LevelModel, made slow so that there is something to kill.
"""

import argparse
import contextlib
import itertools
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from libraries import LevelModel

from kgenre.audio.policy import PROGRESSIVE_POLICY
from kgenre.core.progress import Progress
from kgenre.library.scan.scan import scan
from kgenre.library.store import Library

ASKED = "asked"  # what StuckModel says


class PrintedProgress(Progress):
    """Prints "DONE of TOTAL TITLE" at the start and after each track."""

    @contextlib.contextmanager
    def task(self, title, total, unit, done=0):
        count = itertools.count(done)
        print(f"{next(count)} of {total} {title}", flush=True)
        yield lambda: print(f"{next(count)} of {total} {title}", flush=True)


class SlowModel(LevelModel):
    def __call__(self, slices):
        time.sleep(0.05)
        return super().__call__(slices)


class StuckModel(LevelModel):
    """Says when the first slices come, and does not answer."""

    def __call__(self, slices):
        print(ASKED, flush=True)
        time.sleep(600)
        return super().__call__(slices)


def scan_here(file: Path, folder: Path, run: str | None, two_passes: bool, stuck: bool) -> None:
    """The process that is killed; says "0 of TODO" when files are about to be read, and again after each."""
    if run is None:
        model = StuckModel() if stuck else SlowModel()
    else:
        from kgenre.serving.catalogue import open_model

        model = open_model(run)
    with Library(file) as library:
        for first in (True, False) if two_passes else (False,):
            scan(library, folder, model, PROGRESSIVE_POLICY, progress=PrintedProgress(), first=first)


def scan_apart(
    file: Path, folder: Path, run: str | None = None, two_passes: bool = False, stuck: bool = False
) -> subprocess.Popen:
    command = [sys.executable, __file__, str(folder), "--into", str(file), *(["--model", run] if run else [])]
    command += [*(["--two-passes"] if two_passes else []), *(["--stuck"] if stuck else [])]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def kill_and_resume(
    file: Path, folder: Path, kills: int, seed: int = 0, run: str | None = None, two_passes: bool = False
) -> list[str]:
    """Scans into `file` with as many kills; what the process last said of its progress at each.

    Each kill comes when a random share of the work is done, and up to a tenth of a second later: anywhere.
    """
    said, rng = [], random.Random(seed)
    for number in range(kills):
        process = scan_apart(file, folder, run, two_passes)
        last = process.stdout.readline().strip()  # "0 of TODO"
        if last.startswith("0 of 0") and two_passes:
            last = process.stdout.readline().strip()
        todo = (1 + two_passes) * int(last.split()[2]) if last else 0
        for _ in range(rng.randint(0, max(1, todo // (kills - number)))):
            if line := process.stdout.readline():
                last = line.strip()
        time.sleep(rng.uniform(0, 0.1))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        said.append(last)
        check_whole(file)
    process = scan_apart(file, folder, run, two_passes)
    for _ in process.stdout:
        pass
    process.stdout.close()
    if process.wait():
        raise RuntimeError(f"the last scan ended with {process.returncode}")
    return said


def check_whole(file: Path) -> None:
    connection = sqlite3.connect(file)
    (answer,) = connection.execute("PRAGMA integrity_check").fetchone()
    connection.close()
    if answer != "ok":
        raise RuntimeError(f"{file}: {answer}")


def contents(file: Path) -> dict:
    """{path: all that is kept of it}, whatever the ids."""
    with Library(file, create=False) as library:
        space, held = library.space(), {}
        for track_id, row in library.tracks().iterrows():
            held[row["path"]] = [*row.fillna(-1).tolist(), *library.slices(space, track_id)]
        ids, means = library.vectors(space)
        for track_id, mean in zip(ids, means):
            held[library.path_of(track_id)].append(mean)
        return held | dict(library.failures().itertuples(index=False))


def differences(a: dict, b: dict, tolerance: float = 0.0) -> list[str]:
    """Paths of which two libraries do not hold the same; numbers of the model may differ by `tolerance`."""

    def same(one, other) -> bool:
        if isinstance(one, list) and isinstance(other, list):
            return len(one) == len(other) and all(map(same, one, other))
        if isinstance(one, np.ndarray):
            return one.shape == other.shape and np.allclose(one, other, rtol=tolerance, atol=tolerance)
        return one == other

    return [path for path in a.keys() | b.keys() if path not in a or path not in b or not same(a[path], b[path])]


def main() -> int | None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--model")
    parser.add_argument("--two-passes", action="store_true")
    parser.add_argument("--into", type=Path)
    parser.add_argument("--stuck", action="store_true")
    args = parser.parse_args()
    if args.into:
        return scan_here(args.into, args.folder, args.model, args.two_passes, args.stuck)
    with tempfile.TemporaryDirectory() as place:
        began = time.monotonic()
        said = kill_and_resume(
            Path(place) / "killed.sqlite", args.folder, args.kills, run=args.model, two_passes=args.two_passes
        )
        print(f"killed at: {'; '.join(said)} ({time.monotonic() - began:.0f} s)")
        process = scan_apart(Path(place) / "peace.sqlite", args.folder, args.model)
        process.communicate()
        if process.returncode:
            raise RuntimeError(f"the scan in peace ended with {process.returncode}")
        killed, peace = contents(Path(place) / "killed.sqlite"), contents(Path(place) / "peace.sqlite")
        # The model's answers differ in the last bit with the batch that a slice is in; float16 makes a step of it.
        differ = differences(killed, peace, 2e-3 if args.model else 0)
        print(f"{len(peace)} files, {len(differ)} differ")
        return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
