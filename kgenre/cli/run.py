"""Running a command: one line for a fault of the user, exit codes, a quiet standard error."""

import argparse
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator

from kgenre.cli.flags import parse_applicable
from kgenre.cli.parser import Parser
from kgenre.cli.stderr_filter import filtered_stderr
from kgenre.core.errors import KgenreError
from kgenre.core.keras_backends import training_backend
from kgenre.core.settings import Applicable, Setting

NEEDS = {  # what the plain install lacks, and the extra that brings it
    **dict.fromkeys(("tensorflow", "keras", "librosa", "matplotlib", "xgboost", "tensorflow_hub"), "train"),
    **dict.fromkeys(("jinja2", "markupsafe", "cleanlab"), "train"),
    **dict.fromkeys(("grpc", "google"), "client"),
    **{"jax": "jax", "torch": "torch"},
}


def run(command: Callable[[argparse.Namespace], int], args: argparse.Namespace, pandas: bool = True) -> int:
    """Runs a command. A KgenreError becomes one line and exit status 2, Ctrl-C one line and 130.

    Args:
        pandas: whether the command uses it; to import it takes a while.
    """
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="surrogateescape")  # file names of other encodings go out as they came
    with filtered_stderr(), python_strings() if pandas else contextlib.nullcontext():
        logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s", force=True)
        logging.getLogger("kgenre").setLevel(logging.INFO)
        try:
            return command(args)
        except KgenreError as error:
            print(f"kgenre: {error}", file=sys.stderr)
            return 2
        except ModuleNotFoundError as error:
            name = (error.name or "").partition(".")[0]
            extra = training_backend() if name == "grain" else NEEDS.get(name)  # which two of them bring
            if extra is None:
                raise
            step = f"pip install 'kgenre[{extra}]'"
            print(f"kgenre: {name} is not installed, which this needs. Install it: {step}", file=sys.stderr)
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


def run_applicable(
    command: Callable[[argparse.Namespace, dict], int],
    parser: Parser,
    early: Parser,
    selectors: list[Setting],
    argv: list[str] | None,
    applicable: Callable[[argparse.Namespace, dict], Applicable],
) -> int:
    """Parses as `parse_applicable` does, and runs a command with its own flags and the settings that were given."""
    try:
        args, given = parse_applicable(parser, early, selectors, argv, applicable)
    except KgenreError as error:  # of the file that tells which settings there are
        print(f"kgenre: {error}", file=sys.stderr)
        return 2
    return run(lambda args: command(args, given), args)


@contextlib.contextmanager
def python_strings() -> Iterator[None]:
    """Within it pandas keeps strings as Python's: pyarrow's, its choice where installed, refuse odd file names."""
    import pandas as pd

    with pd.option_context("mode.string_storage", "python"):
        yield
