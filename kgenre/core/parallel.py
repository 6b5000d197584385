"""Maps over worker processes and over threads, and streams side by side."""

import collections
import contextlib
import itertools
import multiprocessing
import os
import queue
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, ThreadPoolExecutor, as_completed, wait
from concurrent.futures.process import BrokenProcessPool

from kgenre.core.errors import KgenreError

AHEAD = 4  # calls that are begun before the first result is taken, for each thread: some take longer than others


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
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initializer=_begin_process)
    try:
        jobs = {pool.submit(function, *each): each for each in arguments}
        for job in as_completed(jobs):
            each, result = jobs.pop(job), job.result()
            del job  # or each result would be kept until the end
            yield each, result
    except BrokenProcessPool as error:
        raise KgenreError(broken) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _begin_process() -> None:
    """Ctrl-C is ignored: it reaches the process that started this one too, which tells it to stop."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Where that process is killed nobody tells this one, which would wait for work for ever."""
    multiprocessing.parent_process().join()
    os._exit(1)


def map_in_order(function: Callable, arguments: Iterable, workers: int) -> Iterator:
    """As `map_in_threads`, the results in the order of the arguments."""
    pool, running = ThreadPoolExecutor(workers), collections.deque()
    try:
        for each in arguments:
            running.append(pool.submit(function, each))
            if len(running) > AHEAD * workers:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()
    finally:  # Ctrl-C, too, must not wait for the calls that have not begun
        pool.shutdown(cancel_futures=True)


def map_in_threads(function: Callable, arguments: Iterable, workers: int) -> Iterator:
    """The results of a function, as they are ready; a few calls are under way at once, however many there are.

    For functions that release Python's lock, as decompression and reading files do. After an exception of one call no
    further one begins.
    """
    with ThreadPoolExecutor(workers) as pool:
        running = set()
        for each in arguments:
            running.add(pool.submit(function, each))
            if len(running) >= 2 * workers:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                yield from (job.result() for job in done)
        yield from (job.result() for job in as_completed(running))


def interleave(stream: Callable, arguments: Iterable, workers: int, ahead: int) -> Iterator:
    """The items of `stream(argument)` for all arguments, `workers` streams side by side in threads.

    One item is taken from each stream in turn, and the next argument begins where a stream has ended, so the order
    depends on nothing but the streams. An exception of a stream is raised here. Closing the iterator ends the threads.

    Args:
        stream: argument -> iterator; of functions that release Python's lock, as decoders do.
        ahead: items at most that are ready of a stream and not taken.
    """
    waiting, pool = iter(arguments), ThreadPoolExecutor(workers)
    running = collections.deque(_Stream(pool, stream, each, ahead) for each in itertools.islice(waiting, workers))
    try:
        while running:
            first = running.popleft()
            item = first.take()
            if item is _END:
                running.extend(_Stream(pool, stream, each, ahead) for each in itertools.islice(waiting, 1))
            else:
                running.append(first)
                yield item
    finally:
        for each in running:
            each.stop()
        pool.shutdown(cancel_futures=True)


_END = object()


class _Stream:
    """An iterator that a thread of a pool reads ahead of its taker."""

    def __init__(self, pool: ThreadPoolExecutor, stream: Callable, argument, ahead: int):
        self._items: queue.Queue = queue.Queue(max(1, ahead))
        self._stopped = False
        self._job = pool.submit(self._read, stream, argument)

    def take(self):
        """The next item, _END after the last. Raises what the stream raises."""
        item = self._items.get()
        if item is _END:
            self._job.result()
        return item

    def stop(self) -> None:
        """Ends the reading at the next item."""
        self._stopped = True
        with contextlib.suppress(queue.Empty):  # it may wait for places: for an item, and for the end
            while True:
                self._items.get_nowait()

    def _read(self, stream: Callable, argument) -> None:
        try:
            for item in stream(argument):
                if self._stopped:
                    return
                self._items.put(item)
        finally:
            if not self._stopped:
                self._items.put(_END)
