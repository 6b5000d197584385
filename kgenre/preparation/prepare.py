"""Preparing a set: the plan, its shards in processes, and the files that make the folder a collection."""

import json
from collections.abc import Iterator
from pathlib import Path

from kgenre.audio.inputs import is_spectrogram
from kgenre.audio.reader import check_bad_share
from kgenre.audio.verified import damaged_shards
from kgenre.collections import load_collection, read_tracks
from kgenre.collections.prepared import MANIFEST, PLAN, is_prepared
from kgenre.collections.settings import CollectionOptions
from kgenre.core.errors import KgenreError
from kgenre.core.files import locked, make_output_folder
from kgenre.core.parallel import map_in_processes
from kgenre.core.progress import SILENT, Progress
from kgenre.core.published import check_space
from kgenre.preparation.index import PreparedSet, write_index
from kgenre.preparation.plan import BYTES_PER_SAMPLE, Plan, ShardPlan, check_unchanged, load_plan, make_plan
from kgenre.preparation.request import Request
from kgenre.preparation.shard_writer import write_shard, written_facts

LOCK = ".lock"
SPARE_BYTES = 64 << 20  # beside the samples: tables, lists, and lengths that headers state a little too short
BROKEN = (
    "A process that writes shards ended early, perhaps out of memory. Give the command again: it goes on where it "
    "stopped. --workers 1 needs the least."
)


def prepare(
    request: Request,
    folder: Path,
    workers: int,
    max_bad_share: float,
    verify: bool = False,
    progress: Progress = SILENT,
) -> PreparedSet:
    """Writes a set, or what is missing of one that was begun.

    Args:
        workers: processes.
        max_bad_share: share of files that cannot be used above which it gives up.
        verify: read the shards that are there, and write those again that are damaged.

    Raises:
        KgenreError: the folder holds something else or a set of other settings, the collection has changed, another
            process writes there, or there is no space.
    """
    make_output_folder(folder, "--to")
    busy = f"{folder}: another `kgenre prepare` writes into it. Wait for it to end, or name another folder with --to."
    with locked(folder / LOCK, busy):
        for part in folder.glob(".part-*"):  # of writers that were killed
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
        facts = dict(_written(plan.shards(folder), folder, workers, verify, progress))
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
    if others := sorted(path.name for path in folder.iterdir() if path.name != LOCK):
        raise KgenreError(f"{folder}: holds {others[0]}, and no set. Name another folder with --to.")
    return None


def _check_decoders(folder: Path, plan: Plan) -> None:
    from kgenre.audio.decoders import decoder_versions

    if (now := decoder_versions(plan.request["decoder"])) != plan.decoders:
        raise KgenreError(
            f"{folder}: was begun with {plan.decoders}. Received: {now}. Install the former, or name another folder "
            "with --to."
        )


def _written(
    shards: list[ShardPlan], folder: Path, workers: int, verify: bool, progress: Progress
) -> Iterator[tuple[int, dict]]:
    """(number, facts) of each shard; those that are missing are written."""
    facts = {shard.number: written_facts(shard) for shard in shards}
    if verify:
        _drop_damaged([shard for shard in shards if facts[shard.number]], facts, workers, progress)
    todo = [shard for shard in shards if not facts[shard.number]]
    if todo:
        (folder / MANIFEST).unlink(missing_ok=True)  # it tells that all is there
    needed = sum(samples for shard in todo for _, _, samples in shard.sources) * BYTES_PER_SAMPLE
    check_space(folder, needed + SPARE_BYTES if todo else 0, f"the set ({len(todo)} shards to write)")
    n_tracks = sum(len(shard.sources) for shard in shards)
    n_done = n_tracks - sum(len(shard.sources) for shard in todo)
    yield from ((number, own) for number, own in facts.items() if own)
    with progress.task("preparing", n_tracks, "tracks", n_done) as advance:
        try:
            for (shard,), own in map_in_processes(write_shard, [(shard,) for shard in todo], workers, BROKEN):
                advance(len(shard.sources))
                yield shard.number, own
        except OSError as error:
            raise KgenreError(
                f"{folder}: cannot be written ({error.strerror}). Free space there and give the command again: it "
                "goes on where it stopped."
            ) from error


def _drop_damaged(shards: list[ShardPlan], facts: dict, workers: int, progress: Progress) -> None:
    """Forgets the facts of the shards that are not what their checksums say."""
    with progress.task("verifying", len(shards), "shards") as advance:
        files = [str(shard.file) for shard in shards]
        damaged = damaged_shards(files, workers, again=True, done=lambda file: advance())
    for shard in shards:
        if cause := damaged.get(str(shard.file)):
            progress.line(cause)
            facts[shard.number] = None
