"""Embeddings of tracks by a model, computed where an embedding file has none yet."""

import os

import numpy as np

from kgenre.audio.inputs import WAVEFORM, track_name
from kgenre.audio.policy import DEFAULT_POLICY, ReadPolicy
from kgenre.core.errors import KgenreError
from kgenre.core.progress import SILENT, Progress


def collection_rows(data: str, seed: int, options=None):
    """The table of tracks of a collection, as load_collection takes it.

    What its split leaks is no concern of vectors.
    """
    from kgenre.collections import load_collection
    from kgenre.collections.settings import CollectionOptions

    options = (options or CollectionOptions()).model_copy(update={"allow_leak": True})
    return load_collection(data, seed=seed, options=options).table


def song_rows(names: list[str], input: str = WAVEFORM):
    """The table of tracks of files, folders and patterns, as a Collection's; without genre and split.

    Args:
        input: of the model that takes them.
    """
    import pandas as pd

    from kgenre.audio.tags import read_tags
    from kgenre.audio.walk import expand_paths
    from kgenre.collections.tables import COLUMNS

    paths = list(dict.fromkeys(os.path.abspath(path) for path in expand_paths(names, input)))
    tags = [read_tags(path) for path in paths]
    rows = [
        {"path": path, "track_id": track_name(path), "artist": tag.artist, "album": tag.album}
        for path, tag in zip(paths, tags)
    ]
    return pd.DataFrame(rows, dtype=object).reindex(columns=COLUMNS).astype("string").fillna("")


def embed(
    model,
    rows,
    out,
    workers: int,
    policy: ReadPolicy = DEFAULT_POLICY,
    progress: Progress = SILENT,
    probabilities: bool = False,
) -> tuple[dict[str, str], int]:
    """Computes the embeddings of the tracks that are missing in a file, and writes them to it.

    Args:
        model: as `open_model` returns it.
        rows: DataFrame of tracks, as a Collection's.
        out: path of the file, .npz or .parquet.
        workers: decoding threads.
        policy: how tracks are read; stored in the file, which holds vectors of one policy.
        probabilities: keep those of the labels too: the vector of a slice is its embedding, then its probabilities.

    Returns:
        {path: cause} of the tracks that could not be used, and the number of tracks that were embedded.

    Raises:
        KgenreError: the file holds vectors of another model, other settings or another decoder.
    """
    from kgenre.audio.open_reader import open_reader
    from kgenre.embeddings.store import Store
    from kgenre.serving.predict import predict_tracks

    store, reader = (
        Store(out, header_of(model, policy, probabilities), rows),
        open_reader(model.slice_spec, policy=policy),
    )
    with progress.task("embedding", len(rows), "tracks", len(rows) - len(store.missing)) as advance:
        results = predict_tracks(model, reader, store.missing, workers=workers, advance=advance)
        try:
            store.add_all(vectors_of(result, probabilities) for result in results)
        except KgenreError:
            progress.failures(reader.failures, "failed")
            raise
    return reader.failures, len(store.missing) - len(reader.failures)


def header_of(model, policy: ReadPolicy, probabilities: bool = False) -> dict:
    from kgenre.audio.open_reader import reader_versions
    from kgenre.embeddings.store import make_header

    own = {"labels": list(model.task.labels), "slices_per_track": policy.slices_per_track}
    own |= {"probabilities": True} if probabilities else {}
    versions = reader_versions(model.slice_spec, policy.decoder)
    return make_header(model.name, model.identity, {**model.slice_spec.values(), **own}, versions)


def vectors_of(result, probabilities: bool = False):
    """The TrackVectors of a track's result; with probabilities, these behind the embedding of each slice."""
    from kgenre.embeddings.store import TrackVectors

    slices = result.slices.embeddings
    if probabilities:
        slices = np.concatenate([slices, result.slices.probabilities], axis=1)
    return TrackVectors(result.path, result.seconds, np.array(result.facts.starts), slices)
