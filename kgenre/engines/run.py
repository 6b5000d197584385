"""Running work: what has no part yet is computed by an engine, and all parts are handed back."""

import contextlib
import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from kgenre.core.errors import KgenreError
from kgenre.core.progress import SILENT, Progress
from kgenre.engines import ENGINES
from kgenre.engines.chunks import make_chunks, part_of
from kgenre.engines.folder import PartsFolder
from kgenre.engines.plan import Plan
from kgenre.engines.settings import EngineSettings
from kgenre.engines.work import Items, Work


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
        """The parts as files of this machine; those at a URL are all fetched, for as long as the context lasts."""
        with contextlib.ExitStack() as stack:
            yield [stack.enter_context(self.folder.local_file(name)) for name in self.names]


def own_items(work: Work, items: Items, settings: EngineSettings) -> Items:
    """Those of the items that this run computes: all, or a K-th of them."""
    own = part_of(make_chunks(items, work.settings), settings.fraction)
    return {name: data for chunk in own for name, data in chunk.items.items()}


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

    A run that was stopped continues: a chunk whose part is in the folder is not computed again.

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
    todo = [chunk for chunk in own if chunk.key not in there]
    n_items, n_todo = (sum(len(chunk.items) for chunk in chunks) for chunks in (own, todo))
    if todo:
        plan.write(folder)
        with progress.task(title, n_items, unit, n_items - n_todo) as advance:
            engine = importlib.import_module(ENGINES[settings.engine].module)
            engine.run(work, todo, folder, settings, advance)
    there = folder.keys()
    if missing := [chunk for chunk in own if chunk.key not in there]:
        raise KgenreError(
            f"{folder}: {len(missing)} of {len(own)} parts that workers wrote are not there. Workers on other machines "
            "need a folder that all share: name it, or a URL such as s3://BUCKET/DIR, with --parts."
        )
    return collect(work.failures, folder, [there[chunk.key] for chunk in own], n_items)


def collect(
    read_failures: Callable[[Path], dict[str, str]], folder: PartsFolder, names: list[str], n_items: int
) -> Parts:
    """The parts of these names, each of which is looked at.

    Raises:
        KgenreError: one is damaged; it is deleted, so that the same command computes it again.
    """
    failures = {}
    for name in names:
        with folder.local_file(name) as file:
            try:
                failures.update(read_failures(file))
            except KgenreError as error:
                folder.delete([name])
                raise KgenreError(f"{error} It was deleted; repeat the command, which computes it again.") from error
    return Parts(folder, names, n_items, failures)
