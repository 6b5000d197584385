"""Writes the embeddings of songs to a file: one vector a track and one a slice.

    kgenre embed --model models/RUN --data DIR|MANIFEST --to embeddings.npz
    kgenre embed --to library.parquet ~/Music 'albums/**/*.flac'

The file has a row a track with path, genre, split, artist, seconds, the mean and the maximum over its
slices, and every slice with its start. A run that is stopped goes on where it was when the same command
is given again; files that have not changed since are not listened to again. Files that cannot be used
are listed on stderr with the reason, and the exit status is then 1.
"""

import argparse
import os
import sys
from pathlib import Path

from kgenre import cli
from kgenre.config import make_config
from kgenre.errors import KgenreError


def main(argv=None) -> int:
    parser = cli.make_parser("embed", __doc__)
    parser.add_argument("songs", nargs="*", metavar="FILE|DIR|GLOB", help="songs, folders of songs, or quoted patterns")
    parser.add_argument("--data", help="instead of songs: demo, a folder of genre folders, or a manifest")
    parser.add_argument("--model", help="musicnn, vggish, a run or SavedModel folder (default: the default model)")
    parser.add_argument("--to", required=True, type=Path, metavar="FILE", help="file to write, .npz or .parquet")
    cli.add_config_flags(parser, ("workers", "seed"))
    return cli.run(_embed, parser.parse_args(argv))


def _embed(args: argparse.Namespace) -> int:
    from kgenre.embeddings import check_suffix

    if bool(args.songs) == bool(args.data):
        raise KgenreError("Name either songs or a collection with --data: one of the two.")
    check_suffix(args.to)
    cli.check_file(args.to, "--to")
    config = make_config({}, cli.config_flags(args))
    rows = collection_rows(args.data, config.seed) if args.data else song_rows(args.songs)

    from kgenre.inference import open_model

    model = open_model(args.model)
    failures, new = embed(model, rows, args.to, config.workers)
    print(f"{args.to}: {len(rows) - len(failures)} tracks, {new} of them new")
    cli.list_failures(failures, "failed")
    return 1 if failures else 0


def collection_rows(data: str, seed: int):
    from kgenre.datasets import load_collection

    return load_collection(data, seed=seed).table


def song_rows(names: list[str]):
    """A table as a collection's of songs without genre and split; artist and album from their tags."""
    import pandas as pd

    from kgenre.datasets.collection import COLUMNS, read_tags
    from kgenre.predict import find_songs

    paths = list(dict.fromkeys(os.path.abspath(path) for path in find_songs(names)))
    rows = [{"path": path, "track_id": Path(path).stem, **read_tags(path)} for path in paths]
    return pd.DataFrame(rows, dtype=object).reindex(columns=COLUMNS).astype("string").fillna("")


def embed(model, rows, to, workers: int) -> tuple[dict[str, str], int]:
    """Embeds the tracks that `to` lacks and writes it.

    Args:
        model: Predictor, or what open_model gives.
        rows: DataFrame of tracks, as a Collection's.
        to: path of the file, .npz or .parquet.
        workers: decoding threads.

    Returns:
        {path: cause} of the tracks that could not be used, and the number of tracks that were embedded.

    Raises:
        KgenreError: `to` holds what another model, other settings or another decoder made.
    """
    from kgenre.embedding_store import Store
    from kgenre.inference import classify

    store, reader = Store(to, header_of(model), rows), model.reader()
    with cli.progress() as bar:
        task = bar.add_task("embedding", total=len(rows), completed=len(rows) - len(store.lacking), unit="tracks")
        results = classify(model, reader, store.lacking, workers=workers, advance=lambda: bar.advance(task))
        try:
            store.fill(vectors_of(result, model) for result in results)
        except KgenreError:
            cli.list_failures(reader.failures, "failed")
            raise
    return reader.failures, len(store.lacking) - len(reader.failures)


def header_of(model) -> dict:
    from kgenre.embedding_store import make_header

    names = ("sample_rate", "clip_samples", "hop_samples", "labels")
    return make_header(model.name, model.identity, {name: getattr(model, name) for name in names})


def vectors_of(result, model):
    """What the file keeps of a classified track."""
    from kgenre.embedding_store import TrackVectors
    from kgenre.slices import slice_starts

    starts = slice_starts(round(result.seconds * model.sample_rate), model.clip_samples, model.hop_samples)
    return TrackVectors(result.path, result.seconds, starts / model.sample_rate, result.slice_embeddings)


if __name__ == "__main__":
    sys.exit(main())
