"""A collection described, or searched for duplicates: what `kgenre datasets` calls."""

import functools
from pathlib import Path

import pandas as pd

from kgenre.audio.policy import AUTO
from kgenre.baselines.vectors import VectorRequest, Vectors, folder_name, track_vectors
from kgenre.collections.splits import Collection
from kgenre.core.errors import KgenreError
from kgenre.core.files import make_output_folder
from kgenre.core.progress import SILENT, Progress
from kgenre.inspection.alignment import envelope
from kgenre.inspection.description import Description, describe
from kgenre.inspection.duplicates import THRESHOLD, check_threshold, find_duplicates
from kgenre.inspection.files import audio_hashes, file_facts
from kgenre.inspection.scatter import SAMPLE, Scatter, lay_out, sample_rows
from kgenre.inspection.spectrogram_files import are_spectrograms, spectrogram_envelope, tells_of

KEEP = Path("data") / "inspection"
STATISTICS, DEFAULT_MODEL = "stats", "default"  # of VectorRequest.on
FEWEST = 3  # tracks that are drawn


def describe_collection(
    collection: Collection,
    model: str | None = None,
    keep: Path | None = None,
    sample: int = SAMPLE,
    workers: int = 1,
    decoder: str = AUTO,
    seed: int = 0,
    progress: Progress = SILENT,
) -> tuple[Description, Scatter | None]:
    """The description of a collection, and its tracks by t-SNE.

    Args:
        model: whose embeddings are laid out; None for statistics of librosa features, or of spectrograms.
        keep: folder in which the vectors are kept, so that a stopped run continues; None for KEEP.
        sample: tracks that are laid out, at most; 0 for none.
        workers: processes, and threads of decoding.
        seed: of the sample and of t-SNE.

    Raises:
        KgenreError: a sample below 0; or the kept vectors are of another decoder or version.
    """
    if sample < 0:
        raise KgenreError(f"--sample must be at least 0. Received: {sample}.")
    paths = collection.table["path"].tolist()
    rate = tells_of(collection.name) if are_spectrograms(paths) else None
    files = file_facts(paths, workers, progress, decoder, rate)
    found = describe(collection, files)
    readable = collection.table[~collection.table["path"].isin(found.unreadable)]
    if sample == 0 or len(readable) == 0:
        return found, None
    rows = sample_rows(readable, sample, seed)
    vectors = _vectors(collection.name, rows, model or STATISTICS, keep, workers, decoder, progress)
    rows = rows[rows["path"].isin(vectors.by_path)].reset_index(drop=True)
    unreadable = {**found.unreadable, **vectors.failures}
    found = Description(**{**vars(found), "unreadable": unreadable})
    if len(rows) < FEWEST:
        return found, None
    n_tracks = len(collection.table)
    words = vectors.description if model or are_spectrograms(paths) else "518 statistics of librosa features"
    return found, lay_out(rows, vectors.matrix(rows), words, n_tracks, seed, progress)


def collection_duplicates(
    collection: Collection,
    model: str | None = None,
    keep: Path | None = None,
    threshold: float = THRESHOLD,
    workers: int = 1,
    decoder: str = AUTO,
    progress: Progress = SILENT,
) -> tuple[pd.DataFrame, dict[str, str]]:
    """The pairs of a collection that are one recording, as `find_duplicates`, and {path: cause} of unusable tracks.

    Args:
        model: whose embeddings say which tracks are compared; None for the default model, and for statistics of
            spectrograms.
        keep: as in `describe_collection`.

    Raises:
        KgenreError: a threshold that is not in (0, 1]; no such model; or the kept vectors are of another one.
    """
    check_threshold(threshold)
    rows = collection.table
    paths = rows["path"].tolist()
    spectrograms = are_spectrograms(paths)
    hashes = audio_hashes(paths, workers, progress)
    of_audio = functools.partial(envelope, decoder=decoder)
    on, envelope_of = (STATISTICS, spectrogram_envelope) if spectrograms else (DEFAULT_MODEL, of_audio)
    vectors = _vectors(collection.name, rows, model or on, keep, workers, decoder, progress)
    pairs, failures = find_duplicates(rows, vectors.by_path, hashes, threshold, workers, progress, envelope_of)
    return pairs, {**vectors.failures, **failures}


def _vectors(
    name: str, rows: pd.DataFrame, on: str, keep: Path | None, workers: int, decoder: str, progress: Progress
) -> Vectors:
    folder = make_output_folder((keep or KEEP) / folder_name(on, name))
    return track_vectors(VectorRequest(on, rows, folder, None, workers, None, progress, decoder))
