"""Commands that train: the flags of a run folder, and the run that --resume goes on with."""

import argparse
from pathlib import Path


def add_run_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, metavar="RUN", help="run folder (default: models/ARCH-DATE-TIME)")
    parser.add_argument(
        "--resume", action="store_true", help="go on with the run in --out (default: the newest unfinished)"
    )


def run_to_resume(args: argparse.Namespace) -> Path:
    """The folder of the run that --resume goes on with.

    Raises:
        KgenreError: --out names none, and there is no unfinished run.
    """
    from kgenre.training.start import unfinished_run

    return args.out or unfinished_run()


def resumed_values(args: argparse.Namespace) -> dict:
    """The settings of the run that is resumed; {} without --resume, or where it has not begun."""
    from kgenre.training.settings import read_config

    kept = run_to_resume(args) / "config.json" if args.resume else None
    return read_config(kept) if kept and kept.is_file() else {}
