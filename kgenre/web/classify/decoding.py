"""Decoding processes for uploads: a decoder that crashes, hangs or swells costs its own song alone."""

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator

from kgenre.audio.decoders import AudioError
from kgenre.core.errors import KgenreError
from kgenre.library.scan.protocol import Failed
from kgenre.library.scan.worker_pool import CHECK_SECONDS, Workers
from kgenre.web.classify.reading import ReadSettings

log = logging.getLogger(__name__)

READER = "kgenre.web.classify.reading:read"


class DecodingPool:
    """`n` processes that decode one song each; thread-safe.

    Args:
        n: processes.
        settings: ReadSettings.
        max_seconds: longest time that is waited for a song's audio, in all; what the model takes does not count.
        reader: "module:function" that is called in the process.
    """

    def __init__(self, n: int, settings: ReadSettings, max_seconds: float, reader: str = READER):
        self.n, self.settings, self.max_seconds, self.reader = n, settings, max_seconds, reader
        self._free: queue.SimpleQueue[Workers] = queue.SimpleQueue()
        for _ in range(n):
            self._free.put(self._new())

    def messages(self, path: str, check: Callable[[], None]) -> Iterator:
        """What `read` answers about a file; waits for a process that is free.

        Args:
            path: of the file.
            check: called about once a second; what it raises ends the work.

        Raises:
            AudioError: the file cannot be used, its decoder crashed, or it took too long.
        """
        process, finished, waited = self._take(check), False, 0.0
        try:
            messages = process.messages(iter([path]), check)
            while True:
                begun = time.monotonic()
                try:
                    _, _, message = next(messages)
                except StopIteration:
                    finished = True
                    return
                waited += time.monotonic() - begun
                if isinstance(message, Failed):
                    for _ in messages:  # until the process is free again, or has ended
                        pass
                    finished = True
                    raise AudioError(path, message.reason)
                if waited > self.max_seconds:
                    raise AudioError(path, f"given up: it took more than {self.max_seconds:g} s to decode.")
                yield message
        finally:
            self._give_back(process, finished)

    def start(self) -> None:
        """Starts all processes, so that the first songs need not wait for them."""
        held = [self._free.get() for _ in range(self.n)]
        for process in held:
            self._start(process)

    def close(self) -> None:
        """Ends the processes that are free; the others end with this one."""
        while not self._free.empty():
            self._free.get().__exit__()

    def _new(self) -> Workers:
        return Workers(1, self.settings, self.max_seconds, self.reader)

    def _take(self, check: Callable[[], None]) -> Workers:
        """A process that is free and alive."""
        process = self._next_free(check)
        if not _is_alive(process):  # it ended while it was idle, or could not be started
            process.__exit__()
            self._start(self._new())
            process = self._next_free(check)
        return process

    def _next_free(self, check: Callable[[], None]) -> Workers:
        while True:
            check()
            with contextlib.suppress(queue.Empty):
                return self._free.get(timeout=CHECK_SECONDS)

    def _give_back(self, process: Workers, finished: bool) -> None:
        """Of a process whose song was left in the middle what it has still to say is nobody's: another takes its place.

        That is started beside: neither this song nor the next should wait for it within its time.
        """
        if finished and _is_alive(process):
            self._free.put(process)
            return
        process.__exit__()
        threading.Thread(target=self._start, args=(self._new(),), daemon=True).start()

    def _start(self, process: Workers) -> None:
        """Starts a process; then it is free, even if it could not be started."""
        try:
            list(process.messages(iter([""])))  # which is no file, and fails at once
        except KgenreError as error:
            log.warning("%s", error)
        finally:
            self._free.put(process)


def _is_alive(process: Workers) -> bool:
    return bool(process.workers) and all(worker.process.poll() is None for worker in process.workers)
