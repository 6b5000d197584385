"""Embeddings of tracks by a model, computed where an embedding file has none yet."""

import dataclasses
import os
from pathlib import Path

from kgenre.audio.inputs import WAVEFORM, track_name
from kgenre.audio.policy import DEFAULT_POLICY, ReadPolicy
from kgenre.core.progress import SILENT, Progress
from kgenre.core.urls import is_url
from kgenre.embeddings.embed_work import EmbedWork, header_of
from kgenre.embeddings.store import Store
from kgenre.embeddings.work import compute_vectors
from kgenre.engines.settings import EngineSettings
from kgenre.serving.model_source import ModelSource


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

    from kgenre.audio.tags import Tags, read_tags
    from kgenre.audio.walk import expand_paths
    from kgenre.collections.tables import COLUMNS

    paths = [path if is_url(path) else os.path.abspath(path) for path in expand_paths(names, input)]
    paths = list(dict.fromkeys(paths))
    tags = [Tags() if is_url(path) else read_tags(path) for path in paths]
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
    engine: EngineSettings | None = None,
    source: ModelSource | None = None,
) -> tuple[dict[str, str], int]:
    """Computes the embeddings of the tracks that are missing in a file, and writes them to it.

    Args:
        model: as `open_model` returns it.
        rows: DataFrame of tracks, as a Collection's.
        out: path of the file, .npz or .parquet.
        workers: decoding threads.
        policy: how tracks are read; stored in the file, which holds vectors of one policy.
        probabilities: keep those of the labels too: the vector of a slice is its embedding, then its probabilities.
        engine: where they are computed, and which part of them; this process if not given.
        source: what opens the model in other processes, which only an engine with such needs.

    Returns:
        {path: cause} of the tracks that could not be used, and the number of tracks that were embedded. Of a part K/N
        both are of that part, and the file is left for `kgenre merge`.

    Raises:
        KgenreError: the file holds vectors of another model, other settings or another decoder.
    """
    header = header_of(model, policy, probabilities)
    source = dataclasses.replace(source or ModelSource(name=False), opened=model)
    work = EmbedWork(header, Path(out).suffix, source, workers, policy, probabilities)
    return compute_vectors(Store(out, header, rows), work, engine or EngineSettings(), progress, "embedding")
