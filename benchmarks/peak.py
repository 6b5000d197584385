"""The peak memory of a command and of all processes that it starts, together."""

import contextlib
import subprocess
import sys
from collections.abc import Sequence

import psutil

SECONDS = 0.05  # between two samples


def peak_mib(arguments: Sequence[str]) -> tuple[float, int]:
    """Runs Python with the arguments: the highest total memory of its processes in MiB, and how many there were then.

    Memory is PSS, which divides shared pages among the processes that share them, or RSS where the system has no PSS.

    Raises:
        RuntimeError: an exit status that is not 0.
    """
    command = [sys.executable, *arguments]
    process, peak = psutil.Popen(command, stdout=subprocess.DEVNULL), (0.0, 0)
    try:
        while process.poll() is None:
            peak = max(peak, _memory(process))
            with contextlib.suppress(psutil.TimeoutExpired):
                process.wait(SECONDS)
    finally:
        if process.poll() is None:  # the measurement was stopped or failed
            process.kill()  # its reading processes notice that it is gone
            process.wait()
    if process.returncode:
        raise RuntimeError(f"{command}: exit status {process.returncode}")
    return peak


def _memory(process: psutil.Process) -> tuple[float, int]:
    found = []
    for one in [process, *process.children(recursive=True)]:
        try:
            info = one.memory_full_info()
        except psutil.Error:  # it has ended in the meantime
            continue
        found.append(getattr(info, "pss", info.rss) / 2**20)
    return sum(found), len(found)
