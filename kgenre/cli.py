"""What the commands share: flags from the config, one line for a user's error, a console."""

import argparse
import contextlib
import dataclasses
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from kgenre.config import SECTIONS, Config, field_type
from kgenre.errors import KgenreError
from kgenre.quiet import filtered_stderr


class Parser(argparse.ArgumentParser):
    """Says what is wrong with a flag in one line, without the usage of thirty others before it."""

    def error(self, message: str):
        self.exit(2, f"kgenre: {message}. `{self.prog} --help` tells of every flag.\n")


def make_parser(name: str, description: str) -> argparse.ArgumentParser:
    return Parser(prog=f"kgenre {name}", description=description, formatter_class=argparse.RawDescriptionHelpFormatter)


def add_config_flags(parser: argparse.ArgumentParser, names: tuple[str, ...] | None = None) -> None:
    """One flag for each field of Config, or for those named; a flag not given leaves no attribute behind."""
    group, used = parser, []
    for row in dataclasses.fields(Config):
        if names is None and row.name in SECTIONS:
            group = parser.add_argument_group(SECTIONS[row.name])
        if names is None or row.name in names:
            _add_flag(group, row)
            used.append(row.name)
    parser.set_defaults(of_config=used)


def _add_flag(group, row) -> None:
    plain, _ = field_type(row)
    flag = "--" + row.name.replace("_", "-")
    text = f"{row.metadata['help']} (default: {_default(row)})".replace("%", "%%")
    options = {"default": argparse.SUPPRESS, "help": text}
    if plain is tuple:  # without argparse's choices: the config tells an unknown name with the closest one
        options["help"] = f"{', '.join(row.metadata['choices'])}, or none: {text}"
        group.add_argument(flag, nargs="*", metavar="NAME", **options)
    elif plain is bool:
        group.add_argument(flag, action=argparse.BooleanOptionalAction, **options)
    else:
        metavar = None if row.metadata["choices"] else plain.__name__.upper()
        group.add_argument(flag, type=plain, choices=row.metadata["choices"], metavar=metavar, **options)


def _default(row) -> str:
    if isinstance(row.default, tuple):
        return " ".join(row.default) or "none"
    return "its own" if row.default is None else str(row.default)


def config_flags(args: argparse.Namespace) -> dict:
    """The config's values that were given as flags; a command's own flag of the same name is none of them."""
    given = vars(args)
    return {name: given[name] for name in args.of_config if name in given}


def check_file(path: Path, flag: str) -> None:
    """Raises KgenreError for a file that cannot be written: now, rather than after the work."""
    if path.is_dir() or not path.parent.is_dir():
        rule = "is a folder" if path.is_dir() else f"no such folder: {path.parent}"
        raise KgenreError(f"{path}: {rule}. Name a file in a folder that exists with {flag}.")
    if not os.access(path.resolve() if path.exists() else path.parent, os.W_OK):
        raise KgenreError(f"{path}: may not be written. Name another file with {flag}.")


def list_failures(failures: dict[str, str], word: str = "left out") -> None:
    """Tells on stderr, a line each, which files could not be used and why."""
    for path, cause in failures.items():
        print(f"{word}: {one_line(path)}: {cause}", file=sys.stderr)


def one_line(path: str) -> str:
    """A path as it is shown: odd bytes and line breaks in it escaped."""
    return path if path.isprintable() else path.encode("unicode_escape", "surrogateescape").decode()


def run(command: Callable[[argparse.Namespace], int], args: argparse.Namespace) -> int:
    """Runs a command. A KgenreError becomes one line and exit status 2, Ctrl-C one line and 130."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="surrogateescape")  # file names of other encodings go out as they came
    with filtered_stderr(), python_strings():
        logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s", force=True)
        logging.getLogger("kgenre").setLevel(logging.INFO)
        try:
            return command(args)
        except KgenreError as error:
            print(f"kgenre: {error}", file=sys.stderr)
            return 2
        except KeyboardInterrupt:
            print("kgenre: stopped", file=sys.stderr)
            return 128 + signal.SIGINT
        except BrokenPipeError:  # the reader of our output went away, as `| head` does
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 128 + signal.SIGPIPE
        except OSError as error:  # a full disk, a folder that may not be written
            if error.strerror is None:
                raise
            place = f"{error.filename}: " if error.filename else ""
            print(f"kgenre: {place}{error.strerror}", file=sys.stderr)
            return 2


@contextlib.contextmanager
def python_strings() -> Iterator[None]:
    """Within it pandas keeps strings as Python's: pyarrow's, its choice where installed, refuse odd file names."""
    import pandas as pd

    with pd.option_context("mode.string_storage", "python"):
        yield


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
