"""What the commands share: flags from the config, one line for a user's error, a console."""

import sys


def progress():
    """A rich progress bar with rate and time left, drawn on stderr. Tasks have a `unit`, of which the rate is told."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class RateColumn(ProgressColumn):
        def render(self, task) -> Text:
            return Text(f"{task.speed:.1f} {task.fields['unit']}/s" if task.speed else task.fields["unit"])

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    return Progress(
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
