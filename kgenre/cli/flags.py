"""What the commands share: flags from the config, one line for a user's error, a console."""

import argparse
import dataclasses
import os
from pathlib import Path

from kgenre.core.errors import KgenreError
from kgenre.model.settings import SECTIONS, Config, field_type


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
