"""The computing of vectors of tracks as work for an engine, whose parts are embedding files."""

import abc
import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pandas as pd

from kgenre.audio.signature import AT_A_URL, signature
from kgenre.core.errors import KgenreError
from kgenre.core.progress import Progress
from kgenre.embeddings.columns import TEXTS
from kgenre.embeddings.files import FORMATS, read_header
from kgenre.embeddings.store import MUST_AGREE, Store, TrackVectors
from kgenre.engines.folder import PartsFolder, parts_of
from kgenre.engines.plan import Plan
from kgenre.engines.run import computed
from kgenre.engines.settings import EngineSettings
from kgenre.engines.work import Failure, Items, Results, Work

FAILURES = "failures"  # in the header of a part: {path: cause}


class VectorWork(Work):
    """Gives vectors of tracks.

    Args:
        header: of `make_header`.
        suffix: of the embedding file that is to be written, which its parts have, too.
    """

    kind = "vectors"

    def __init__(self, header: dict, suffix: str):
        self.header, self.suffix = header, suffix.lower()
        self.settings = {name: header[name] for name in ("identity", "config", "decoder", "decoder_versions")}

    @abc.abstractmethod
    def vectors(self, threads: int | None) -> Callable[[Items], Iterator[tuple[str, TrackVectors | str]]]:
        """As `open`; of a track that has no vectors, why."""

    def open(self, threads: int | None = None) -> Callable[[Items], Results]:
        function = self.vectors(threads)

        def results(items: Items) -> Results:
            with contextlib.closing(function(items)) as answers:
                for path, found in answers:
                    yield path, Failure(found) if isinstance(found, str) else found

        return results

    def write(self, path: Path, items: Items, results: Mapping[str, object]) -> None:
        failures = {name: result.cause for name, result in results.items() if isinstance(result, Failure)}
        tracks = [result for name, result in results.items() if name not in failures]
        table = pd.DataFrame({"path": [track.path for track in tracks]}, dtype=object).reindex(columns=list(TEXTS))
        signatures = [items[track.path] or signature(track.path) or AT_A_URL for track in tracks]
        table = table.fillna("").assign(  # the other texts are those that the tracks have when parts are merged
            seconds=[track.seconds for track in tracks],
            slices=[len(track.slices) for track in tracks],
            size=[size for size, _ in signatures],
            mtime_ns=[mtime for _, mtime in signatures],
        )
        vectors = ((track.starts, track.slices) for track in tracks)
        FORMATS[self.suffix].write(path, {**self.header, FAILURES: failures}, table, vectors)

    def failures(self, path: Path) -> dict[str, str]:
        return vector_failures(path)


def vector_failures(path: Path) -> dict[str, str]:
    """{path: cause} of the failures of a part of vectors, as of Work."""
    return read_header(path)[FAILURES]


def check_agrees(header: dict, wanted: dict) -> None:
    """Raises KgenreError where a worker would compute with another model, other settings or another decoder."""
    for name, what in {**MUST_AGREE, "decoder_versions": "other versions of the decoder"}.items():
        if header[name] != wanted[name]:
            import socket

            raise KgenreError(
                f"{socket.gethostname()}: a worker has {what}: {name}={header[name]}, where the command has "
                f"{wanted[name]}. Install the same versions of kgenre, of the decoders and of the model there."
            )


def compute_vectors(
    store: Store, work: VectorWork, engine: EngineSettings, progress: Progress, title: str
) -> tuple[dict[str, str], int]:
    """Computes what a Store is missing, or a part of it; once all is there, writes the file and removes the parts.

    Returns:
        {path: cause} of the tracks that could not be used, and the number of those that were computed.

    Raises:
        KgenreError: as `engines.run.compute` and `Store.finish`.
    """
    folder = PartsFolder(parts_of(engine, store.path), work.suffix)
    rows = {name: list(store.rows[name].astype(object)) for name in TEXTS}
    about = {"header": work.header, "rows": rows}
    with computed(work, store.missing, folder, engine, progress, title, about) as parts:
        if engine.is_whole:
            try:
                with parts.local_files() as files:
                    store.finish(files)
            except KgenreError:
                progress.failures(parts.failures, "failed")
                raise
    return parts.failures, parts.items - len(parts.failures)


def merge_vectors(plan: Plan, files: list[Path], out: Path) -> None:
    """Writes an embedding file of parts that `compute_vectors` left.

    Raises:
        KgenreError: as Store.
    """
    rows = pd.DataFrame(plan.about["rows"], dtype=object).astype("string").fillna("")
    Store(out, plan.about["header"], rows, plan.items).finish(files)
