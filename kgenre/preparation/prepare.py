"""Preparing a set: the plan, its shards by an engine, and the files that make the folder a collection."""

import json
from pathlib import Path

from kgenre.audio.inputs import is_spectrogram
from kgenre.audio.reader import check_bad_share
from kgenre.audio.verified import damaged_shards
from kgenre.collections import load_collection, read_tracks
from kgenre.collections.prepared import MANIFEST, PLAN, is_prepared
from kgenre.collections.settings import CollectionOptions
from kgenre.core.errors import KgenreError
from kgenre.core.files import locked, make_output_folder
from kgenre.core.progress import SILENT, Progress
from kgenre.core.published import check_space
from kgenre.engines.chunks import make_chunks
from kgenre.engines.folder import PartsFolder, folder_beside
from kgenre.engines.run import compute, own_items
from kgenre.engines.settings import EngineSettings
from kgenre.preparation.index import PreparedSet, write_index
from kgenre.preparation.plan import BYTES_PER_SAMPLE, Plan, ShardPlan, check_unchanged, load_plan, make_plan
from kgenre.preparation.request import Request
from kgenre.preparation.shard_writer import written_facts
from kgenre.preparation.work import ShardWork, shard_items

LOCK = ".lock"
SPARE_BYTES = 64 << 20  # beside the samples: tables, lists, and lengths that headers state a little too short


def prepare(
    request: Request,
    folder: Path,
    workers: int,
    max_bad_share: float,
    verify: bool = False,
    progress: Progress = SILENT,
    engine: EngineSettings | None = None,
) -> PreparedSet | int:
    """Writes a set, or what is missing of one that was begun.

    Args:
        workers: processes, where the command computes.
        max_bad_share: share of files that cannot be used above which it gives up.
        verify: read the shards that are there, and write those again that are damaged.
        engine: where it is computed, and which part of it.

    Returns:
        The set; of a part K/N, which leaves the set unfinished, the number of its shards.

    Raises:
        KgenreError: the folder holds something else or a set of other settings, the collection has changed, another
            process writes there, or there is no space.
    """
    engine = engine or EngineSettings()
    make_output_folder(folder, "--to")
    busy = f"{folder}: another `kgenre prepare` writes into it. Wait for it to end, or name another folder with --to."
    with locked(folder / LOCK, busy, shared=not engine.is_whole):
        for part in folder.glob(".part-*") if engine.is_whole else ():  # of writers that were killed
            part.unlink(missing_ok=True)
        held = _held_plan(folder)
        values = request.over(folder, held and held["request"])
        tracks, collection = _load(values, progress)
        paths = list(collection.table["path"])
        if held is None:
            plan = make_plan(values, paths, workers, progress)
            failures = {source.file: source.cause for source in plan.sources if source.cause}
            check_bad_share(failures, len(plan.sources), max_bad_share)
            plan.save(folder)
        else:
            plan = load_plan(held)
            _check_decoders(folder, plan)
            check_unchanged(folder, plan, paths)
        shards = plan.shards(folder)
        if verify:
            _remove_damaged([shard for shard in shards if written_facts(shard)], workers, progress)
        work = ShardWork(plan, folder, workers)
        n_shards = _write_missing(work, shards, folder, engine, max_bad_share, progress)
        if not engine.is_whole:
            return n_shards
        facts = {shard.number: written_facts(shard) for shard in shards}
        return write_index(folder, plan, facts, tracks, collection, max_bad_share)


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


def _held_plan(folder: Path) -> dict | None:
    """What plan.json of a set that was begun holds; None in an empty folder.

    Raises:
        KgenreError: the folder holds something else.
    """
    if is_prepared(folder):
        return json.loads((folder / PLAN).read_text(encoding="utf-8"))
    own = (LOCK, PLAN)  # the plan may have come this moment, of another part K/N
    if others := sorted(path.name for path in folder.iterdir() if path.name not in own):
        raise KgenreError(f"{folder}: holds {others[0]}, and no set. Name another folder with --to.")
    return None


def _check_decoders(folder: Path, plan: Plan) -> None:
    from kgenre.audio.decoders import decoder_versions

    if (now := decoder_versions(plan.request["decoder"])) != plan.decoders:
        raise KgenreError(
            f"{folder}: was begun with {plan.decoders}. Received: {now}. Install the former, or name another folder "
            "with --to."
        )


def _write_missing(
    work: ShardWork,
    shards: list[ShardPlan],
    folder: Path,
    engine: EngineSettings,
    max_bad_share: float,
    progress: Progress,
) -> int:
    """Writes those shards of this run that are not there; the number of all of this run."""
    items = shard_items(shards)
    own = own_items(work, items, engine)
    todo = {shard.file.name: shard for shard in shards if shard.file.name in own and not written_facts(shard)}
    if not todo and engine.is_whole:
        return len(own)
    if todo:
        (folder / MANIFEST).unlink(missing_ok=True)  # it tells that all is there
        needed = sum(samples for shard in todo.values() for _, _, samples in shard.sources) * BYTES_PER_SAMPLE
        check_space(folder, needed + SPARE_BYTES, f"the set ({len(todo)} shards to write)")
    parts = PartsFolder(engine.parts or folder_beside(folder), work.suffix)
    there = parts.keys()
    lost = [chunk for chunk in make_chunks(items, work.settings) if chunk.key in there and todo.keys() & chunk.items]
    parts.delete([there[chunk.key] for chunk in lost])  # of shards that were removed since
    about = {"max_bad_share": max_bad_share, "unit": "shards"}
    compute(work, items, parts, engine, progress, "preparing", about, "shards")
    if engine.is_whole:
        parts.remove()
    return len(own)


def _remove_damaged(shards: list[ShardPlan], workers: int, progress: Progress) -> None:
    """Removes the shards that are not what their checksums say; they are then written again."""
    with progress.task("verifying", len(shards), "shards") as advance:
        files = [str(shard.file) for shard in shards]
        damaged = damaged_shards(files, workers, again=True, done=lambda file: advance())
    for shard in shards:
        if cause := damaged.get(str(shard.file)):
            progress.line(cause)
            shard.facts_file.unlink()
