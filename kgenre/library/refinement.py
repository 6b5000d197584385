"""The pass that completes a first one, in a thread of its own while the library is used.

It is a scan like any other, so it leaves in the library what a scan without a first pass leaves. It yields to other
work: half of the cores read, and on Linux its reading processes, its thread and the threads that it starts have the
niceness NICENESS. LiteRT's are among these, because it computes in threads of its own here (Model.in_background).
TensorFlow and NumPy compute in one thread pool per process, which the page's requests use too and which keeps its
priority. On other systems a thread has no niceness of its own, and only the reading processes have a low priority.
"""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

from kgenre.core.errors import KgenreError
from kgenre.core.priority import lower_thread
from kgenre.core.progress import Progress
from kgenre.library.map.update import update_map
from kgenre.library.records import Space
from kgenre.library.scan.protocol import Background
from kgenre.library.scan.report import Report
from kgenre.library.scan.scan import scan
from kgenre.library.store import Library

NICENESS = 10
CHECK_SECONDS = 0.2
STOP_SECONDS = 10.0  # a batch of a large network, or the end of a layout, which are not interrupted
ENDED_EARLY = "the analysis ended early, by a fault that the terminal shows. Start kgenre again to continue."
MIN_DONE = 3  # recordings, before the time left is told


class _Stopped(Exception):
    """Ends a scan from within."""


@dataclass(frozen=True)
class RefinementStatus:
    """Where a refinement stands: recordings done and in all, seconds left (None where that is not known yet), whether
    it runs (a paused one does), and why it ended early ("" if it did not)."""

    done: int
    total: int
    seconds_left: float | None
    paused: bool
    running: bool
    error: str

    def values(self) -> dict:
        return asdict(self)


class Refinement(Progress):
    """The second pass over a folder, which runs within a `with`.

    Args:
        library, folder, model, space: as of the first pass.
        workers: reading processes; None for half as many as there are cores.
        changed: called with the paths of tracks whose analysis has changed.
        finished: called when all is done and the map has places for what the first pass had postponed.
    """

    def __init__(
        self,
        library: Library,
        folder,
        model,
        space: Space,
        workers: int | None = None,
        changed: Callable[[list[bytes]], None] = lambda paths: None,
        finished: Callable[[], None] = lambda: None,
    ):
        self.library, self.folder, self.model, self.space = library, folder, model.in_background(), space
        self.workers = workers or max(1, (os.cpu_count() or 1) // 2)
        self.changed, self.finished = changed, finished
        self._total, self._error = library.provisional_recordings(space, folder), ""
        self._copies = library.provisional_tracks(space, folder) - self._total  # files that the scan counts, too
        self._audio: set[bytes] = set()  # of the recordings that are done
        self._stop, self._resume = threading.Event(), threading.Event()
        self._resume.set()
        self._worked, self._since = 0.0, None  # seconds without pauses, and the time since which it works
        self._thread = threading.Thread(target=self._run, name="refinement", daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        """Ends it; the tracks that are being analysed are lost, and nothing else."""
        self._stop.set()
        self._thread.join(STOP_SECONDS)

    def pause(self, paused: bool) -> None:
        """Pauses, or goes on."""
        if paused:
            self._resume.clear()
        else:
            self._resume.set()

    @property
    def _done(self) -> int:
        return len(self._audio)

    @property
    def status(self) -> RefinementStatus:
        paused, running = not self._resume.is_set(), self._thread.is_alive()
        error = "" if running else self._error
        return RefinementStatus(self._done, self._total, self._seconds_left(), paused, running, error)

    def _seconds_left(self) -> float | None:
        worked = self._worked + (time.monotonic() - self._since if self._since is not None else 0.0)
        return None if self._done < MIN_DONE else (self._total - self._done) * worked / self._done

    @contextlib.contextmanager
    def task(self, title: str, total: int | None, unit: str, done: int = 0) -> Iterator[Callable]:
        """Of the scan, which counts files; see Progress."""
        self._total, self._since = total - self._copies, time.monotonic()
        yield lambda n=1, title=None, total=None: None

    def _saved(self, paths: list[bytes]) -> None:
        """Counts the recordings of files whose analysis has changed, and tells of it."""
        self._audio |= self.library.audio_of(paths)
        self.changed(paths)

    def _run(self) -> None:
        lower_thread(NICENESS)
        self._error = ENDED_EARLY  # unless it ends as it should; the fault is then on standard error
        try:
            background = Background(self._check, self._saved, NICENESS)
            report = scan(
                self.library, self.folder, self.model, self.space.policy, self.workers,
                progress=self, background=background,
            )  # fmt: skip
            self._place(report)
            self._error = ""
        except _Stopped:
            self._error = ""
        except KgenreError as error:  # the page tells it
            self._error = str(error)
        finally:
            self.model = None  # lets its own threads end, whose interpreters take 30 MB each

    def _place(self, report: Report) -> None:
        """Gives new tracks a place on the map, where all others stay."""
        update_map(self.library, self.space, workers=1, refined=report.done > 0)
        self.finished()

    def _check(self) -> None:
        """Waits while it is paused."""
        while not self._resume.is_set() and not self._stop.is_set():
            if self._since is not None:
                self._worked, self._since = self._worked + time.monotonic() - self._since, None
            self._resume.wait(CHECK_SECONDS)
        if self._stop.is_set():
            raise _Stopped
        self._since = time.monotonic() if self._since is None else self._since
