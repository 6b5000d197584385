"""Division of items into chunks, the same on every machine and, nearly, after items were added.

A chunk ends where the hash of an item's name says so. An item that is added or removed thus changes its own chunk
alone, and the parts of all others stay valid.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from kgenre.engines.work import Items

LARGEST = 64  # items of a chunk of a large collection, on average: what a kill costs each worker at most
CHUNKS = 64  # at least, where there are as many items: fewer would leave workers idle at the end


@dataclass(frozen=True)
class Chunk:
    """Some of the items. number: from 0. key: hash of the settings and items, which names the part."""

    number: int
    items: Items
    key: str

    @property
    def file_stem(self) -> str:
        return f"{self.number:06d}-{self.key}"


def make_chunks(items: Items, settings: Mapping) -> list[Chunk]:
    """All items, in their order, in chunks of about `chunk_size(len(items))`, at most twice that."""
    size, chunks, pending = chunk_size(len(items)), [], {}
    recipe = _hash(settings)
    for number, (name, data) in enumerate(items.items(), 1):
        pending[name] = data
        if number == len(items) or len(pending) == 2 * size or int(_hash(name), 16) % size == 0:
            chunks.append(Chunk(len(chunks), pending, _hash([recipe, pending])))
            pending = {}
    return chunks


def chunk_size(n_items: int) -> int:
    """A power of two, so that it seldom changes as a collection grows."""
    size = 1
    while 2 * size <= min(LARGEST, n_items // CHUNKS):
        size *= 2
    return size


def part_of(chunks: list[Chunk], part: tuple[int, int]) -> list[Chunk]:
    """The chunks of part K of N, both from 1."""
    k, n = part
    return chunks[k - 1 :: n]


def _hash(value) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=isinstance(value, Mapping)).encode()).hexdigest()[:16]
