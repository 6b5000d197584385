"""The writing of shards as work for an engine; its parts tell which shards are written."""

from collections.abc import Callable, Sequence
from dataclasses import astuple
from pathlib import Path

from kgenre.audio.decoders import decoder_versions
from kgenre.core.errors import KgenreError
from kgenre.core.parallel import map_in_processes
from kgenre.engines.records import RecordWork
from kgenre.engines.work import Items, Results
from kgenre.preparation.plan import Plan, ShardPlan, Source
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
        self.versions = decoder_versions(plan.request["decoder"])  # no setting: other parts may be of others
        self.settings = {"request": plan.request, "set": plan.set_id.hex()}

    def open(self, threads: int | None = None) -> Callable[[Items], Results]:
        if (own := decoder_versions(self.settings["request"]["decoder"])) != self.versions:
            raise KgenreError(f"A worker has another decoder: {own}. Install the same versions there.")
        workers = 1 if threads else self.workers

        def results(items: Items) -> Results:
            plans, todo = map(self._plan_of, items.values()), []
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

    def lost(self, items: Items) -> list[str]:
        plans = map(self._plan_of, items.values())
        return [str(plan.file) for plan in plans if not written_facts(plan)]

    def _plan_of(self, data: list) -> ShardPlan:
        number, rows = data
        sources = tuple((place, Source(*row)) for place, row in rows)
        request = self.settings["request"]
        own = request["sample_rate_hz"], request["decoder"], bytes.fromhex(self.settings["set"])
        return ShardPlan(str(self.folder), number, sources, *own)


def shard_items(shards: Sequence[ShardPlan]) -> Items:
    """{name of a shard: what it is written from}."""
    return {
        shard.file.name: [shard.number, [[number, list(astuple(source))] for number, source in shard.sources]]
        for shard in shards
    }
