"""The writing of shards as work for an engine; its parts tell which shards are written."""

from collections.abc import Callable, Sequence
from pathlib import Path

from kgenre.audio.decoders import decoder_versions
from kgenre.core.errors import KgenreError
from kgenre.core.parallel import map_in_processes
from kgenre.engines.records import RecordWork
from kgenre.engines.work import Items, Results
from kgenre.preparation.plan import Plan, ShardPlan
from kgenre.preparation.shard_writer import write_shard, written_facts

BROKEN = (
    "A process that writes shards ended early, perhaps out of memory. Give the command again: it goes on where it "
    "stopped. --workers 1 needs the least."
)


class ShardWork(RecordWork):
    """Writes shards into a folder that all workers share; the value of each is the number of its tracks.

    Args:
        plan: of the set.
        folder: of the set.
        workers: processes, where the command computes.
    """

    kind = "shards"

    def __init__(self, plan: Plan, folder: Path, workers: int):
        self.folder, self.workers = folder.absolute(), workers
        self.settings = {"request": plan.request, "decoders": plan.decoders}

    def open(self, threads: int | None = None) -> Callable[[Items], Results]:
        request = self.settings["request"]
        if (own := decoder_versions(request["decoder"])) != self.settings["decoders"]:
            raise KgenreError(f"A worker has another decoder: {own}. Install the same versions there.")
        workers = 1 if threads else self.workers

        def results(items: Items) -> Results:
            plans = [_plan_of(data, str(self.folder), request) for data in items.values()]
            todo = []
            for plan in plans:
                if facts := written_facts(plan):
                    yield plan.file.name, len(facts["tracks"])
                else:
                    todo.append((plan,))
            try:
                for (plan,), facts in map_in_processes(write_shard, todo, workers, BROKEN):
                    yield plan.file.name, len(facts["tracks"])
            except OSError as error:
                raise KgenreError(
                    f"{self.folder}: cannot be written ({error.strerror}). Free space there and give the command "
                    "again: it goes on where it stopped."
                ) from error

        return results


def shard_items(shards: Sequence[ShardPlan]) -> Items:
    """{name of a shard: what it is written from}."""
    return {shard.file.name: [shard.number, [list(source) for source in shard.sources]] for shard in shards}


def _plan_of(data: list, folder: str, request: dict) -> ShardPlan:
    number, sources = data
    own = request["sample_rate_hz"], request["decoder"]
    return ShardPlan(folder, number, tuple(tuple(source) for source in sources), *own)
