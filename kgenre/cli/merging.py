"""What `kgenre merge` does with the parts of each kind of work."""

from collections.abc import Callable
from pathlib import Path

from kgenre.core.errors import KgenreError, check_known
from kgenre.engines.folder import PartsFolder
from kgenre.engines.plan import Plan
from kgenre.engines.records import record_failures
from kgenre.engines.run import Parts, collect


def merge(url: str, out: Path) -> tuple[dict[str, str], int, str]:
    """Merges all parts of a folder into a file or folder, and deletes them.

    Returns:
        {path: cause} of the tracks that could not be used, the number of all items, and what these are.

    Raises:
        KgenreError: parts are missing, with what to type; one is damaged; or the output cannot be written.
    """
    plan = Plan.read(url)
    check_known("kind of parts", plan.kind, MERGES, where=f"{url}: ")
    folder = PartsFolder(url, plan.suffix)
    if missing := plan.missing(folder):
        there = folder.keys()
        n_chunks = sum(chunk.key not in there for chunk in plan.chunks)
        given = f"--part K/{plan.n_parts} for K={','.join(map(str, missing))}" if plan.n_parts > 1 else "all flags"
        raise KgenreError(
            f"{url}: {n_chunks} of {len(plan.chunks)} parts are missing. Repeat the command that computes them, "
            f"with {given}; it continues where it stopped."
        )
    n_items, (read_failures, write) = len(plan.items), MERGES[plan.kind]
    parts = collect(read_failures, folder, plan.names(folder), n_items)
    write(plan, parts, out)
    folder.remove()
    return parts.failures, n_items, plan.about.get("unit", "tracks")


def _vector_failures(path: Path) -> dict[str, str]:
    from kgenre.embeddings.work import vector_failures

    return vector_failures(path)


def _vectors(plan: Plan, parts: Parts, out: Path) -> None:
    from kgenre.embeddings.work import merge_vectors

    with parts.local_files() as files:
        merge_vectors(plan, files, out)


def _predictions(plan: Plan, parts: Parts, out: Path) -> None:
    from kgenre.cli.predictions import merge_predictions

    merge_predictions(plan, parts, out)


def _features(plan: Plan, parts: Parts, out: Path) -> None:
    from kgenre.collections.feature_files import merge_features

    merge_features(plan, parts.failures, out)


def _shards(plan: Plan, parts: Parts, out: Path) -> None:
    from kgenre.preparation.prepare import prepare
    from kgenre.preparation.request import Request

    prepare(Request({}, {}), out, 1, plan.about["max_bad_share"])


# {kind of a Work: (failures of a part as of Work, (plan, parts, out) -> None)}
MERGES: dict[str, tuple[Callable, Callable[[Plan, Parts, Path], None]]] = {
    "vectors": (_vector_failures, _vectors),
    "predictions": (record_failures, _predictions),
    "features": (record_failures, _features),
    "shards": (record_failures, _shards),
}
