"""Writes the embeddings of songs to a file: one vector a track and one a slice.

    kgenre embed --model models/RUN --data DIR|MANIFEST --to embeddings.npz
    kgenre embed --to library.parquet ~/Music 'albums/**/*.flac'

The file has a row a track with path, genre, split, artist, seconds, the mean and the maximum over its
slices, and every slice with its start. A run that is stopped goes on where it was when the same command
is given again; files that have not changed since are not listened to again. Files that cannot be used
are listed on stderr with the reason, and the exit status is then 1.
"""

import os
from dataclasses import asdict
from pathlib import Path

from kgenre.core.errors import KgenreError
from kgenre.core.progress import SILENT, Progress


def collection_rows(data: str, seed: int):
    from kgenre.collections import load_collection

    return load_collection(data, seed=seed).table


def song_rows(names: list[str]):
    """A table as a collection's of songs without genre and split; artist and album from their tags."""
    import pandas as pd

    from kgenre.audio.walk import expand_paths
    from kgenre.collections.tables import COLUMNS, read_tags

    paths = list(dict.fromkeys(os.path.abspath(path) for path in expand_paths(names)))
    rows = [{"path": path, "track_id": Path(path).stem, **read_tags(path)} for path in paths]
    return pd.DataFrame(rows, dtype=object).reindex(columns=COLUMNS).astype("string").fillna("")


def embed(model, rows, to, workers: int, progress: Progress = SILENT) -> tuple[dict[str, str], int]:
    """Embeds the tracks that `to` lacks and writes it.

    Args:
        model: SavedModel, or what open_model gives.
        rows: DataFrame of tracks, as a Collection's.
        to: path of the file, .npz or .parquet.
        workers: decoding threads.

    Returns:
        {path: cause} of the tracks that could not be used, and the number of tracks that were embedded.

    Raises:
        KgenreError: `to` holds what another model, other settings or another decoder made.
    """
    from kgenre.audio.reader import TrackReader
    from kgenre.embeddings.store import Store
    from kgenre.serving.predict import predict_tracks

    store, reader = Store(to, header_of(model), rows), TrackReader(model.slice_spec)
    with progress.task("embedding", len(rows), "tracks", len(rows) - len(store.lacking)) as advance:
        results = predict_tracks(model, reader, store.lacking, workers=workers, advance=advance)
        try:
            store.fill(vectors_of(result, model) for result in results)
        except KgenreError:
            progress.failures(reader.failures, "failed")
            raise
    return reader.failures, len(store.lacking) - len(reader.failures)


def header_of(model) -> dict:
    from kgenre.embeddings.store import make_header

    return make_header(model.name, model.identity, {**asdict(model.slice_spec), "labels": list(model.task.labels)})


def vectors_of(result, model):
    """What the file keeps of a classified track."""
    from kgenre.embeddings.store import TrackVectors

    rate = model.slice_spec.sample_rate
    starts = model.slice_spec.starts(round(result.seconds * rate)) / rate
    return TrackVectors(result.path, result.seconds, starts, result.slices.embeddings)
