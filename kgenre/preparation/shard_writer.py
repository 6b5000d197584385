"""Writing one shard: its files decoded one after the other, block by block, so that a long one takes no more memory."""

import hashlib
import json
import os
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO

import numpy as np

from kgenre.audio import decode as audio
from kgenre.audio.decoders import decoder_versions
from kgenre.audio.errors import AudioError
from kgenre.audio.facts import SILENT, describe_truncation
from kgenre.audio.local_file import local_file
from kgenre.audio.shards import BLOCK, encode_block, open_shard, write_tables
from kgenre.audio.signature import AT_A_URL
from kgenre.core.errors import UNREACHABLE, KgenreError
from kgenre.core.files import write_beside, write_json
from kgenre.preparation.plan import MISSING, ShardPlan, Source


def write_shard(plan: ShardPlan) -> dict:
    """Writes a shard beside and renames it, then the JSON file that says what is in it; returns what that says.

    bytes, sha256: of the shard.
    tracks: [number of the source, first sample in the shard, samples] of each, in order.
    decoder_versions: of what decoded them.
    notes, failures: {number of the source: text} of the truncated ones, and of those that are not in it.

    Raises:
        OSError: it cannot be written; nothing is left of it.
        KgenreError: a file has changed since the plan was made, or is gone; nothing is left of it.
    """
    facts = {}

    def write(part) -> None:
        with part.open("wb") as file:
            writer = ShardWriter(file, plan)
            for number, source in plan.sources:
                writer.add(number, source)
            facts.update(writer.finish(), decoder_versions=decoder_versions(plan.decoder))

    plan.facts_file.unlink(missing_ok=True)
    write_beside(plan.file, write)
    write_json(plan.facts_file, facts, indent=None)
    return facts


def written_facts(plan: ShardPlan) -> dict | None:
    """What `write_shard` returned, if its shard is there, of this set, and as long as it was."""
    try:
        facts = json.loads(plan.facts_file.read_text(encoding="utf-8"))
        shard = open_shard(plan.file)
        numbers = sorted([*shard.sources.tolist(), *map(int, facts["failures"])])
        agrees = shard.tracks == facts["tracks"] and numbers == [number for number, _ in plan.sources]
        own = shard.set_id == plan.set_id and plan.file.stat().st_size == facts["bytes"]
        return facts if agrees and own else None
    except (OSError, ValueError, KeyError, TypeError, AudioError):  # what is not there, or damaged, is written again
        return None


def failure(source: Source, decode: Callable[[str], object]) -> str:
    """Why a file cannot be decoded; "" if it can.

    Raises:
        KgenreError: the file has changed since the plan was made, or is gone, which is no property of it.
    """
    cause = ""
    _check_unchanged(source)
    try:
        with local_file(source.file) as file:
            decode(file)
    except KgenreError as error:
        cause = error.cause if isinstance(error, AudioError) else f"{UNREACHABLE}: {error}"
    _check_unchanged(source, cause)
    return cause


def fails_still(plan: ShardPlan, facts: dict) -> bool:
    """Whether none of the files of a shard that failed when it was written can be decoded now."""
    failed = [source for number, source in plan.sources if str(number) in facts["failures"]]
    with open(os.devnull, "wb") as nowhere:
        return all(failure(source, ShardWriter(nowhere, plan)._write) for source in failed)


def _check_unchanged(source: Source, cause: str = "") -> None:
    closed = cause.startswith(UNREACHABLE) and source.signature not in (MISSING, AT_A_URL)
    if source.is_changed or closed:
        raise KgenreError(
            f"{source.file}: {cause or 'has changed since the set was begun, or is gone.'} The shard with it is not "
            "written. Bring the file back as it was and give the command again: it goes on where it stopped."
        )


class ShardWriter:
    """The tracks of a shard, added one by one to a file that is open to write."""

    def __init__(self, file: BinaryIO, plan: ShardPlan):
        self.file, self.plan, self.hash = file, plan, hashlib.sha256()
        self.starts, self.exponents, self.sums = [0], [], []
        self.sources, self.notes, self.failures = [], {}, {}

    def add(self, number: int, source: Source) -> None:
        """Decodes a file to the end of the shard; of one that fails nothing stays but the cause."""
        start, blocks, before = self.starts[-1], len(self.sums), self.hash.copy()
        if cause := failure(source, self._write):
            self.failures[str(number)] = cause
            self.file.seek(2 * start)
            self.file.truncate()
            del self.exponents[blocks:], self.sums[blocks:]
            self.hash = before
            return
        self.starts.append(self.file.tell() // 2)
        self.sources.append(number)
        stated = source.samples if source.is_stated else 0
        if note := describe_truncation(self.starts[-1] - start, stated, self.plan.sample_rate_hz):
            self.notes[str(number)] = note

    def _write(self, path: str) -> None:
        samples, peak = 0, 0.0
        blocks = audio.stream(path, self.plan.sample_rate_hz, decoder=self.plan.decoder)
        for block in in_blocks(blocks, BLOCK):
            data, exponent = encode_block(block)
            self.file.write(data)
            self.hash.update(data)
            self.exponents.append(exponent)
            self.sums.append(zlib.crc32(data))
            samples, peak = samples + len(block), max(peak, float(np.abs(block).max()))
        audio.check_length(path, samples, self.plan.sample_rate_hz)
        if audio.is_silent(peak):
            raise AudioError(path, SILENT)

    def finish(self) -> dict:
        columns = {"starts": self.starts, "exponents": self.exponents, "sums": self.sums, "sources": self.sources}
        tables = write_tables(self.plan.set_id, self.plan.number, self.plan.sample_rate_hz, columns)
        self.file.write(tables)
        self.hash.update(tables)
        size = 2 * self.starts[-1] + len(tables)
        head = {"bytes": size, "sha256": self.hash.hexdigest(), "samples": self.starts[-1]}
        ends = zip(self.sources, self.starts, self.starts[1:])
        tracks = [[number, first, last - first] for number, first, last in ends]
        return {**head, "tracks": tracks, "notes": self.notes, "failures": self.failures}


def in_blocks(pieces: Iterator[np.ndarray], length: int) -> Iterator[np.ndarray]:
    """The samples of pieces of any length in blocks of one, the last as long as what is left."""
    held = np.zeros(0, "float32")
    for piece in pieces:
        held = np.concatenate([held, piece])
        whole = len(held) // length * length
        yield from (held[first : first + length] for first in range(0, whole, length))
        held = held[whole:]
    if len(held):
        yield held
