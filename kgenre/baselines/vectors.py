"""What the classic classifiers see: one vector a track, from statistics, embeddings or FMA's features.csv."""

import dataclasses
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from kgenre.core.errors import KgenreError
from kgenre.core.progress import SILENT, Progress

NOT_FINITE = "NaN or infinite values among its features."


@dataclass(frozen=True)
class Request:
    """What a source of vectors needs to know: the value of --on, the tracks, and where to keep what it computes."""

    on: str
    rows: pd.DataFrame
    out: Path
    pool: str | None
    workers: int
    fma_features: str | None
    progress: Progress = SILENT


@dataclass(frozen=True)
class Vectors:
    """One vector a track, {path: (d,)}; why others have none, {path: cause}; and what they are, in words.

    taught: rows that the network behind the vectors was itself fitted or chosen on, as far as that is known.
    """

    of: dict[str, np.ndarray]
    failures: dict[str, str]
    says: str
    facts: dict = dataclasses.field(default_factory=dict)
    taught: pd.DataFrame = dataclasses.field(default_factory=pd.DataFrame)


def of_stats(request: Request) -> Vectors:
    """Statistics of the audio, kept in features.npz of the folder of the results."""
    from kgenre.baselines import statistics as stats
    from kgenre.embeddings.store import Store

    refuse_pool(request)
    store, failures = Store(request.out / "features.npz", stats.stats_header(), request.rows), {}
    n_tracks, todo = len(request.rows), store.lacking
    with request.progress.task("statistics", n_tracks, "tracks", n_tracks - len(todo)) as advance:
        try:
            store.fill(stats.of_tracks(todo, request.workers, failures, advance))
        finally:
            request.progress.failures(failures)
    return stored(request, store.path, failures)


def of_model(request: Request) -> Vectors:
    """Embeddings by a model, kept in features.npz of the folder of the results."""
    from kgenre.embeddings.extract import embed
    from kgenre.serving.catalogue import open_model

    path = request.out / "features.npz"
    failures, _ = embed(open_model(request.on), request.rows, path, request.workers, request.progress)
    request.progress.failures(failures)
    return stored(request, path, failures)


def of_file(request: Request) -> Vectors:
    """Embeddings of a file that `kgenre embed` wrote."""
    return stored(request, Path(request.on), {})


def stored(request: Request, path: Path, failures: dict[str, str]) -> Vectors:
    """The collection's tracks out of an embedding file."""
    from kgenre.embeddings.files import read_embeddings

    embeddings, pool = read_embeddings(path, slices=False), request.pool or "mean"
    vectors = dict(zip(embeddings.table["path"], embeddings.pooled(pool)))
    wanted = {name: vectors[name] for name in request.rows["path"] if name in vectors}
    if not wanted:
        raise KgenreError(f"{path}: holds none of the tracks of the collection. Embed them with `kgenre embed`.")
    for name in request.rows["path"]:
        if name not in wanted:
            failures.setdefault(name, f"not in {path}.")
    model = embeddings.header["model"]
    says = model if model == "stats" else f"{pool} embedding of {model}"
    return Vectors(wanted, failures, says, embeddings.header, taught_by(model))


def taught_by(model: str) -> pd.DataFrame:
    """The train and valid tracks of the run of this name; none of another model."""
    from kgenre.training.run import Run

    run = Run(model)
    if not run.begun:
        return pd.DataFrame()
    tracks = run.load_tracks()
    return tracks[tracks["split"].isin(("train", "valid"))]


def of_fma(request: Request) -> Vectors:
    """Rows of FMA's features.csv, found by the track_id of the manifest."""
    path = request.fma_features or (request.on if request.on.endswith(".csv") else None)
    if path is None:
        raise KgenreError("fma_features needs the file: name features.csv of FMA's metadata with --fma-features.")
    refuse_pool(request)
    ids = {
        name: int(text) if text.isdecimal() else None for name, text in request.rows[["path", "track_id"]].to_numpy()
    }
    found = read_fma_features(path, {number for number in ids.values() if number is not None})
    of = {name: found[number] for name, number in ids.items() if number in found}
    missing = [name for name in ids if name not in of]
    if not of:
        raise KgenreError(
            f"{path}: has no row for any track_id of the collection, as {request.rows['track_id'].iloc[0]}."
        )
    if missing:
        names = ", ".join(request.rows.set_index("path").loc[missing[:5], "track_id"])
        more = ", ..." if len(missing) > 5 else ""
        print(f"left out: {len(missing)} tracks that have no row in {path}: {names}{more}", file=sys.stderr)
    return Vectors(of, {name: f"no row in {path}." for name in missing}, "features.csv of FMA")


def read_fma_features(path, wanted: set[int]) -> dict[int, np.ndarray]:
    """{track_id: float32 (518,)} of the ids that are wanted; three header rows, read a piece at a time."""
    try:
        pieces = pd.read_csv(path, header=[0, 1, 2], index_col=0, chunksize=4096)
        return {
            int(number): row.to_numpy("float32")
            for piece in pieces
            for number, row in piece[piece.index.isin(wanted)].iterrows()
        }
    except (OSError, ValueError) as error:
        cause = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise KgenreError(f"{path}: not a readable features.csv of FMA ({cause}).") from error


def refuse_pool(request: Request) -> None:
    if request.pool:
        raise KgenreError(f"`--pool` is for embeddings of slices; {request.on} has one vector a track. Leave it out.")


SOURCES: dict[str, Callable[[Request], Vectors]] = {
    "stats": of_stats,
    "fma_features": of_fma,
    ".csv": of_fma,
    ".npz": of_file,
    ".parquet": of_file,
}


def track_vectors(request: Request) -> Vectors:
    """The vectors that --on names: a row of SOURCES by name or by suffix, else a model's embeddings."""
    source = SOURCES.get(request.on) or SOURCES.get(Path(request.on).suffix.lower()) or of_model
    found = source(request)
    odd = [path for path, vector in found.of.items() if not np.isfinite(vector).all()]
    of = {path: vector for path, vector in found.of.items() if path not in odd}
    return dataclasses.replace(found, of=of, failures={**found.failures, **dict.fromkeys(odd, NOT_FINITE)})
