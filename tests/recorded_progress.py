"""A progress that keeps what it is told."""

import contextlib

from kgenre.core.progress import Progress


class RecordedProgress(Progress):
    """Records the tasks that it is told, with the steps of each."""

    def __init__(self):
        self.tasks = []

    @contextlib.contextmanager
    def task(self, title, total, unit, done=0):
        steps = []
        yield lambda n=1, title=None, total=None: steps.append(n)
        self.tasks.append((title, total, steps))
