"""The input of the classic classifiers: a vector a track, from statistics, embeddings or FMA's features.csv."""

import dataclasses
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from kgenre.audio.inputs import is_spectrogram
from kgenre.audio.policy import AUTO, ReadPolicy
from kgenre.baselines.fma_features import read_fma_features
from kgenre.core.errors import KgenreError
from kgenre.core.progress import SILENT, Progress
from kgenre.engines.settings import EngineSettings

# The clips of fma_small, fma_medium and fma_large are 30 s of these tracks: a figure on them is not of the same audio.
FMA_DESCRIPTION = "features.csv of FMA (computed on full-length tracks, not on 30 s clips)"
NOT_FINITE = "NaN or infinite values among its features."


@dataclass(frozen=True)
class VectorRequest:
    """What a source of vectors is given.

    on: a key of SOURCES, a file whose suffix is one, or the name or folder of a model.
    rows: table of the tracks, as a Collection's.
    out: folder in which computed vectors are kept.
    pool: one of embeddings.POOLS, or None.
    workers: processes or decoding threads.
    fma_features: path of FMA's features.csv, or None.
    decoder: of the tracks whose vectors are computed.
    engine: where these are computed, and which part of them.
    layer: of the run that `on` names, as of model.vector_layers; None for the embeddings of a model.
    """

    on: str
    rows: pd.DataFrame
    out: Path
    pool: str | None
    workers: int
    fma_features: str | None
    progress: Progress = SILENT
    decoder: str = AUTO
    engine: EngineSettings = EngineSettings()
    layer: str | None = None

    @property
    def file(self) -> Path:
        """In which computed vectors are kept."""
        return self.out / "features.npz"


@dataclass(frozen=True)
class Vectors:
    """One vector for each track.

    by_path: {path: (d,)}.
    failures: {path: cause} of the tracks that have none.
    description: what the vectors are, for the report.
    metadata: header of the embedding file that they come from.
    training_rows: tracks that the network behind the vectors was trained or selected on, as far as they are known.
    """

    by_path: dict[str, np.ndarray]
    failures: dict[str, str]
    description: str
    metadata: dict = dataclasses.field(default_factory=dict)
    training_rows: pd.DataFrame = dataclasses.field(default_factory=pd.DataFrame)

    def matrix(self, rows: pd.DataFrame) -> np.ndarray:
        """The vectors of the rows, float64 (rows, d)."""
        return np.stack([self.by_path[path] for path in rows["path"]]).astype("float64")


def track_vectors(request: VectorRequest) -> Vectors:
    """The vectors that `request.on` names; tracks whose values are not all finite are among the failures.

    Raises:
        KgenreError: the source cannot be read, or has a vector for none of the tracks.
    """
    if request.fma_features and request.on != "fma_features":
        raise KgenreError(f"`--fma-features` is for --on fma_features. Received: --on {request.on}. Leave it out.")
    found = (_source(request) or model_vectors)(request)
    bad = [path for path, vector in found.by_path.items() if not np.isfinite(vector).all()]
    finite = {path: vector for path, vector in found.by_path.items() if path not in bad}
    return dataclasses.replace(found, by_path=finite, failures={**found.failures, **dict.fromkeys(bad, NOT_FINITE)})


def _source(request: VectorRequest) -> Callable[[VectorRequest], Vectors] | None:
    """The row of SOURCES that `request.on` names; None for a model.

    Raises:
        KgenreError: `layer` of what is no model.
    """
    found = SOURCES.get(request.on) or SOURCES.get(Path(request.on).suffix.lower())
    if found and request.layer:
        raise KgenreError(f"`--layer` is for the folder of a run. Received: --on {request.on}. Leave it out.")
    return found


def folder_name(on: str, data: str, layer: str | None = None) -> str:
    """VECTORS-DATA, or VECTORS-LAYER-DATA, each by the last part of its path that is not the same for all."""
    parts = [part for part in Path(on).parts if part not in ("saved_model", "1", "models")]
    data_name = Path(data).parent.name if Path(data).stem == "manifest" else Path(data).stem
    return "-".join((Path(parts[-1] if parts else on).stem, *([layer] if layer else []), data_name))


def statistics_vectors(request: VectorRequest) -> Vectors:
    """Statistics of the audio, or of spectrograms, kept in features.npz in the folder of the results."""
    return _stored_vectors(request, request.file, compute_statistics(request)[0])


def compute_statistics(request: VectorRequest) -> tuple[dict[str, str], int]:
    """Computes the statistics that features.npz lacks, or a part of them; returns what `compute_vectors` does."""
    from kgenre.baselines.statistics_work import AUDIO, SPECTROGRAMS, StatisticsWork
    from kgenre.embeddings.store import Store
    from kgenre.embeddings.work import compute_vectors

    _refuse_pool(request)
    of = SPECTROGRAMS if all(map(is_spectrogram, request.rows["path"])) else AUDIO
    if of == SPECTROGRAMS:
        _refuse_decoder(request)
    work = StatisticsWork(of, request.file.suffix, request.workers, request.decoder)
    store = Store(request.file, work.header, request.rows)
    failures, new = compute_vectors(store, work, request.engine, request.progress, "statistics")
    request.progress.failures(failures)
    return failures, new


