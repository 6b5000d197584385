"""The flags --data and --model, in the same words for all commands."""

import argparse
from pathlib import Path

from kgenre.collections.settings import DATA, DATA_METAVAR

MODEL = "default, musicnn, vggish, a run folder or a SavedModel folder"


def add_data_flag(parser: argparse.ArgumentParser, before: str = "", default: str = "", **options) -> None:
    """Adds --data. `before`: text before the help; `default`: what is read without it, as text."""
    after = f" (default: {default})" if default else ""
    parser.add_argument("--data", metavar=DATA_METAVAR, help=f"{before}{DATA}{after}", **options)


def add_model_flag(parser: argparse.ArgumentParser, default: str = "the default model", **options) -> None:
    """Adds --model. `default`: what is used without it, as text."""
    after = f" (default: {default})" if default else ""
    parser.add_argument("--model", type=Path, metavar="MODEL", help=f"{MODEL}{after}", **options)
