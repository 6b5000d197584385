"""The plan of a prepared set: which file goes to which shard, told by headers before anything is decoded.

It is written first and never changes, so that a run that was killed ends in the bytes of one that was not.
"""

import math
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from kgenre.audio.decode import check_length, probe
from kgenre.audio.decoders import AudioError, decoder_versions
from kgenre.audio.fragments import whole_file
from kgenre.audio.inputs import SHARD
from kgenre.audio.signature import signature
from kgenre.collections.prepared import FORMAT, PLAN
from kgenre.core.errors import KgenreError
from kgenre.core.files import write_json
from kgenre.core.parallel import map_in_order
from kgenre.core.progress import SILENT, Progress

VERSION = 1
BYTES_PER_SAMPLE = 2
MISSING = (-1, -1)  # size and time of change of a file that is not there
GUESSED_BYTES_PER_SECOND = 16000  # 128 kbit/s, of a file that does not state its length


@dataclass(frozen=True)
class Source:
    """A file of the collection.

    size, mtime_ns: by which a changed file is recognised; -1 of one that is not there.
    samples: at the set's rate, as its header states.
    shard: its number; -1 of a file that cannot be used, for `cause`.
    """

    file: str
    size: int
    mtime_ns: int
    samples: int
    shard: int
    cause: str = ""

    @property
    def signature(self) -> tuple[str, int, int]:
        return self.file, self.size, self.mtime_ns


@dataclass(frozen=True)
class ShardPlan:
    """What one shard is written from; all that the process that writes it needs.

    sources: (number in the plan, file, stated samples) of each file, in order.
    """

    folder: str
    number: int
    sources: tuple[tuple[int, str, int], ...]
    sample_rate_hz: int
    decoder: str

    @property
    def file(self) -> Path:
        return Path(self.folder) / f"shard-{self.number:05d}{SHARD}"

    @property
    def facts_file(self) -> Path:
        """What is in the shard, and that it is complete."""
        return self.file.with_suffix(".json")


@dataclass(frozen=True)
class Plan:
    """request: {name: value} of what was asked for. decoders: with versions. sources: in the collection's order."""

    request: dict
    decoders: str
    sources: tuple[Source, ...]

    def shards(self, folder: Path) -> list[ShardPlan]:
        """The plans of all shards, in order."""
        found: dict[int, list] = {}
        for number, source in enumerate(self.sources):
            if source.shard >= 0:
                found.setdefault(source.shard, []).append((number, source.file, source.samples))
        own = self.request["sample_rate_hz"], self.request["decoder"]
        return [ShardPlan(str(folder), number, tuple(sources), *own) for number, sources in sorted(found.items())]

    def save(self, folder: Path) -> None:
        # Without the names of fields: a million rows have them a million times.
        rows = [list(asdict(source).values()) for source in self.sources]
        head = {"format": FORMAT, "version": VERSION, "request": self.request, "decoders": self.decoders}
        write_json(folder / PLAN, {**head, "sources": rows}, indent=None)


def load_plan(held: dict) -> Plan:
    """The plan that plan.json holds."""
    return Plan(held["request"], held["decoders"], tuple(Source(*row) for row in held["sources"]))


def make_plan(request: dict, paths: Sequence[str], workers: int, progress: Progress = SILENT) -> Plan:
    """Deals the files that these tracks are, or are parts of, to shards in their order.

    Args:
        request: has sample_rate_hz, shard_mb and decoder.
        workers: threads that read headers.
    """
    files = list(dict.fromkeys(map(whole_file, paths)))
    rate, decoder = request["sample_rate_hz"], request["decoder"]

    def header(file: str) -> tuple[int, str]:
        try:
            return _stated_samples(file, rate, decoder), ""
        except AudioError as error:
            return 0, error.cause
        finally:
            advance()

    with progress.task("reading headers", len(files), "files") as advance:
        headers = list(map_in_order(header, files, workers))
    most, shard, used, sources = request["shard_mb"] * 10**6 // BYTES_PER_SAMPLE, 0, 0, []
    for file, (samples, cause) in zip(files, headers):
        if not cause:
            if used and used + samples > most:
                shard, used = shard + 1, 0
            used += samples
        sources.append(Source(file, *(signature(file) or MISSING), samples, -1 if cause else shard, cause))
    return Plan(request, decoder_versions(decoder), tuple(sources))


def check_unchanged(folder: Path, plan: Plan, paths: Sequence[str]) -> None:
    """Raises KgenreError where the files of the collection are others than those that a set was begun with."""
    planned = {source.file: (source.size, source.mtime_ns) for source in plan.sources}
    now = {file: signature(file) or MISSING for file in dict.fromkeys(map(whole_file, paths))}
    kinds = {
        file: "new" if file not in planned else "gone" if now.get(file, MISSING) == MISSING else "changed"
        for file in {**planned, **now}
        if planned.get(file) != now.get(file)
    }
    if kinds:
        counts = ", ".join(f"{count} {kind}" for kind, count in sorted(Counter(kinds.values()).items()))
        first, kind = next(iter(kinds.items()))
        raise KgenreError(
            f"{folder}: the collection is not the one that this set was begun with: {counts} of {len(now)} files. "
            f"First: {first} ({kind}). Name another folder with --to, or remove this one and prepare it again."
        )


def _stated_samples(file: str, rate: int, decoder: str) -> int:
    seconds = probe(file, decoder).seconds
    if math.isnan(seconds):
        return round(os.stat(file).st_size / GUESSED_BYTES_PER_SECOND * rate)
    samples = int(seconds * rate + 0.500001)
    check_length(file, samples, rate)
    return samples
