"""Lower priorities, for work in the background."""

import contextlib
import os
import sys
import threading


def lower_thread(niceness: int) -> None:
    """Sets the niceness of this thread on Linux, and so of the threads and processes that it starts from now on.

    Does nothing on other systems, where niceness belongs to the whole process. A thread that is nicer already is left
    as it is.
    """
    if sys.platform == "linux":
        _lower(threading.get_native_id(), niceness)


def lower_process(niceness: int) -> None:
    """Sets the niceness of this process, unless it is nicer already.

    On Linux it is that of the calling thread, which should be the main one, and of the threads that it starts from now
    on.
    """
    if hasattr(os, "setpriority"):
        _lower(0, niceness)


def _lower(who: int, niceness: int) -> None:
    """Absolute, unlike os.nice: a process already has the niceness of the thread that started it."""
    with contextlib.suppress(OSError):
        if os.getpriority(os.PRIO_PROCESS, who) < niceness:
            os.setpriority(os.PRIO_PROCESS, who, niceness)
