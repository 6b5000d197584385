"""The priority of work that gives way to other work."""

import contextlib
import os
import sys
import threading


def lower_thread(niceness: int) -> None:
    """Sets the niceness of this thread, and so of the threads and processes that it starts from now on, on Linux.

    Elsewhere a niceness is of the whole process, and nothing is done. A thread that is nicer already stays so.
    """
    if sys.platform == "linux":
        _lower(threading.get_native_id(), niceness)


def lower_process(niceness: int) -> None:
    """Sets the niceness of this process, where it is not nicer already; on Linux that of its main thread, which calls
    this, and of the threads that it starts from now on."""
    if hasattr(os, "setpriority"):
        _lower(0, niceness)


def _lower(who: int, niceness: int) -> None:
    """Absolute, not by os.nice: a process has the niceness of the thread that started it already."""
    with contextlib.suppress(OSError):
        if os.getpriority(os.PRIO_PROCESS, who) < niceness:
            os.setpriority(os.PRIO_PROCESS, who, niceness)
