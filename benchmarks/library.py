"""Scans: music analysed against its bare decoding, and 100 000 unchanged tracks compared.

    python -m benchmarks.library [FOLDER] [--model RUN]

Without a folder it makes songs of its own; without a model, convpool with random weights.
"""

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.timing import best_rates, show
from kgenre.audio import decode as audio
from kgenre.audio.policy import DEFAULT_POLICY, PROGRESSIVE_POLICY, ReadPolicy
from kgenre.audio.walk import walk
from kgenre.library.records import Track, TrackAnalysis
from kgenre.library.scan.scan import scan
from kgenre.library.store import Library
from kgenre.model.settings import ModelSettings
from kgenre.model.tasks.single_label import SingleLabel
from kgenre.serving.keras_model import KerasModel

UNCHANGED = 100_000
SHORTEST_SECONDS = 10.0
CORES = os.cpu_count()


def random_model() -> KerasModel:
    """The default network, which has learnt nothing."""
    from kgenre.model.build import build_model

    settings = ModelSettings.compose({})
    model = KerasModel(build_model(settings, 8), SingleLabel(tuple("abcdefgh")), settings.audio.slice_spec, "random")
    model.identity = "random"
    return model


def decode_bare(paths: list[str], rate: int) -> int:
    """Decodes and resamples each file and drops it, in as many processes as there are cores; returns the seconds."""
    code = (
        "import sys\nfrom kgenre.audio import decode as audio\n"
        "print(sum(len(block) for path in sys.argv[2:] for block in audio.stream(path, int(sys.argv[1]))))"
    )
    shares = [paths[start::CORES] for start in range(CORES)]
    runs = [
        subprocess.Popen([sys.executable, "-c", code, str(rate), *share], stdout=subprocess.PIPE, text=True)
        for share in shares
        if share
    ]
    return round(sum(int(run.communicate()[0]) for run in runs) / rate)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--model")
    args = parser.parse_args()
    if args.model is None:
        model = random_model()
    else:
        from kgenre.serving.catalogue import open_model

        model = open_model(args.model)
    with tempfile.TemporaryDirectory() as place:
        if args.folder is None:
            from benchmarks.pipeline import write_songs

            args.folder = Path(place) / "songs"
            args.folder.mkdir()
            write_songs(args.folder)
        analyse(args.folder, model, Path(place))
    with tempfile.TemporaryDirectory() as place:
        rescan(model, Path(place))


def analyse(folder: Path, model, place: Path) -> None:
    paths = [path for path in walk(os.fsencode(folder)).files]
    seconds = {path: seconds_of(path) for path in paths}
    songs = [os.fsdecode(path) for path in paths if seconds[path] >= SHORTEST_SECONDS]
    chosen = place / "chosen"
    chosen.mkdir()
    for number, song in enumerate(songs):
        (chosen / f"{number}{Path(song).suffix}").symlink_to(Path(song).resolve())
    total = round(sum(seconds[os.fsencode(song)] for song in songs))
    files = iter(range(10**6))

    def scanned(policy=DEFAULT_POLICY, first: bool = False) -> int:
        with Library(place / f"{next(files)}.sqlite") as library:
            report = scan(library, chosen, model, policy, first=first)
        if report.failures:
            raise RuntimeError(f"failed: {report.failures}")
        return total

    candidates = {"bare decode": lambda: decode_bare(songs, model.slice_spec.sample_rate), "scan": scanned,
                  "scan, first pass": lambda: scanned(PROGRESSIVE_POLICY, first=True),
                  "scan, 3 slices a track": lambda: scanned(ReadPolicy(3))}  # fmt: skip
    rates = best_rates(candidates, rounds=3)
    print(
        f"  {len(songs)} songs, {total / 60:.0f} minutes, {CORES} cores, {model.name}; processes start anew each time"
    )
    show(rates, "x real time", "bare decode")
    for name, rate in rates.items():
        print(f"  {name:<44} {rate * len(songs) / total:9.1f} tracks/s")


def seconds_of(path: bytes) -> float:
    try:
        return audio.probe(os.fsdecode(path)).seconds
    except audio.AudioError:
        return 0.0


def rescan(model, place: Path) -> None:
    """Empty files that the library knows already: what is left of a scan is the walk and the comparison."""
    music = place / "music"
    with Library(place / "library.sqlite") as library:
        space = library.open_space(model)
        tracks = []
        for number in range(UNCHANGED):
            path = music / f"artist {number // 100}" / f"album {number // 10 % 10}" / f"{number % 10}.mp3"
            if number % 10 == 0:
                path.parent.mkdir(parents=True)
            path.touch()
            digest = number.to_bytes(16, "big")
            about = path.stat()
            tracks.append(Track(os.fsencode(path), about.st_size, about.st_mtime_ns, digest, digest, seconds=200.0))
        probabilities = np.full((1, len(model.task.labels)), 1 / len(model.task.labels))
        analysis = TrackAnalysis(np.zeros(1), np.zeros((1, 64)), probabilities, np.zeros(len(model.tag_names)))
        with library.writing():
            library.save(tracks)
            for track in tracks:
                library.save_analysis(space, track.audio_hash, analysis)
        began = time.perf_counter()
        report = scan(library, music, model)
        print(f"  {report.counts['unchanged']} unchanged tracks compared in {time.perf_counter() - began:.2f} s")


if __name__ == "__main__":
    main()
