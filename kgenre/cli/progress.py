"""Progress of the commands: bars with rate and time left, drawn on standard error."""

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping

from kgenre.audio.inputs import container, is_in_shard
from kgenre.core.progress import Progress
from kgenre.core.text import one_line


class BarProgress(Progress):
    """Bars by rich. Where standard error is no terminal, only lines and failures are written."""

    def __init__(self):
        self.bars = None

    @contextlib.contextmanager
    def task(self, title: str, total: int | None, unit: str, done: int = 0) -> Iterator[Callable]:
        outermost = self.bars is None
        if outermost:
            self.bars = _bars()
            self.bars.start()
        task = self.bars.add_task(title, total=total, completed=done, unit=unit)
        bars = self.bars

        def advance(n: int = 1, title: str | None = None, total: int | None = None) -> None:
            bars.update(task, advance=n, description=title, total=total)

        try:
            yield advance
        finally:
            bars.remove_task(task)
            if outermost:
                self.bars = None
                bars.stop()

    def line(self, text: str) -> None:
        print(text, flush=True)  # rich, where its bars are up, moves it above them

    def failures(self, failures: Mapping[str, str], word: str = "left out") -> None:
        alike: dict[tuple[str, str], list[str]] = {}
        for path, cause in failures.items():  # the tracks of a damaged shard in one line
            alike.setdefault((cause, str(container(path)) if is_in_shard(path) else path), []).append(path)
        for (cause, _), paths in alike.items():
            more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
            print(f"{word}: {one_line(paths[0])}{more}: {cause}", file=sys.stderr)


def _bars():
    """Tasks have a `unit`, whose rate is shown."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        ProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bars
    from rich.text import Text

    class RateColumn(ProgressColumn):
        def render(self, task) -> Text:
            return Text(f"{task.speed:.1f} {task.fields['unit']}/s" if task.speed else task.fields["unit"])

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    return Bars(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        RateColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,  # a log file would get an empty line of each bar
        transient=True,
        redirect_stdout=sys.stdout.isatty(),  # rich would send answers meant for a file or pipe to the terminal
    )
