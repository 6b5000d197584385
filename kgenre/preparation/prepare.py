"""Preparing a set: the plan, its shards by an engine, and the files that make the folder a collection."""

import dataclasses
from pathlib import Path

from kgenre.audio.inputs import is_spectrogram
from kgenre.audio.reader import check_bad_share
from kgenre.audio.settings import ReaderSettings
from kgenre.audio.verified import damaged_shards
from kgenre.collections import load_collection, read_tracks
from kgenre.collections.prepared import MANIFEST, PLAN, is_prepared, read_manifest_of
from kgenre.collections.settings import CollectionOptions
from kgenre.core.errors import KgenreError
from kgenre.core.files import is_part, locked, make_output_folder, remove_parts
from kgenre.core.parallel import map_in_order
from kgenre.core.progress import SILENT, Progress
from kgenre.core.published import check_space
from kgenre.engines.folder import PartsFolder, parts_of
from kgenre.engines.run import computed, own_items
from kgenre.engines.settings import EngineSettings
from kgenre.preparation.index import PreparedSet, what_is_prepared, write_index
from kgenre.preparation.plan import BYTES_PER_SAMPLE, Plan, ShardPlan, check_unchanged, make_plan, read_plan
from kgenre.preparation.request import Request
from kgenre.preparation.shard_writer import fails_still, written_facts
from kgenre.preparation.work import ShardWork, shard_items

LOCK = ".lock"
SPARE_BYTES = 64 << 20  # beside the samples: tables, lists, and lengths that headers state a little too short


def prepare(
    request: Request,
    folder: Path,
    workers: int,
    verify: bool = False,
    progress: Progress = SILENT,
    engine: EngineSettings | None = None,
) -> PreparedSet | int:
    """Writes a set, or what is missing of one that was begun.

    Args:
        workers: processes, where the command computes.
        verify: read the shards that are there, and write those again that are damaged. Where none is, the collection
            is not needed.
        engine: where it is computed, and which part of it.

    Returns:
        The set; of a part K/N, which leaves the set unfinished, the number of its shards.

    Raises:
        KgenreError: the folder holds something else or a set of other settings, the collection has changed, another
            process writes there, or there is no space.
    """
    engine = engine or EngineSettings()
    if not is_prepared(folder):
        request.over(folder, None)  # before a folder is made
    make_output_folder(folder, "--out")
    busy = f"{folder}: another `kgenre prepare` writes into it. Wait for it to end, or name another folder with --out."
    with locked(folder / LOCK, busy, shared=not engine.is_whole):
        if engine.is_whole:
            remove_parts(folder)  # of writers that were killed
        plan = _held_plan(folder)
        values = request.over(folder, plan)
        damaged = _damaged(plan.shards(folder), folder, workers, progress) if verify and plan else {}
        if verify and plan and not damaged and (whole := _what_is_there(folder, plan)):
            return whole
        try:
            tracks, collection = _load(values, progress)
            plan = _current_plan(folder, plan, values, collection, request.max_bad_share, workers, progress)
        except KgenreError as error:
            if damaged:
                raise KgenreError(f"{folder}: {len(damaged)} shards cannot be written again. {error}") from error
            raise
        for shard in damaged:
            shard.facts_file.unlink(missing_ok=True)
        shards = plan.shards(folder)
        n_shards = _write_missing(ShardWork(plan, folder, workers), shards, folder, engine, progress)
        if not engine.is_whole:
            return n_shards
        remove_parts(folder)
        facts = {shard.number: written_facts(shard) for shard in shards}
        found = write_index(folder, plan, facts, tracks, collection)
        if damaged:
            progress.line(f"written again: {', '.join(shard.file.name for shard in damaged)}")
        return found


def _what_is_there(folder: Path, plan: Plan) -> PreparedSet | None:
    """The set, if it is complete."""
    facts = {shard.number: written_facts(shard) for shard in plan.shards(folder)}
    if not (folder / MANIFEST).is_file() or None in facts.values():
        return None
    return what_is_prepared(plan, facts, read_manifest_of(folder))


def _current_plan(folder: Path, plan: Plan | None, values: dict, collection, max_bad_share, workers, progress) -> Plan:
    """The plan of the set that was begun, with the share of bad files that is asked for; or a new one.

    Raises:
        KgenreError: the collection has changed, or too many of its files cannot be used.
    """
    paths = list(collection.table["path"])
    if plan is None:
        share = ReaderSettings().max_bad_share if max_bad_share is None else max_bad_share
        plan = make_plan(values, paths, workers, share, progress)
        failures = {source.file: source.cause for source in plan.sources if source.cause}
        check_bad_share(failures, len(plan.sources), share)
        plan.save(folder)
        return plan
    check_unchanged(folder, plan, paths)
    if max_bad_share not in (None, plan.max_bad_share):
        plan = dataclasses.replace(plan, max_bad_share=max_bad_share)
        plan.save(folder)
    return plan


