"""Calls in a process of their own, so that the memory of this one stays small and clean."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import get_context

from kgenre.core.errors import KgenreError

ENDED = "the process ended early, as it does when memory runs out"


def call_in_process(function: Callable, arguments: Sequence[tuple], **environment: str) -> Iterator:
    """The results of a function of a module for each tuple of arguments, in order, all in one other process.

    Args:
        environment: variables that it has beside those of this process.

    Yields:
        What the function gives, or the KgenreError that it raises; of a call in which the process ends early a
        KgenreError that says so. The others then go on in a new one.
    """
    waiting = list(arguments)
    while waiting:
        context = get_context("spawn")  # not forked: this process has threads
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=_work, args=(sender, function, waiting, environment), daemon=True)
        process.start()
        sender.close()
        try:
            while waiting:
                result = receiver.recv()
                del waiting[0]
                yield result
        except EOFError:
            del waiting[0]
            yield KgenreError(ENDED)
        finally:
            process.terminate()
            process.join()
            receiver.close()


def _work(sender, function: Callable, arguments: Sequence[tuple], environment: dict) -> None:
    os.environ.update(environment)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it reaches the other process too, which ends this one
    for each in arguments:
        try:
            result = function(*each)
        except KgenreError as error:
            result = error
        sender.send(result)


@contextlib.contextmanager
def ended_by_signals() -> Iterator[None]:
    """Within it SIGTERM and SIGHUP raise SystemExit, so that other processes are ended too."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, _) -> None:
        sys.exit(128 + number)

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
