"""A map over worker processes."""

import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool

from kgenre.core.errors import KgenreError


def map_in_processes(
    function: Callable, arguments: Sequence[tuple], workers: int, broken: str
) -> Iterator[tuple[tuple, object]]:
    """Calls a function with each tuple of arguments, in processes.

    Args:
        function: a function of a module, so that other processes can import it.
        workers: processes; with 1 the calls are made in this one, in order.
        broken: what to tell the user where a process ends early.

    Yields:
        (arguments, result) of each call as it is ready.

    Raises:
        KgenreError: a process ended early, as it does when memory runs out.
    """
    workers = min(workers, len(arguments))
    if workers <= 1:
        yield from ((each, function(*each)) for each in arguments)
        return
    # Spawned, not forked: a process that runs TensorFlow has threads whose locks a fork would freeze.
    # Ctrl-C is ignored there: it reaches this process too, which tells them to stop.
    ignore = {"initializer": signal.signal, "initargs": (signal.SIGINT, signal.SIG_IGN)}
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), **ignore)
    try:
        jobs = {pool.submit(function, *each): each for each in arguments}
        for job in as_completed(jobs):
            yield jobs[job], job.result()
    except BrokenProcessPool as error:
        raise KgenreError(broken) from error
    finally:
        pool.shutdown(cancel_futures=True)
