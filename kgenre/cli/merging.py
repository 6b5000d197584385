"""What `kgenre merge` does with the parts of each kind of work."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from kgenre.core.errors import KgenreError, check_known
from kgenre.engines.folder import PartsFolder
from kgenre.engines.plan import Plan
from kgenre.engines.records import record_failures
from kgenre.engines.run import Parts, collect
from kgenre.engines.settings import EngineSettings


def merge(url: str, out: Path) -> tuple[dict[str, str], int, str]:
    """Merges all parts of a folder into a file or folder, and deletes them.

    Returns:
        {path: cause} of the tracks that could not be used, the number of what was merged, and what this is.

    Raises:
        KgenreError: parts are missing, with what to type; one is damaged; they are of another folder; or the output
            cannot be written.
    """
    plan = Plan.read(url)
    check_known("kind of parts", plan.kind, MERGES, where=f"{url}: ")
    if (held := plan.about.get("out")) and Path(held) != out.resolve():
        raise KgenreError(f"{url}: holds parts of {held}. Received: --out {out}. Name that folder with --out.")
    folder = PartsFolder(url, plan.suffix)
    if missing := plan.missing(folder):
        there = folder.keys()
        n_chunks = sum(chunk.key not in there for chunk in plan.chunks)
        given = f"--part K/{plan.n_parts} for K={','.join(map(str, missing))}" if plan.n_parts > 1 else "all flags"
        raise KgenreError(
            f"{url}: {n_chunks} of {len(plan.chunks)} chunks are missing. Give the command that computes them, with "
            f"{given}; what was begun continues where it stopped."
        )
    failures, n_merged = MERGES[plan.kind](plan, folder, out)
    return failures, n_merged, plan.about.get("unit", "tracks")


@contextlib.contextmanager
def _collected(
    plan: Plan, folder: PartsFolder, failures: Callable[[Path], dict[str, str]] = record_failures
) -> Iterator[Parts]:
    """All parts, which are deleted at the end of the context. failures: of a part, as of Work."""
    with folder.locked(shared=False):
        parts = collect(failures, folder, plan.names(folder), len(plan.items))
        yield parts
        folder.remove(parts.names)


def _vectors(plan: Plan, folder: PartsFolder, out: Path) -> tuple[dict[str, str], int]:
    from kgenre.embeddings.work import merge_vectors, vector_failures

    with _collected(plan, folder, vector_failures) as parts, parts.local_files() as files:
        merge_vectors(plan, files, out)
    return parts.failures, parts.items - len(parts.failures)


def _predictions(plan: Plan, folder: PartsFolder, out: Path) -> tuple[dict[str, str], int]:
    from kgenre.cli.predictions import merge_predictions

    with _collected(plan, folder) as parts:
        merge_predictions(plan, parts, out)
    return parts.failures, parts.items - len(parts.failures)


def _features(plan: Plan, folder: PartsFolder, out: Path) -> tuple[dict[str, str], int]:
    from kgenre.collections.feature_files import merge_features

    with _collected(plan, folder) as parts:
        merge_features(plan, parts.failures, out)
    return parts.failures, parts.items - len(parts.failures)


def _shards(plan: Plan, folder: PartsFolder, out: Path) -> tuple[dict[str, str], int]:
    from kgenre.preparation.prepare import prepare
    from kgenre.preparation.request import Request

    done = prepare(Request({}, {}), out, 1, engine=EngineSettings(parts_folder=folder.url))
    return done.failures, done.shards


# {kind of a Work: (plan, parts, out) -> {path: cause} of what could not be used, and how much was merged}
MERGES: dict[str, Callable[[Plan, PartsFolder, Path], tuple[dict[str, str], int]]] = {
    "vectors": _vectors,
    "predictions": _predictions,
    "features": _features,
    "shards": _shards,
}
