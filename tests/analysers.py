"""What reading processes call in tests in place of `analyse`: they hang, crash and fail at files that are named so."""

import os
import signal
import time

from kgenre.library.scan.analysis import analyse


def misbehave(job, settings):
    """As `analyse`, until a file named "hang ..." or the like is reached; "late hang ..." after its first slice."""
    name = os.path.basename(job.path)
    late = name.startswith(b"late ")
    if not late:
        act(name)
    answers, told = analyse(job, settings), None
    while True:
        try:
            message = answers.send(told)
        except StopIteration:
            return
        told = yield message
        if late and told is None:
            act(name.removeprefix(b"late "))


def act(name: bytes) -> None:
    if name.startswith(b"hang"):
        while True:
            time.sleep(1)
    if name.startswith(b"crash"):
        os.kill(os.getpid(), signal.SIGKILL)
    if name.startswith(b"stop"):
        os._exit(3)
    if name.startswith(b"error"):
        raise ValueError("an unforeseen\nfault")
