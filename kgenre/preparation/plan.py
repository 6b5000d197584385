"""The plan of a prepared set: which file goes to which shard, told by headers before anything is decoded.

It is written first and never changes, so that a run that was killed ends in the bytes of one that was not.
"""

import functools
import hashlib
import json
import math
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

from kgenre.audio.decode import check_length, probe
from kgenre.audio.decoders import AudioError, decoder_versions
from kgenre.audio.fragments import whole_file
from kgenre.audio.inputs import SHARD
from kgenre.audio.local_file import local_file
from kgenre.audio.signature import signature
from kgenre.collections.prepared import FORMAT, PLAN, VERSION
from kgenre.core.errors import UNREACHABLE, KgenreError
from kgenre.core.files import write_json
from kgenre.core.parallel import map_in_order
from kgenre.core.progress import SILENT, Progress

BYTES_PER_SAMPLE = 2
MISSING = (-1, -1)  # size and time of change of a file that is not there
GUESSED_BYTES_PER_SECOND = 16000  # 128 kbit/s, of a file that does not state its length


@dataclass(frozen=True)
class Source:
    """A file of the collection.

    size, mtime_ns: by which a changed file is recognised; -1 of one that was not there when the plan was made.
    samples: at the set's rate, as its header states; a guess where it does not say, 0 where it could not be opened.
    shard: its number; -1 of a file that cannot be used, for `cause`.
    is_stated: whether the header states its length.
    """

    file: str
    size: int
    mtime_ns: int
    samples: int
    shard: int
    cause: str = ""
    is_stated: bool = True

    @property
    def signature(self) -> tuple[int, int]:
        return self.size, self.mtime_ns

    @property
    def is_changed(self) -> bool:
        """Whether the file is another one now, or is gone; one that was not there may come."""
        return self.signature not in (MISSING, signature(self.file) or MISSING)


@dataclass(frozen=True)
class ShardPlan:
    """What one shard is written from; all that the process that writes it needs.

    sources: (number in the plan, Source) of each file, in order.
    set_id: of the plan, as in `Plan`.
    """

    folder: str
    number: int
    sources: tuple[tuple[int, Source], ...]
    sample_rate_hz: int
    decoder: str
    set_id: bytes = bytes(16)

    @staticmethod
    def of_files(folder, number: int, files: Sequence, sample_rate_hz: int) -> "ShardPlan":
        """A shard of no set."""
        sources = [Source(str(file), *(signature(file) or MISSING), 0, number) for file in files]
        return ShardPlan(str(folder), number, tuple(enumerate(sources)), sample_rate_hz, "auto")

    @property
    def file(self) -> Path:
        return Path(self.folder) / f"shard-{self.number:05d}{SHARD}"

    @property
    def facts_file(self) -> Path:
        """What is in the shard, and that it is complete."""
        return self.file.with_suffix(".json")


@dataclass(frozen=True)
class Plan:
    """What a set is to be.

    request: {name: value} of what was asked for.
    decoder_versions: of what was there when it was made; shards that are written later may be of others.
    sources: in the collection's order.
    max_bad_share: of the files, that which was named last.
    """

    request: dict
    decoder_versions: str
    sources: tuple[Source, ...]
    max_bad_share: float

    @functools.cached_property
    def set_id(self) -> bytes:
        """16 bytes that every shard of this set holds."""
        text = json.dumps([self.request, self.decoder_versions, self._rows], sort_keys=True)
        return hashlib.sha256(text.encode()).digest()[:16]

    @property
    def _rows(self) -> list[list]:
        # Without the names of fields: a million rows have them a million times.
        return [list(astuple(source)) for source in self.sources]

    def shards(self, folder: Path) -> list[ShardPlan]:
        """The plans of all shards, in order."""
        found: dict[int, list] = {}
        for number, source in enumerate(self.sources):
            if source.shard >= 0:
                found.setdefault(source.shard, []).append((number, source))
        own = self.request["sample_rate_hz"], self.request["decoder"], self.set_id
        return [ShardPlan(str(folder), number, tuple(sources), *own) for number, sources in sorted(found.items())]

    def save(self, folder: Path) -> None:
        head = {"format": FORMAT, "version": VERSION, "max_bad_share": self.max_bad_share}
        body = {"request": self.request, "decoder_versions": self.decoder_versions, "sources": self._rows}
        write_json(folder / PLAN, {**head, **body}, indent=None)


