"""Scans: analysis by models against decoding alone, peak memory, and the comparison of 100 000 unchanged tracks.

    python -m benchmarks.library [FOLDER] [--models MODEL ...]

Without a folder it makes songs of its own; without --models it measures the default model. Decoding alone is to the
sample rate of a model, in as many processes as there are cores. The rounds of all models are interleaved, and each
figure is of the best round. Memory is the sum over a process that scans the folder and its two reading processes.
"""

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.invented_library import fill
from benchmarks.peak import peak_mib
from benchmarks.timing import best_rates, show
from kgenre import cli
from kgenre.audio import decode as audio
from kgenre.audio.policy import DEFAULT_POLICY, PROGRESSIVE_POLICY, ReadPolicy
from kgenre.audio.walk import walk
from kgenre.core.errors import KgenreError
from kgenre.library.scan.scan import scan
from kgenre.library.store import Library
from kgenre.serving.catalogue import DEFAULT, open_model

UNCHANGED = 100_000
SHORTEST_SECONDS = 10.0
CORES = os.cpu_count()
WORKERS = 2  # of the scan whose memory is measured
SCANS = {  # {name: (how tracks are read, whether only as a first pass)}
    "whole": (DEFAULT_POLICY, False),
    "first pass": (PROGRESSIVE_POLICY, True),
    "3 slices a track": (ReadPolicy(3), False),
}
# A program of its own: whatever else this file imports would count too.
SCAN = """
import sys
from kgenre.library.scan.scan import scan
from kgenre.library.store import Library
from kgenre.serving.catalogue import open_model
with Library(sys.argv[1]) as library:
    scan(library, sys.argv[2], open_model(sys.argv[3]), workers=int(sys.argv[4]))
"""


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


def main(argv=None) -> int:
    form = argparse.RawDescriptionHelpFormatter
    parser = cli.Parser(prog="python -m benchmarks.library", description=__doc__, formatter_class=form)
    parser.add_argument("folder", nargs="?", type=Path, metavar="FOLDER", help="music (default: songs made here)")
    parser.add_argument("--models", nargs="+", default=[DEFAULT], metavar="MODEL", help="(default: default)")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="rounds after one to warm up (default: 3)")
    return cli.run(_measure, parser.parse_args(argv))


def _measure(args: argparse.Namespace) -> int:
    models = {name: open_model(name) for name in args.models}
    with tempfile.TemporaryDirectory() as place:
        if args.folder is None:
            from benchmarks.pipeline import write_songs

            args.folder = Path(place) / "songs"
            args.folder.mkdir()
            write_songs(args.folder)
        chosen, seconds = choose(args.folder, Path(place) / "chosen")
        show_rates(chosen, seconds, models, Path(place), args.rounds)
        show_memory(chosen, models, Path(place))
    with tempfile.TemporaryDirectory() as place:
        rescan(models[args.models[0]], Path(place))
    return 0


def choose(folder: Path, chosen: Path) -> tuple[Path, float]:
    """A folder of links to the songs that are longer than a jingle, and their total length in seconds."""
    chosen.mkdir()
    total = 0.0
    for number, song in enumerate(map(os.fsdecode, walk(os.fsencode(folder)).files)):
        if (seconds := seconds_of(song)) >= SHORTEST_SECONDS:
            (chosen / f"{number}{Path(song).suffix}").symlink_to(Path(song).resolve())
            total += seconds
    if not total:
        raise KgenreError(f"{folder}: no song of {SHORTEST_SECONDS:g} s or more. Name a folder of music.")
    return chosen, total


def show_rates(chosen: Path, seconds: float, models: dict, place: Path, rounds: int) -> None:
    songs, total, files = sorted(map(str, chosen.iterdir())), round(seconds), iter(range(10**6))

    def scanned(model, policy: ReadPolicy, first: bool) -> int:
        with Library(place / f"{next(files)}.sqlite") as library:
            report = scan(library, chosen, model, policy, first=first)
        if report.failures:
            raise RuntimeError(f"failed: {report.failures}")
        return total

    candidates, compared = {}, {}
    for model_name, model in models.items():
        rate = model.slice_spec.sample_rate
        decode = f"bare decode to {rate} Hz"
        candidates.setdefault(decode, lambda rate=rate: decode_bare(songs, rate))
        for name, how in SCANS.items():
            candidates[f"{model_name}: {name}"] = lambda model=model, how=how: scanned(model, *how)
            compared.setdefault(decode, [decode]).append(f"{model_name}: {name}")
    rates = best_rates(candidates, rounds)
    print(f"  {len(songs)} songs, {total / 60:.0f} minutes, {CORES} cores; new processes each time")
    for decode, names in compared.items():
        show({name: rates[name] for name in names}, "x real time", decode)
    for name, rate in rates.items():
        print(f"  {name:<44} {rate * len(songs) / total:9.1f} tracks/s")


def show_memory(chosen: Path, models: dict, place: Path) -> None:
    for number, name in enumerate(models):
        library = place / f"memory-{number}.sqlite"
        peak, processes = peak_mib(["-c", SCAN, str(library), str(chosen), name, str(WORKERS)])
        print(f"  {name + ': whole':<44} {peak:9.0f} MiB at the peak, in {processes} processes")


def seconds_of(song: str) -> float:
    try:
        return audio.probe(song).seconds
    except audio.AudioError:
        return 0.0


def rescan(model, place: Path) -> None:
    """Empty files that the library knows already: what is left of a scan is the walk and the comparison."""
    music = place / "music"
    with Library(place / "library.sqlite") as library:
        fill(library, music, UNCHANGED, 64, 1, model)
        began = time.perf_counter()
        report = scan(library, music, model)
        print(f"  {report.counts['unchanged']} unchanged tracks compared in {time.perf_counter() - began:.2f} s")


if __name__ == "__main__":
    sys.exit(main())
