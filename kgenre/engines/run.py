"""Running work: what has no part yet is computed by an engine, and all parts are handed back."""

import contextlib
import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from kgenre.core.errors import DamagedFile, KgenreError
from kgenre.core.progress import SILENT, Progress
from kgenre.engines import ENGINES
from kgenre.engines.chunks import Chunk, make_chunks, part_of
from kgenre.engines.folder import PartsFolder
from kgenre.engines.plan import Plan
from kgenre.engines.settings import EngineSettings
from kgenre.engines.work import Items, Work, may_pass


@dataclass(frozen=True)
class Parts:
    """What was computed.

    folder: of the parts.
    names: files of the parts of this run's chunks, in the order of the items.
    items: of this run's chunks, their number.
    failures: {name: cause} of the items without a value.
    """

    folder: PartsFolder
    names: list[str]
    items: int
    failures: dict[str, str]

    @contextlib.contextmanager
    def local_files(self) -> Iterator[list[Path]]:
        """The parts as files of this machine; those at a URL are all fetched, for as long as the context lasts.

        A DamagedFile that is raised within it, of a part, ends in a KgenreError, as of `collect`.
        """
        with contextlib.ExitStack() as stack:
            files = {str(stack.enter_context(self.folder.local_file(name))): name for name in self.names}
            with _deleting(self.folder, files):
                yield list(map(Path, files))


@contextlib.contextmanager
def _deleting(folder: PartsFolder, files: dict[str, str]) -> Iterator[None]:
    """Deletes the part that is found damaged within it. files: {path: name of a part}."""
    try:
        yield
    except DamagedFile as error:
        if error.path not in files:
            raise
        folder.delete([files[error.path]])
        raise KgenreError(f"{error} It was deleted; repeat the command, which computes it again.") from error


def own_items(work: Work, items: Items, settings: EngineSettings) -> Items:
    """Those of the items that this run computes: all, or a K-th of them."""
    own = part_of(make_chunks(items, work.settings), settings.fraction)
    return {name: data for chunk in own for name, data in chunk.items.items()}


@contextlib.contextmanager
def computed(work: Work, items: Items, folder: PartsFolder, settings: EngineSettings, *more) -> Iterator[Parts]:
    """What `compute` returns, while no other run has the folder, but for the parts K/N of each other.

    The parts of a run of all items are deleted at the end of the context: what is made of them is then there.
    """
    with folder.locked(shared=not settings.is_whole):
        parts = compute(work, items, folder, settings, *more)
        yield parts
        if settings.is_whole:
            folder.remove(parts.names)


def compute(
    work: Work,
    items: Items,
    folder: PartsFolder,
    settings: EngineSettings,
    progress: Progress = SILENT,
    title: str = "computing",
    about: dict | None = None,
    unit: str = "tracks",
) -> Parts:
    """Computes the parts that are missing of all items, or of a K-th of them.

    A run that was stopped continues: a chunk whose part is in the folder is not computed again, but for one with
    failures that may have passed, or with an item that is lost (`Work.lost`).

    Args:
        items: {name: data}, in the order of the result.
        folder: of the parts; it is made where it is missing.
        about: what JSON takes, for whoever merges the parts (`engines.plan`).
        unit: what the items are, for people.

    Raises:
        KgenreError: the folder holds parts of other settings, a part is damaged, or the work fails.
    """
    plan = Plan.of(work, items, settings.fraction[1], about or {})
    plan.check(folder, settings.is_whole)
    own = part_of(plan.chunks, settings.fraction)
    there = folder.keys()
    kept = {chunk.key: there[chunk.key] for chunk in own if chunk.key in there}
    again = {chunk.key: kept[chunk.key] for chunk in own if chunk.key in kept and _is_stale(work, chunk, kept, folder)}
    folder.delete(list(again.values()))
    todo = [chunk for chunk in own if chunk.key not in kept or chunk.key in again]
    n_items, n_todo = (sum(len(chunk.items) for chunk in chunks) for chunks in (own, todo))
    if todo:
        plan.write(folder)
        with progress.task(title, n_items, unit, n_items - n_todo) as advance:
            engine = importlib.import_module(ENGINES[settings.engine].module)
            engine.run(work, todo, folder, settings, advance)
    there = folder.keys()
    if missing := [chunk for chunk in own if chunk.key not in there]:
        cause = (
            "Another process has removed them. Repeat the command, with a folder of its own as --parts-folder."
            if settings.engine == "local"
            else "Workers on other machines need a folder that all share: name it, or a URL such as s3://BUCKET/DIR, "
            "with --parts-folder."
        )
        raise KgenreError(f"{folder}: {len(missing)} of {len(own)} parts that workers wrote are not there. {cause}")
    parts = collect(work.failures, folder, [there[chunk.key] for chunk in own], n_items)
    values = {name: data for chunk in own for name, data in chunk.items.items() if name not in parts.failures}
    if lost := work.lost(values):
        raise KgenreError(
            f"{len(lost)} of {n_items} files that workers wrote are not there. First: {lost[0]}. Workers on other "
            "machines need a folder that all share: name it as the command's output."
        )
    return parts


def _is_stale(work: Work, chunk: Chunk, names: dict[str, str], folder: PartsFolder) -> bool:
    """Whether a chunk with a part is to be computed again."""
    found = collect(work.failures, folder, [names[chunk.key]], 0).failures
    values = {name: data for name, data in chunk.items.items() if name not in found}
    return any(may_pass(name, cause) for name, cause in found.items()) or bool(work.lost(values))


def collect(
    read_failures: Callable[[Path], dict[str, str]], folder: PartsFolder, names: list[str], n_items: int
) -> Parts:
    """The parts of these names, each of which is looked at.

    Raises:
        KgenreError: one is damaged; it is deleted, so that the same command computes it again.
    """
    failures = {}
    for name in names:
        with folder.local_file(name) as file, _deleting(folder, {str(file): name}):
            failures.update(read_failures(file))
    return Parts(folder, names, n_items, failures)