def read_plan(folder: Path) -> Plan:
    """The plan that plan.json of a set holds.

    Raises:
        KgenreError: it is damaged, or of another version.
    """
    file = folder / PLAN
    try:
        held = json.loads(file.read_text(encoding="utf-8"))
        if held["version"] != VERSION:
            raise KgenreError(
                f"{folder}: a set of version {held['version']}. This kgenre writes version {VERSION}. Name another "
                "folder with --out."
            )
        sources = tuple(Source(*row) for row in held["sources"])
        return Plan(dict(held["request"]), held["decoder_versions"], sources, held["max_bad_share"])
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise KgenreError(f"{file}: damaged ({error}). Name another folder with --out.") from error


def make_plan(
    request: dict, paths: Sequence[str], workers: int, max_bad_share: float, progress: Progress = SILENT
) -> Plan:
    """Deals the files that these tracks are, or are parts of, to shards in their order.

    Args:
        request: has sample_rate_hz, shard_mb and decoder.
        workers: threads that read headers.
    """
    files = list(dict.fromkeys(map(whole_file, paths)))
    rate, decoder = request["sample_rate_hz"], request["decoder"]

    def header(file: str) -> tuple[int, bool, str]:
        try:
            return *_samples(file, rate, decoder), ""
        except KgenreError as error:
            return 0, True, error.cause if isinstance(error, AudioError) else f"{UNREACHABLE}: {error}"
        finally:
            advance()

    with progress.task("reading headers", len(files), "files") as advance:
        headers = list(map_in_order(header, files, workers))
    most, shard, used, sources = request["shard_mb"] * 10**6 // BYTES_PER_SAMPLE, 0, 0, []
    for file, (samples, is_stated, cause) in zip(files, headers):
        usable = not cause or cause.startswith(UNREACHABLE)  # it is tried again when its shard is written
        if usable:
            if used and used + samples > most:
                shard, used = shard + 1, 0
            used += samples
        found = MISSING if cause and usable else signature(file) or MISSING
        sources.append(Source(file, *found, samples, shard if usable else -1, cause, is_stated))
    return Plan(request, decoder_versions(decoder), tuple(sources), max_bad_share)


def check_unchanged(folder: Path, plan: Plan, paths: Sequence[str]) -> None:
    """Raises KgenreError where the files of the collection are others than those that a set was begun with."""
    planned, now = {source.file: source for source in plan.sources}, dict.fromkeys(map(whole_file, paths))
    kinds = {file: "new" if file not in planned else "not listed" for file in planned.keys() ^ now.keys()}
    for source in plan.sources:
        if source.file in now and source.is_changed:
            kinds[source.file] = "gone" if signature(source.file) is None else "changed"
    if kinds:
        counts = ", ".join(f"{count} {kind}" for kind, count in sorted(Counter(kinds.values()).items()))
        first = next(file for file in [*planned, *now] if file in kinds)
        step = "Name another folder with --out, or remove this one and prepare it again."
        if "gone" in kinds.values():
            step = "Bring the files back and repeat the command."
        raise KgenreError(
            f"{folder}: the collection is not the one that this set was begun with: {counts} of {len(now)} files. "
            f"First: {first} ({kinds[first]}). {step}"
        )


def _samples(file: str, rate: int, decoder: str) -> tuple[int, bool]:
    """The samples of a file, and whether its header states them."""
    with local_file(file) as copy:
        seconds = probe(copy, decoder).seconds
        if math.isnan(seconds):
            return round(os.stat(copy).st_size / GUESSED_BYTES_PER_SECOND * rate), False
    samples = int(seconds * rate + 0.500001)
    check_length(file, samples, rate)
    return samples, True