def model_vectors(request: VectorRequest) -> Vectors:
    """Embeddings by a model, or a layer's outputs, kept in features.npz in the folder of the results."""
    found = _stored_vectors(request, request.file, compute_embeddings(request)[0])
    if request.layer is None:
        return found
    description = f"{request.pool or 'mean'} output of the layer {request.layer} of {request.on}"
    return dataclasses.replace(found, description=description)


def compute_embeddings(request: VectorRequest) -> tuple[dict[str, str], int]:
    """As `compute_statistics`, embeddings."""
    from kgenre.baselines.layer_model import LayerModel
    from kgenre.embeddings.extract import embed
    from kgenre.serving.catalogue import open_model
    from kgenre.serving.model_source import ModelSource

    if request.layer is None:
        model, source = open_model(request.on), ModelSource(request.on)
    else:
        model, source = LayerModel(request.on, request.layer), ModelSource(name=False)
    own = (request.workers, ReadPolicy(decoder=request.decoder), request.progress)
    failures, new = embed(model, request.rows, request.file, *own, engine=request.engine, source=source)
    request.progress.failures(failures)
    return failures, new


def compute_part(request: VectorRequest) -> tuple[dict[str, str], int]:
    """Computes the part K/N of the vectors that `request.engine` names; returns what `compute_vectors` does.

    Raises:
        KgenreError: the vectors are read, not computed.
    """
    source = _source(request)
    if source is statistics_vectors:
        return compute_statistics(request)
    if source:
        raise KgenreError(f"`--part` is for vectors that are computed; {request.on} holds them. Leave it out.")
    return compute_embeddings(request)


def file_vectors(request: VectorRequest) -> Vectors:
    """Embeddings of a file that `kgenre embed` wrote."""
    _refuse_decoder(request)
    return _stored_vectors(request, Path(request.on), {})


def fma_vectors(request: VectorRequest) -> Vectors:
    """Rows of FMA's features.csv, found by the track_id of the collection."""
    path = request.fma_features or (request.on if request.on.endswith(".csv") else None)
    if path is None:
        raise KgenreError(
            "fma_features needs the file: name features.csv of FMA's metadata with --fma-features, or the dataset with "
            "--data fma_small."
        )
    _refuse_pool(request)
    _refuse_decoder(request)
    ids = dict(zip(request.rows["path"], request.rows["track_id"]))
    numbers = {name: int(text) for name, text in ids.items() if text.isdecimal()}
    found = read_fma_features(path, set(numbers.values()))
    by_path = {name: found[number] for name, number in numbers.items() if number in found}
    if not by_path:
        raise KgenreError(
            f"{path}: has no row for any track_id of the collection, such as {next(iter(ids.values()))}. "
            "Name the features.csv of the same edition of FMA."
        )
    missing = [name for name in ids if name not in by_path]
    if missing:
        some = ", ".join(ids[name] for name in missing[:5]) + (", ..." if len(missing) > 5 else "")
        request.progress.line(f"left out: {len(missing)} tracks that have no row in {path}: {some}")
    return Vectors(by_path, {name: f"no row in {path}." for name in missing}, FMA_DESCRIPTION)


SOURCES: dict[str, Callable[[VectorRequest], Vectors]] = {
    "stats": statistics_vectors,
    "fma_features": fma_vectors,
    ".csv": fma_vectors,
    ".npz": file_vectors,
    ".parquet": file_vectors,
}


def _stored_vectors(request: VectorRequest, path: Path, failures: dict[str, str]) -> Vectors:
    """The collection's tracks from an embedding file; `failures` are those of computing it."""
    from kgenre.embeddings.files import read_embeddings

    embeddings, pool = read_embeddings(path, slices=False), request.pool or "mean"
    pooled = dict(zip(embeddings.table["path"], embeddings.pooled(pool)))
    by_path = {name: pooled[name] for name in request.rows["path"] if name in pooled}
    if not by_path:
        raise KgenreError(f"{path}: holds none of the tracks of the collection. Embed them with `kgenre embed`.")
    absent = {name: f"not in {path}." for name in request.rows["path"] if name not in by_path}
    model = embeddings.header["model"]
    shown = os.path.relpath(model) if Path(model).is_relative_to(Path.cwd()) else model
    description = model if model == "stats" else f"{pool} embedding of {shown}"
    return Vectors(by_path, {**absent, **failures}, description, embeddings.header, training_rows_of(model))


def training_rows_of(model: str) -> pd.DataFrame:
    """The tracks that the run of this name was trained or selected on; an empty table for another model."""
    from kgenre.training.run import Run

    run = Run(model)
    return run.training_rows("train", "valid") if run.begun else pd.DataFrame()


def run_seed(on: str) -> dict[str, int]:
    """{"seed": of the run that `on` names}, or {}: a collection without a split is then split as the run's was."""
    from kgenre.training.run import Run

    run = Run(on)
    return {"seed": run.load_settings().training.seed} if run.begun else {}


def _refuse_decoder(request: VectorRequest) -> None:
    if request.decoder != AUTO:
        raise KgenreError(f"`--decoder` is for audio; {request.on} needs none here. Leave it out.")


def _refuse_pool(request: VectorRequest) -> None:
    if request.pool:
        raise KgenreError(f"`--pool` is for embeddings of slices; {request.on} has one vector a track. Leave it out.")
