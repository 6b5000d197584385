"""The engine of a Ray cluster: Ray Data gives the chunks to a pool of workers, each of which opens the work once.

A worker writes the part of a chunk and answers with a count, so that nothing is gathered in the driver. Where a worker
or a node is lost, the chunks that have no part then are computed by others.
"""

import contextlib
import logging
import os
import socket
from collections.abc import Callable, Iterator, Sequence

from kgenre.core.errors import KgenreError
from kgenre.engines.chunks import Chunk
from kgenre.engines.folder import PartsFolder
from kgenre.engines.local import write_part
from kgenre.engines.settings import EngineSettings
from kgenre.engines.work import Work

IN_FLIGHT = 2  # chunks that a worker is given ahead: one that it computes, one that waits
BLOCKS = 1000  # that the chunks are handed out in, at most: each takes a moment of the driver's


class _Worker:
    """One worker of the pool: it opens the work when its first chunk comes."""

    def __init__(self, work: Work, folder: PartsFolder, threads: int):
        self.work, self.folder, self.threads, self.function = work, folder, threads, None

    def __call__(self, batch: dict) -> dict:
        """{"chunk": [Chunk]} -> {"items": [their number], "fault": ["" or what ended the work]}."""
        [chunk] = batch["chunk"]
        fault = ""
        try:
            self._compute(chunk)
        except KgenreError as error:  # as a value: an exception would be taken for a lost worker's, and tried again
            fault = f"{error}"
        return {"items": [len(chunk.items)], "fault": [fault]}

    def _compute(self, chunk: Chunk) -> None:
        if self.folder.has(chunk):  # written by a worker that was lost before it could say so
            return
        if self.function is None:
            self.function = self.work.open(self.threads)
        write_part(self.work, chunk, dict(self.function(chunk.items)), self.folder)


def run(
    work: Work, chunks: Sequence[Chunk], folder: PartsFolder, settings: EngineSettings, advance: Callable[[int], None]
) -> None:
    """Computes the chunks and writes their parts; `advance` is told of the items of each part.

    Raises:
        KgenreError: no cluster at the address, none of its nodes has what a worker needs, or the work fails.
    """
    with _connected(settings) as ray:
        import ray.data

        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        n_workers = min(len(chunks), workers_of(ray.nodes(), settings))
        rows = ray.data.from_items([{"chunk": chunk} for chunk in chunks], override_num_blocks=min(len(chunks), BLOCKS))
        results = rows.map_batches(
            _Worker,
            fn_constructor_args=(work, folder, settings.worker_cpus),
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(
                min_size=1, max_size=n_workers, initial_size=n_workers, max_tasks_in_flight_per_actor=IN_FLIGHT
            ),
            num_cpus=settings.worker_cpus,
            num_gpus=settings.worker_gpus or None,
            memory=round(settings.worker_memory_gib * 2**30) or None,
        )
        for batch in results.iter_batches(batch_size=None):
            for n_items, fault in zip(batch["items"], batch["fault"]):
                if fault:
                    raise KgenreError(str(fault))
                advance(int(n_items))
