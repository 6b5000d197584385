"""Reading processes with a time limit: a file whose decoder hangs or crashes is reported, and the others go on.

The processes are fresh interpreters, not forks: TensorFlow's threads do not survive a fork. They talk over
pipes in pickles; a thread for each passes its messages on, so that decoding goes on while the model computes.
"""

import contextlib
import math
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

from kgenre.core.errors import KgenreError
from kgenre.library.scan.protocol import About, Ended, Failed, Free, Job, Ready, Settings

ANALYSER = "kgenre.library.scan.analysis:analyse"
MESSAGES_HELD = 64  # slices that wait for the model: 12 MB of the default model's
CHECK_SECONDS = 1.0
AWAY_SECONDS = 5.0  # longer between two checks than a batch of the model takes: this process was stopped


class Worker:
    """One process. `job` is what it works on, None if nothing."""

    def __init__(self, analyser: str, settings: Settings, inbox: queue.Queue):
        self.job: Job | None = None
        self.ready = self.failed = self.late = False
        self.last_sign = math.inf  # time of its last message; infinite while it waits for us
        # -P: the current folder, which may be one of music, must not be searched for modules.
        command = [sys.executable, "-P", "-m", "kgenre.library.scan.worker_process", analyser]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
        self.pump = threading.Thread(target=self._pump, args=(inbox,), daemon=True)
        self.pump.start()
        self._write(settings)

    def start(self, job: Job) -> None:
        self.job, self.failed = job, False
        self._write(job)

    def answer(self, wanted: bool) -> None:
        """Tells whether the audio is wanted, after an About."""
        self._write(wanted)

    def give_up(self) -> None:
        self.late = True
        self.process.kill()

    def why_ended(self, limit_seconds: float) -> str:
        code = self.process.returncode
        if self.late:
            return f"given up: its decoder gave nothing for {limit_seconds:g} s."
        if code < 0:
            return f"its decoder crashed ({signal.Signals(-code).name})."
        return f"its decoder stopped (exit status {code})."

    def end(self) -> None:
        """Ends the process; `pump` must not wait for a place in the queue."""
        self.process.kill()
        self.pump.join()
        self.process.wait()
        self.process.stdout.close()
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()

    def _write(self, message) -> None:
        self.last_sign = time.monotonic()
        with contextlib.suppress(BrokenPipeError):  # it has just died: its Ended is on the way
            pickle.dump(message, self.process.stdin)
            self.process.stdin.flush()

    def _pump(self, inbox: queue.Queue) -> None:
        while True:
            try:
                message = pickle.load(self.process.stdout)
            except (EOFError, pickle.UnpicklingError):
                inbox.put((self, Ended()))
                return
            self.last_sign = math.inf
            inbox.put((self, message))  # waits while the model is behind
            if not isinstance(message, (About, Free)):
                self.last_sign = time.monotonic()


class Workers:
    """`n` reading processes, within a `with`.

    Args:
        n: processes.
        settings: for each file.
        limit_seconds: a file of which nothing comes for this time is given up. There is no limit on the whole: a
            long track may take any time as long as messages come.
        analyser: "module:function" that is called with Job and Settings in the process; answers as `analyse` does.
    """

    def __init__(self, n: int, settings: Settings, limit_seconds: float, analyser: str = ANALYSER):
        self.n, self.settings, self.limit_seconds, self.analyser = n, settings, limit_seconds, analyser
        self.inbox: queue.Queue = queue.Queue(MESSAGES_HELD)
        self.workers: list[Worker] = []
        self.checked = time.monotonic()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for worker in self.workers:
            worker.process.kill()
        while any(worker.pump.is_alive() for worker in self.workers):
            with contextlib.suppress(queue.Empty):
                self.inbox.get(timeout=0.02)
        for worker in self.workers:
            worker.end()
        self.workers.clear()

    def messages(
        self, jobs: Iterator[Job], check: Callable[[], None] = lambda: None
    ) -> Iterator[tuple[Worker, Job, object]]:
        """(worker, its job, message) until all jobs are done; a message is About, Slice, Alive, Done or Failed.

        After About the caller owes the worker an `answer`. `check` is called before each wait for a message, of a
        second at most; what it raises ends the iteration in the midst of the work.

        Raises:
            KgenreError: a process ends before it could begin.
        """
        jobs = iter(jobs)
        job = self._give_out(next(jobs, None), jobs)
        while any(worker.job is not None for worker in self.workers):
            worker, message = self._next(check)
            if isinstance(message, Ready):
                worker.ready = True
            elif isinstance(message, Free):
                worker.job = None
            elif isinstance(message, Ended):
                self._bury(worker)
                if worker.job is not None and not worker.failed:
                    yield worker, worker.job, Failed(worker.why_ended(self.limit_seconds), of_sample=True)
            else:
                worker.failed = isinstance(message, Failed)
                yield worker, worker.job, message
            if isinstance(message, (Free, Ended)):
                job = self._give_out(job, jobs)

    def _give_out(self, job: Job | None, jobs: Iterator[Job]) -> Job | None:
        """Gives jobs to the workers that have none, and starts those that are lacking; returns the next job."""
        while job is not None:
            worker = next((worker for worker in self.workers if worker.job is None), None)
            if worker is None and len(self.workers) == self.n:
                break
            if worker is None:
                worker = Worker(self.analyser, self.settings, self.inbox)
                self.workers.append(worker)
            worker.start(job)
            job = next(jobs, None)
        return job

    def _bury(self, worker: Worker) -> None:
        worker.end()
        self.workers.remove(worker)
        if not worker.ready:
            raise KgenreError(
                f"A process that reads files ended before it could begin (exit status {worker.process.returncode}). "
                "What it said is above; is the disk full, or memory short?"
            )

    def _next(self, check: Callable[[], None]) -> tuple[Worker, object]:
        while True:
            now = time.monotonic()
            if now - self.checked > CHECK_SECONDS:
                # While we were stopped (Ctrl-Z, a laptop asleep), so were they.
                away = max(0.0, now - self.checked - AWAY_SECONDS)
                self.checked = now
                for worker in self.workers:
                    worker.last_sign += away
                    if worker.ready and worker.job is not None and now - worker.last_sign > self.limit_seconds:
                        worker.give_up()
            check()
            with contextlib.suppress(queue.Empty):
                return self.inbox.get(timeout=CHECK_SECONDS)
