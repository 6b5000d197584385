"""The engine of this machine: the work streams through all chunks, and uses threads or processes of its own.

There is no pause between two chunks: the tracks of the next one are decoded while the last of this one is computed.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence

from kgenre.engines.chunks import Chunk
from kgenre.engines.folder import PartsFolder
from kgenre.engines.settings import EngineSettings
from kgenre.engines.work import Results, Work


def run(
    work: Work, chunks: Sequence[Chunk], folder: PartsFolder, settings: EngineSettings, advance: Callable[[int], None]
) -> None:
    """Computes the chunks and writes their parts; `advance` is told of every item."""
    items = {name: data for chunk in chunks for name, data in chunk.items.items()}

    def counted(results: Results) -> Results:
        for result in results:
            advance(1)
            yield result

    with contextlib.closing(work.open()(items)) as results:
        for chunk, values in by_chunk(chunks, counted(results)):
            write_part(work, chunk, values, folder)


def by_chunk(chunks: Sequence[Chunk], results: Results) -> Iterator[tuple[Chunk, dict[str, object]]]:
    """Each chunk with the results of its items, as soon as it has them all."""
    owners = {name: chunk for chunk in chunks for name in chunk.items}
    pending: dict[int, dict[str, object]] = {}
    for name, value in results:
        chunk = owners[name]
        values = pending.setdefault(chunk.number, {})
        values[name] = value
        if len(values) == len(chunk.items):
            yield chunk, pending.pop(chunk.number)


def write_part(work: Work, chunk: Chunk, values: dict[str, object], folder: PartsFolder) -> None:
    """Writes the part of a chunk, its results in the order of the items."""
    ordered = {name: values[name] for name in chunk.items}
    folder.write(chunk.file_stem + folder.suffix, lambda file: work.write(file, chunk.items, ordered))
