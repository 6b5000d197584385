"""The engine of a Ray cluster: Ray Data gives the chunks to a pool of workers, each of which opens the work once.

A worker writes the part of a chunk and answers with a count, so that nothing is gathered in the driver. Where a worker
or a node is lost, the chunks that have no part then are computed by others.
"""

import contextlib
import importlib.util
import json
import logging
import os
import re
import socket
from collections.abc import Callable, Iterator, Sequence

from kgenre.core.errors import KgenreError
from kgenre.engines.chunks import Chunk
from kgenre.engines.folder import PartsFolder
from kgenre.engines.local import write_part
from kgenre.engines.settings import EngineSettings
from kgenre.engines.work import Work

IN_FLIGHT = 2  # chunks that a worker is given ahead: one that it computes, one that waits
HOST_PORT = re.compile(r"([^/]+):(\d+)")
CONNECT_SECONDS = 10
BLOCKS = 1000  # that the chunks are handed out in, at most: each takes a moment of the driver's


class _Worker:
    """One worker of the pool: it opens the work when its first chunk comes."""

    def __init__(self, work: Work, folder: PartsFolder, threads: int):
        self.work, self.folder, self.threads, self.function = work, folder, threads, None

    def __call__(self, batch: dict) -> dict:
        """{"chunk": [a Chunk as JSON]} -> {"items": [their number], "fault": ["" or what ended the work]}."""
        [text] = batch["chunk"]
        chunk = Chunk(*json.loads(text))
        fault = ""
        try:
            self._compute(chunk)
        except KgenreError as error:  # as a value: an exception would be taken for a lost worker's, and tried again
            fault = f"{error}"
        except OSError as error:
            fault = f"{socket.gethostname()}: {error}. Make room there, or repair it, and repeat the command."
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
        rows = [{"chunk": json.dumps([chunk.number, dict(chunk.items), chunk.key])} for chunk in chunks]
        rows = ray.data.from_items(rows, override_num_blocks=min(len(chunks), BLOCKS))
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
        try:
            for batch in results.iter_batches(batch_size=None):
                for n_items, fault in zip(batch["items"], batch["fault"]):
                    if fault:
                        raise KgenreError(str(fault))
                    advance(int(n_items))
        except ray.exceptions.ActorDiedError as error:  # in its creation; one that is killed is replaced
            cause = re.findall(r"^\w*Error: .*", str(error), re.MULTILINE) or [str(error).splitlines()[0]]
            raise KgenreError(
                f"A worker cannot start: {cause[-1]}. Install the same version of kgenre[ray] on every node."
            ) from error
        except ray.exceptions.RayError as error:
            last = str(error).strip().splitlines()[-1]
            raise KgenreError(f"Ray has ended the work: {last} Repeat the command; --ray-log shows more.") from error


def workers_of(nodes: Sequence[dict], settings: EngineSettings) -> int:
    """How many workers the nodes of a cluster hold, as `ray.nodes` tells of them.

    Raises:
        KgenreError: none of them holds a worker.
    """
    needs = {"CPU": settings.worker_cpus, "GPU": settings.worker_gpus, "memory": settings.worker_memory_gib * 2**30}
    needs = {name: amount for name, amount in needs.items() if amount}
    resources = [node["Resources"] for node in nodes if node["Alive"]]
    held = sum(min(int(of.get(name, 0) // amount) for name, amount in needs.items()) for of in resources)
    if not held:
        most = {name: max((of.get(name, 0) for of in resources), default=0) for name in needs}
        flags = ", ".join(f"{amount:g} {name} (most of a node: {most[name]:g})" for name, amount in needs.items())
        raise KgenreError(f"No node of the cluster has what a worker needs: {flags}. Lower --worker-cpus and the like.")
    return held


@contextlib.contextmanager
def _connected(settings: EngineSettings) -> Iterator:
    """Ray, connected to the cluster for as long as the context lasts; a connection that was there stays.

    Raises:
        KgenreError: there is no cluster at the address.
    """
    _check_installed()
    for name, value in {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}.items():
        os.environ.setdefault(name, value)  # read when Ray is imported
    if not settings.ray_log:
        os.environ.setdefault("RAY_DATA_LOG_LEVEL", "ERROR")
    import ray

    was_there = ray.is_initialized()
    with contextlib.nullcontext() if settings.ray_log else _quiet():
        if not was_there:
            _connect(ray, settings)
        try:
            yield ray
        finally:
            if not was_there:
                ray.shutdown()


def _connect(ray, settings: EngineSettings) -> None:
    address = settings.ray_address or os.environ.get("RAY_ADDRESS")
    level = logging.INFO if settings.ray_log else logging.CRITICAL
    try:
        if address and (match := HOST_PORT.fullmatch(address)):  # which Ray itself tries for ten minutes
            socket.create_connection((match[1], int(match[2])), timeout=CONNECT_SECONDS).close()
        # Without an address Ray would join whatever cluster its folder of temporary files names.
        ray.init(
            address=address or "local", logging_level=level, log_to_driver=settings.ray_log, include_dashboard=False
        )
    except Exception as error:  # Ray's own is no narrower where a node does not start in time
        cause = (str(error) or type(error).__name__).splitlines()[0]
        if not address:
            raise KgenreError(
                f"Ray does not start on this machine: {cause} Repeat the command when the machine is less busy, or "
                "take --engine local; --ray-log shows more."
            ) from error
        raise KgenreError(
            f"No Ray cluster at {address}: {cause}. Start one with `ray start --head`, and name its address with "
            "--ray-address HOST:PORT."
        ) from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Within it nothing is shown of what Ray prints, on standard output, of workers that are lost and replaced."""
    levels = {name: logging.getLogger(name).level for name in ("ray", "ray.data")}
    for name in levels:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
            yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


def _check_installed() -> None:
    if importlib.util.find_spec("ray") is None:
        raise KgenreError("--engine ray needs Ray, which is not installed. Run `pip install 'kgenre[ray]'`.")
