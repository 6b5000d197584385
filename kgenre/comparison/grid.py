"""The processes of a grid: each row is one, a few at a time; what is finished is not repeated.

A row that fails leaves the others alone. Whatever ends this process ends those of the rows with it, but for SIGKILL,
after which a lock that they hold keeps a second grid out of the folder until they are done.
"""

import contextlib
import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from kgenre.comparison.rows import Row
from kgenre.core.errors import KgenreError
from kgenre.core.progress import SILENT, Progress

POLL_SECONDS = 0.1
PATIENCE_SECONDS = 10  # for a process that was asked to end
THREADS = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def run_rows(rows: Sequence[Row], out: Path, parallel: int, progress: Progress = SILENT) -> dict[str, str]:
    """Runs the rows that are not finished.

    Args:
        out: folder of the grid; `rows.keep_settings` has been called.
        parallel: processes at a time; they divide the threads.

    Returns:
        {name of a row: cause} of those that failed.

    Raises:
        KgenreError: another process works in the folder.
    """
    waiting = [row for row in rows if not row.finished(out)]
    if not waiting:
        return {}
    failed, running = {}, {}
    (out / "logs").mkdir(exist_ok=True)
    with _lock(out) as lock, progress.task("rows", len(rows), "rows", _done(rows, out)) as advance:
        try:
            while waiting or running:
                for row in _ready(waiting, running, parallel):
                    waiting.remove(row)
                    progress.line(f"{row.name}: begun, log {row.log(out)}")
                    running[row] = _start(row, out, parallel, lock)
                time.sleep(POLL_SECONDS)
                for row in [row for row, process in running.items() if process.poll() is not None]:
                    cause = _failure(row, out, running.pop(row).returncode)
                    progress.line(f"{row.name}: {f'failed: {cause}' if cause else 'done'}")
                    failed |= {row.name: cause} if cause else {}
                    advance()
                advance(0, "; ".join(f"{row.name}: {_last_line(row.log(out))[:60]}" for row in running) or "rows")
        finally:
            _end(list(running.values()))
    return failed


def _done(rows: Sequence[Row], out: Path) -> int:
    return sum(row.finished(out) for row in rows)


def _ready(waiting: Sequence[Row], running: dict[Row, subprocess.Popen], parallel: int) -> list[Row]:
    """The rows to start now, in order: of those that share vectors one at a time."""
    busy, found = {row.shares for row in running}, []
    for row in waiting:
        if len(running) + len(found) < parallel and not (row.shares and row.shares in busy):
            found.append(row)
            busy.add(row.shares)
    return found


def _start(row: Row, out: Path, parallel: int, lock: int) -> subprocess.Popen:
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    if parallel > 1:
        threads = str(max(1, (os.cpu_count() or 1) // parallel))
        environment |= dict.fromkeys(THREADS, threads) | {"TF_FORCE_GPU_ALLOW_GROWTH": "true"}
    with row.log(out).open("ab") as log:
        files = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": subprocess.STDOUT}
        # In the group of this process: what stops a group, as Ctrl-C does, stops all.
        return subprocess.Popen(row.command(out), env=environment, pass_fds=(lock,), **files)


def _failure(row: Row, out: Path, status: int) -> str:
    """Why a process that has ended is no success, in one line; "" where it is one."""
    if status == 0 and row.finished(out):
        return ""
    if status < 0:
        return f"ended by signal {signal.Signals(-status).name}"
    return _last_line(row.log(out)).removeprefix("kgenre: ") or f"exit status {status}"


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.is_file() else []
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _end(processes: Sequence[subprocess.Popen]) -> None:
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def _lock(out: Path) -> Iterator[int]:
    """The descriptor of a lock on the folder, which the processes of the rows inherit, and so hold, too."""
    with (out / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise KgenreError(
                f"{out}: another `kgenre compare`, or a row that it left behind, works in this folder. "
                "Wait for it, end it, or name another folder with --out."
            ) from error
        yield file.fileno()
