"""Measures `kgenre datasets DATA --duplicates`: copies are made of every N-th track, and the pairs counted.

    python -m benchmarks.duplicates --data MANIFEST --out DIR

A pair is false where the two are neither a track and its copy nor two copies of one track. The first table is of the
match that `--threshold` is compared with, the second of the embeddings' similarity alone. The copies and the vectors
stay in DIR, so that the command given again continues.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from kgenre import cli

MATCHES = (0.5, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9)
SIMILARITIES = (0.85, 0.9, 0.95, 0.97, 0.98, 0.99)
MP3_BITS = 128_000
NOISE_DB = -30.0  # below the track's level


def main(argv=None) -> int:
    form = argparse.RawDescriptionHelpFormatter
    parser = cli.Parser(prog="python -m benchmarks.duplicates", description=__doc__, formatter_class=form)
    cli.add_data_flag(parser, required=True)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the copies and vectors")
    parser.add_argument("--every", type=int, default=5, metavar="N", help="copy every N-th track (default: 5)")
    return cli.run(_measure, parser.parse_args(argv))


def _measure(args: argparse.Namespace) -> int:
    from kgenre.collections import load_collection
    from kgenre.collections.splits import Collection
    from kgenre.inspection.run import collection_duplicates

    songs = load_collection(args.data).table
    copies = make_copies(songs.iloc[:: args.every], args.out / "copies")
    table = pd.concat([songs.assign(of=songs["path"], kind=""), copies], ignore_index=True)
    collection = Collection("copies", table, "of no concern")
    pairs, failures = collection_duplicates(collection, None, args.out, min(MATCHES), progress=cli.BarProgress())
    near = pairs[pairs["kind"] == "near"]
    print(f"{len(songs)} tracks, {len(copies)} copies, {len(failures)} not compared\n")
    print(table_of(recall(near, table, "match", MATCHES), "match"))
    print()
    print(table_of(recall(all_similarities(args.out, table), table, "similarity", SIMILARITIES), "similarity"))
    return 0


def make_copies(songs: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """The rows of a copy of every kind of each track; `of` is the original's path."""
    import soundfile

    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for number, song in enumerate(songs.to_dict("records")):
        samples, rate = soundfile.read(song["path"], dtype="float32", always_2d=True)
        for kind, alter in KINDS.items():
            path = folder / f"{number}-{kind}{'.mp3' if kind == 'mp3' else '.flac'}"
            if not path.exists():
                alter(path, samples, rate)
            rows.append({**song, "path": str(path.resolve()), "of": song["path"], "kind": kind})
    return pd.DataFrame(rows)


def _mp3(path: Path, samples: np.ndarray, rate: int) -> None:
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libmp3lame", rate=rate, bit_rate=MP3_BITS)
        stream.layout = "mono" if samples.shape[1] == 1 else "stereo"
        planes = np.ascontiguousarray(samples.T)
        frame = av.AudioFrame.from_ndarray(planes, format="fltp", layout=stream.layout.name)
        frame.sample_rate = rate
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)


def _flac(change: Callable) -> Callable:
    def write(path: Path, samples: np.ndarray, rate: int) -> None:
        import soundfile

        changed, new_rate = change(samples, rate)
        soundfile.write(path, np.clip(changed, -1, 1), new_rate)

    return write


def _resampled(samples: np.ndarray, rate: int):
    import soxr

    return soxr.resample(samples, rate, 32000), 32000


def _noisy(samples: np.ndarray, rate: int):
    level = np.sqrt((samples**2).mean()) * 10 ** (NOISE_DB / 20)
    return samples + level * np.random.default_rng(0).standard_normal(samples.shape), rate


KINDS = {
    "mp3": _mp3,
    "32 kHz": _flac(_resampled),
    "-6 dB": _flac(lambda samples, rate: (0.5 * samples, rate)),
    "noise": _flac(_noisy),
    "cut": _flac(lambda samples, rate: (samples[round(0.525 * rate) :], rate)),  # between two frames of the envelope
}


def all_similarities(folder: Path, table: pd.DataFrame) -> pd.DataFrame:
    """Every pair of tracks with the similarity of their embeddings, from the kept vectors."""
    from kgenre.embeddings.files import read_embeddings
    from kgenre.embeddings.neighbours import unit_vectors

    found = read_embeddings(next(folder.glob("*/features.npz")), slices=False)
    units, paths = unit_vectors(found.mean), found.table["path"].to_numpy()
    a, b = np.triu_indices(len(paths), 1)
    return pd.DataFrame({"path_a": paths[a], "path_b": paths[b], "similarity": (units @ units.T)[a, b]})


def recall(pairs: pd.DataFrame, table: pd.DataFrame, score: str, thresholds) -> pd.DataFrame:
    """A row for each threshold: share of the copies of each kind that are paired with their original, false pairs."""
    of, kind = dict(zip(table["path"], table["of"])), dict(zip(table["path"], table["kind"]))
    true = pairs["path_a"].map(of) == pairs["path_b"].map(of)
    kinds = [kind[a] or kind[b] for a, b in zip(pairs["path_a"], pairs["path_b"])]
    with_original = np.array([not (kind[a] and kind[b]) for a, b in zip(pairs["path_a"], pairs["path_b"])], bool)
    counts = table["kind"].value_counts()
    rows = []
    for threshold in thresholds:
        over = pairs[score] >= threshold
        found = pd.Series(kinds, index=pairs.index)[over & true & with_original].value_counts()
        shares = {name: found.get(name, 0) / counts[name] for name in KINDS}
        rows.append({"threshold": threshold, **shares, "false pairs": int((over & ~true).sum())})
    return pd.DataFrame(rows)


def table_of(measured: pd.DataFrame, name: str) -> str:
    """The rows as Markdown."""
    from kgenre.cli.tables import markdown

    rows = [
        (f"{row['threshold']:g}", *(f"{row[kind]:.0%}" for kind in KINDS), f"{row['false pairs']:.0f}")
        for row in measured.to_dict("records")
    ]
    return markdown((name, *KINDS, "false pairs"), rows)


if __name__ == "__main__":
    sys.exit(main())
