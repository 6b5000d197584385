"""What long work tells of itself: progress with a rate, lines between, files that failed.

Functions that take long are handed a Progress. This one is silent; the commands hand in one that draws bars
(kgenre/cli/progress.py), and a test or a notebook may hand in its own.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping


class Progress:
    """Says nothing. Subclasses show what they are told."""

    @contextlib.contextmanager
    def task(self, title: str, total: int | None, unit: str, done: int = 0) -> Iterator[Callable]:
        """Work of `total` units (None where that is not known yet), `done` of them done before.

        Yields:
            A function advance(n=1, title=None, total=None), to be called from any thread: `n` more units are done.
        """

        def advance(n: int = 1, title: str | None = None, total: int | None = None) -> None:
            pass

        yield advance

    def line(self, text: str) -> None:
        """One line of news, for standard output."""

    def failures(self, failures: Mapping[str, str], word: str = "left out") -> None:
        """Files that cannot be used: {path: cause}; `word` says what happened to them."""


SILENT = Progress()
