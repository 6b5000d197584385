"""Large libraries of invented tracks: size, nearest songs, re-scan, start of the page, and the map.

    python -m benchmarks.large_library --tracks 100000
    python -m benchmarks.large_library --tracks 1000000 --slices 1 --parts fill nearest plain rescan --folder DIR

Each part is a process of its own: seconds of the clock and of the processor, and the peak memory of the process up to
then. With --folder the library and its files stay there, and another call goes on with them; they take up to 10 kB a
track.
"""

import argparse
import contextlib
import gzip
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.invented_library import InventedModel, fill
from benchmarks.peak import peak_mib
from kgenre import cli
from kgenre.library.store import Library

NEAREST = 30
QUERIES = 20


def main(argv=None) -> int:
    form = argparse.RawDescriptionHelpFormatter
    parser = cli.Parser(prog="python -m benchmarks.large_library", description=__doc__, formatter_class=form)
    parser.add_argument("--tracks", type=int, default=10_000, metavar="N", help="(default: 10000)")
    parser.add_argument("--values", type=int, default=200, metavar="D", help="of an embedding (default: 200)")
    parser.add_argument("--slices", type=int, default=8, metavar="N", help="of a track (default: 8)")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="where to keep it all (default: nowhere)")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=[*PARTS], metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)  # of the processes of this program
    return cli.run(_measure, parser.parse_args(argv))


def _measure(args: argparse.Namespace) -> int:
    if args.here:
        for part in args.parts:
            PARTS[part](args)
        return 0
    with contextlib.ExitStack() as stack:
        folder = args.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        options = ["--folder", folder, *(f"--{name}={getattr(args, name)}" for name in ("tracks", "values", "slices"))]
        print(f"  {args.tracks} tracks, {args.values} values, {args.slices} slices each", flush=True)
        for part in args.parts:
            command = [sys.executable, "-m", "benchmarks.large_library", "--here", *options, "--parts", part]
            subprocess.run(command, check=True)
    return 0


@contextlib.contextmanager
def timed(what: str) -> Iterator[None]:
    clock, processor = time.perf_counter(), time.process_time()
    yield
    clock, processor = time.perf_counter() - clock, time.process_time() - processor
    print(f"  {what:<44} {clock:9.2f} s {processor:9.2f} s of processor {own_peak_mib():7.0f} MiB", flush=True)


def own_peak_mib() -> float:
    """The peak memory of this process: of its own, where ru_maxrss begins with that of the process that started it."""
    try:
        status = Path("/proc/self/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024
    except OSError:
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 1024)


def opened(args: argparse.Namespace) -> Library:
    return Library(args.folder / "library.sqlite")


def measure_fill(args: argparse.Namespace) -> None:
    """Fills the library, if it is not there, and shows its size."""
    if not (args.folder / "library.sqlite").exists():
        with opened(args) as library, timed("filled"):
            fill(library, args.folder / "music", args.tracks, args.values, args.slices)
    size = (args.folder / "library.sqlite").stat().st_size
    print(f"  {'library.sqlite':<44} {size / 2**20:9.0f} MiB, {size / args.tracks / 1000:.2f} kB a track", flush=True)


def measure_nearest(args: argparse.Namespace) -> None:
    from kgenre.library.search.vectors import load_vectors

    with opened(args) as library:
        with timed("nearest: vectors loaded"):
            ids, vectors = load_vectors(library, library.space())
        rows = np.random.default_rng(0).integers(len(ids), size=QUERIES).tolist()
        _show_queries("nearest", lambda row: vectors.nearest(row, NEAREST), rows)


def measure_plain(args: argparse.Namespace) -> None:
    """The same by one product over all vectors in float32, as a measure; and whether the answers are the same."""
    from kgenre.library.search.vectors import load_vectors

    with opened(args) as library:
        with timed("float32: vectors loaded"):
            _, vectors = library.vectors(library.space())
            for start in range(0, len(vectors), 8192):
                part = vectors[start : start + 8192]
                part /= np.linalg.norm(part, axis=1, keepdims=True)
        rows = np.random.default_rng(0).integers(len(vectors), size=QUERIES).tolist()

        def nearest(row: int) -> np.ndarray:
            cosines = vectors @ vectors[row]
            cosines[row] = -np.inf
            some = np.argpartition(-cosines, NEAREST)[:NEAREST]
            return some[np.argsort(-cosines[some])]

        _show_queries("float32", nearest, rows)
        _, compact = load_vectors(library, library.space())
        same = sum(set(nearest(row).tolist()) == set(compact.nearest(row, NEAREST)[0].tolist()) for row in rows)
        print(f"  {same} of {QUERIES} answers have the same {NEAREST} tracks", flush=True)


def _show_queries(name: str, nearest, rows: list[int]) -> None:
    nearest(rows[0])
    clocks, processor = [], time.process_time()
    for row in rows:
        began = time.perf_counter()
        nearest(row)
        clocks.append(time.perf_counter() - began)
    processor = (time.process_time() - processor) / len(rows)
    what = f"{name}: a query, median and best of {len(rows)}"
    print(
        f"  {what:<44} {np.median(clocks) * 1000:9.1f} ms, {min(clocks) * 1000:.1f} ms; {processor * 1000:.1f} ms of "
        f"processor {own_peak_mib():7.0f} MiB", flush=True,
    )  # fmt: skip


def measure_similar(args: argparse.Namespace) -> None:
    """The command, from the start of its process."""
    with opened(args) as library:
        path = library.path_of(int(library.ids(library.space())[0]))
    began = time.perf_counter()
    peak, _ = peak_mib(["-m", "kgenre", "similar", path, "-n", str(NEAREST), "--library", str(library.path)])
    print(f"  {'kgenre similar':<44} {time.perf_counter() - began:9.2f} s {peak:34.0f} MiB", flush=True)


def measure_rescan(args: argparse.Namespace) -> None:
    from kgenre.library.scan.scan import scan

    with opened(args) as library, timed("re-scan of unchanged files"):
        report = scan(library, args.folder / "music", InventedModel())
    if report.counts["unchanged"] != args.tracks:
        raise RuntimeError(f"not unchanged: {report.counts}")


def measure_page(args: argparse.Namespace) -> None:
    from kgenre.web.explore.explorer import Explorer

    with opened(args) as library:
        space = library.space()
        if not len(library.positions(space)[0]):
            ids = library.ids(space)
            library.set_positions(space, ids.tolist(), np.random.default_rng(0).normal(size=(len(ids), 2)))
        with timed("page: library loaded"):
            explorer = Explorer(library, space)
        with timed("page: /data made"):
            data = explorer.data()
        size, packed = len(data) / 1e6, len(gzip.compress(data, 1)) / 1e6
        print(f"  {'page: /data':<44} {size:9.1f} MB, {packed:.1f} MB with gzip", flush=True)
        with timed("page: nearest"):
            explorer.neighbours(int(explorer.ids[0]), NEAREST, 2.0)
        with timed("page: path of 12"):
            explorer.path(int(explorer.ids[0]), int(explorer.ids[-1]), 12)


def measure_map(args: argparse.Namespace) -> None:
    from kgenre.library.map.update import update_map

    with opened(args) as library, timed("map laid out and measured"):
        quality = update_map(library, library.space(), remap=True)
    print(f"  {'map':<44} {quality.summary}", flush=True)


PARTS = {
    "fill": measure_fill,
    "nearest": measure_nearest,
    "plain": measure_plain,
    "similar": measure_similar,
    "rescan": measure_rescan,
    "page": measure_page,
    "map": measure_map,
}

if __name__ == "__main__":
    sys.exit(main())
