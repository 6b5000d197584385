"""Embeddings of tracks by a model, computed where an embedding file has none yet."""

import os
from dataclasses import asdict
from pathlib import Path

from kgenre.core.errors import KgenreError
from kgenre.core.progress import SILENT, Progress


def collection_rows(data: str, seed: int):
    """The table of tracks of a collection, as load_collection takes it."""
    from kgenre.collections import load_collection

    return load_collection(data, seed=seed).table


def song_rows(names: list[str]):
    """The table of tracks of files, folders and patterns, as a Collection's; without genre and split."""
    import pandas as pd

    from kgenre.audio.walk import expand_paths
    from kgenre.collections.tables import COLUMNS, read_tags

    paths = list(dict.fromkeys(os.path.abspath(path) for path in expand_paths(names)))
    rows = [{"path": path, "track_id": Path(path).stem, **read_tags(path)} for path in paths]
    return pd.DataFrame(rows, dtype=object).reindex(columns=COLUMNS).astype("string").fillna("")


def embed(model, rows, out, workers: int, progress: Progress = SILENT) -> tuple[dict[str, str], int]:
    """Computes the embeddings of the tracks that are missing in a file, and writes them to it.

    Args:
        model: as `open_model` returns it.
        rows: DataFrame of tracks, as a Collection's.
        out: path of the file, .npz or .parquet.
        workers: decoding threads.

    Returns:
        {path: cause} of the tracks that could not be used, and the number of tracks that were embedded.

    Raises:
        KgenreError: the file holds vectors of another model, other settings or another decoder.
    """
    from kgenre.audio.reader import TrackReader
    from kgenre.embeddings.store import Store
    from kgenre.serving.predict import predict_tracks

    store, reader = Store(out, header_of(model), rows), TrackReader(model.slice_spec)
    with progress.task("embedding", len(rows), "tracks", len(rows) - len(store.missing)) as advance:
        results = predict_tracks(model, reader, store.missing, workers=workers, advance=advance)
        try:
            store.add_all(vectors_of(result, model) for result in results)
        except KgenreError:
            progress.failures(reader.failures, "failed")
            raise
    return reader.failures, len(store.missing) - len(reader.failures)


def header_of(model) -> dict:
    from kgenre.embeddings.store import make_header

    return make_header(model.name, model.identity, {**asdict(model.slice_spec), "labels": list(model.task.labels)})


def vectors_of(result, model):
    """The TrackVectors of a track's result."""
    from kgenre.embeddings.store import TrackVectors

    rate = model.slice_spec.sample_rate
    starts = model.slice_spec.starts(round(result.seconds * rate)) / rate
    return TrackVectors(result.path, result.seconds, starts, result.slices.embeddings)