def _load(values: dict, progress: Progress):
    """The tracks as they are read, and their collection with a split.

    Raises:
        KgenreError: they are spectrograms, or slices of tracks.
    """
    data = values["data"]
    options = CollectionOptions(**{name: values[name] for name in CollectionOptions.model_fields})
    if options.protocol == "random-slice":
        raise KgenreError(
            f"{data}: the protocol random-slice cuts tracks into slices of a network. Prepare them whole, without "
            "--protocol, and give it to `kgenre train` with --data and the prepared folder."
        )
    tracks = read_tracks(data, progress=progress)
    if any(map(is_spectrogram, tracks.table["path"])):
        raise KgenreError(
            f"{data}: holds spectrograms, which are read at random as they are. Give them to `kgenre train` as --data."
        )
    return tracks, load_collection(data, seed=values["seed"], progress=progress, options=options, tracks=tracks)


def _held_plan(folder: Path) -> Plan | None:
    """The plan of a set that was begun; None in an empty folder.

    Raises:
        KgenreError: the folder holds something else.
    """
    if is_prepared(folder):
        return read_plan(folder)
    own = (LOCK, PLAN)  # the plan may have come this moment, of another part K/N
    if others := sorted(path.name for path in folder.iterdir() if path.name not in own and not is_part(path)):
        raise KgenreError(f"{folder}: holds {others[0]}, and no set. Name another folder with --out.")
    return None


def _write_missing(
    work: ShardWork, shards: list[ShardPlan], folder: Path, engine: EngineSettings, progress: Progress
) -> int:
    """Writes those shards of this run that are not there; the number of all of this run."""
    items = shard_items(shards)
    own = own_items(work, items, engine)
    mine = [shard for shard in shards if shard.file.name in own]
    for shard in _recovered(mine, work.workers, progress):
        shard.facts_file.unlink()
    todo = [shard for shard in mine if not written_facts(shard)]
    if todo:
        (folder / MANIFEST).unlink(missing_ok=True)  # it tells that all is there
        needed = sum(source.samples for shard in todo for _, source in shard.sources) * BYTES_PER_SAMPLE
        check_space(folder, needed + SPARE_BYTES, f"the set ({len(todo)} shards to write)")
    parts = PartsFolder(parts_of(engine, folder), work.suffix)
    about = {"unit": "shards", "out": str(folder.resolve())}
    with computed(work, items, parts, engine, progress, "preparing", about, "shards"):
        return len(own)


def _recovered(shards: list[ShardPlan], workers: int, progress: Progress) -> list[ShardPlan]:
    """The shards that are there without a file that failed and can be decoded now, as of a disk that is back."""
    failed = [(shard, facts) for shard in shards if (facts := written_facts(shard)) and facts["failures"]]
    with progress.task("trying failed files again", len(failed), "shards") as advance:
        found = []
        for (shard, _), fails in zip(failed, map_in_order(lambda each: fails_still(*each), failed, workers)):
            advance()
            if not fails:
                found.append(shard)
        return found


def _damaged(shards: list[ShardPlan], folder: Path, workers: int, progress: Progress) -> dict[ShardPlan, str]:
    """{shard: its fault} of those that are there and are not what was written."""
    facts = {str(shard.file): (shard, own) for shard in shards if (own := written_facts(shard))}
    digests = {file: own["sha256"] for file, (_, own) in facts.items()}
    if (folder / MANIFEST).is_file():
        digests |= {str(folder / own["file"]): own["sha256"] for own in read_manifest_of(folder)["shards"]}
    with progress.task("verifying", len(facts), "shards") as advance:
        damaged = damaged_shards(facts, workers, again=True, done=lambda file: advance(), digests=digests)
    found = {facts[file][0]: error.fault for file, error in damaged.items()}
    if (folder / MANIFEST).is_file():
        others = [shard for shard in shards if str(shard.file) not in facts]
        found |= {shard: f"{shard.file.name} is missing, or is not the one that was written" for shard in others}
    for fault in found.values():
        progress.line(fault)
    if not found:
        progress.line(f"all {len(facts)} shards that are there are whole")
    return found
