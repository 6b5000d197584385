"""Writing one shard: its files decoded one after the other, block by block, so that a long one takes no more memory."""

import hashlib
import json
import zlib
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from kgenre.audio import decode as audio
from kgenre.audio.errors import AudioError
from kgenre.audio.facts import SILENT, describe_truncation
from kgenre.audio.shards import BLOCK, encode_block, write_tables
from kgenre.core.files import write_beside, write_json
from kgenre.preparation.plan import ShardPlan


def write_shard(plan: ShardPlan) -> dict:
    """Writes a shard beside and renames it, then the JSON file that says what is in it; returns what that says.

    bytes, sha256: of the shard.
    tracks: [number of the source, first sample in the shard, samples] of each, in order.
    notes, failures: {number of the source: text} of the truncated ones, and of those that are not in it.

    Raises:
        OSError: it cannot be written; nothing is left of it.
    """
    facts = {}

    def write(part) -> None:
        with part.open("wb") as file:
            writer = ShardWriter(file, plan)
            for number, path, stated in plan.sources:
                writer.add(number, path, stated)
            facts.update(writer.finish())

    plan.facts_file.unlink(missing_ok=True)
    write_beside(plan.file, write)
    write_json(plan.facts_file, facts, indent=None)
    return facts


def written_facts(plan: ShardPlan) -> dict | None:
    """What `write_shard` returned, if its shard is there and as long as it was."""
    try:
        facts = json.loads(plan.facts_file.read_text(encoding="utf-8"))
        return facts if plan.file.stat().st_size == facts["bytes"] else None
    except (OSError, ValueError, KeyError, TypeError):  # what is not there, or damaged, is written again
        return None


class ShardWriter:
    """The tracks of a shard, added one by one to a file that is open to write."""

    def __init__(self, file: BinaryIO, plan: ShardPlan):
        self.file, self.plan, self.hash = file, plan, hashlib.sha256()
        self.starts, self.exponents, self.sums = [0], [], []
        self.tracks, self.notes, self.failures = [], {}, {}

    def add(self, number: int, path: str, stated: int) -> None:
        """Decodes a file to the end of the shard; of one that fails nothing stays but the cause."""
        start, blocks, before = self.starts[-1], len(self.sums), self.hash.copy()
        try:
            samples = self._write(path)
        except AudioError as error:
            self.failures[str(number)] = error.cause
            self.file.seek(2 * start)
            self.file.truncate()
            del self.exponents[blocks:], self.sums[blocks:]
            self.hash = before
            return
        self.starts.append(start + samples)
        self.tracks.append([number, start, samples])
        if note := describe_truncation(samples, stated, self.plan.sample_rate_hz):
            self.notes[str(number)] = note

    def _write(self, path: str) -> int:
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
        return samples

    def finish(self) -> dict:
        tables = write_tables(self.plan.sample_rate_hz, self.starts, self.exponents, self.sums)
        self.file.write(tables)
        self.hash.update(tables)
        size = 2 * self.starts[-1] + len(tables)
        head = {"bytes": size, "sha256": self.hash.hexdigest(), "samples": self.starts[-1]}
        return {**head, "tracks": self.tracks, "notes": self.notes, "failures": self.failures}


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
