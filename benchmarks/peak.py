"""The peak memory of a command and of all processes that it starts, together."""

import subprocess
import sys
from collections.abc import Sequence

import psutil

SECONDS = 0.05  # between two looks


def peak_mib(arguments: Sequence[str]) -> tuple[float, int]:
    """Runs Python with the arguments: the highest sum of its processes' memory in MiB, and how many there were then.

    Memory is PSS, which shares what processes share among them, or where the system does not tell it, RSS.

    Raises:
        RuntimeError: an exit status that is not 0.
    """
    command = [sys.executable, *arguments]
    process, peak = psutil.Popen(command, stdout=subprocess.DEVNULL), (0.0, 0)
    while process.poll() is None:
        peak = max(peak, _memory(process))
        try:
            process.wait(SECONDS)
        except psutil.TimeoutExpired:
            continue
    if process.returncode:
        raise RuntimeError(f"{command}: exit status {process.returncode}")
    return peak


def _memory(process: psutil.Process) -> tuple[float, int]:
    found = []
    for one in [process, *process.children(recursive=True)]:
        try:
            info = one.memory_full_info()
        except psutil.Error:  # it has ended meanwhile
            continue
        found.append(getattr(info, "pss", info.rss) / 2**20)
    return sum(found), len(found)
