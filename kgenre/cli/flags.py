"""Flags made from settings classes."""

import argparse
import os
import re
from collections.abc import Callable
from pathlib import Path

from kgenre.cli.parser import Parser
from kgenre.core.errors import KgenreError
from kgenre.core.settings import Applicable, Setting, Settings, fields_of


def add_settings_flags(parser, settings: type[Settings], *names: str) -> None:
    """A flag for each of the named settings of a class; one that is not given leaves no attribute behind."""
    for name in names:
        add_flag(parser, fields_of(settings)[name])


def settings_from(settings: type[Settings], args: argparse.Namespace, **defaults) -> Settings:
    """The settings of a class that flags gave, on top of `defaults`."""
    return settings(
        **{**defaults, **{name: value for name, value in vars(args).items() if name in settings.model_fields}}
    )


def parse_applicable(
    parser: Parser,
    early: Parser,
    selectors: list[Setting],
    argv: list[str] | None,
    applicable: Callable[[argparse.Namespace, dict], Applicable],
) -> tuple[argparse.Namespace, dict]:
    """Parses a command line whose settings depend on what it selects.

    Args:
        parser: of the command, with its own flags; `early` is one of its parents.
        early: the flags among them that `applicable` needs, without `--help`.
        selectors: settings that choose which others there are; the sections list them too.
        argv: the command line.
        applicable: the early flags and the values of the selectors -> the settings that apply.

    Returns:
        The command's own flags, and the settings that were given: {name: value}.

    Raises:
        KgenreError: what `applicable` raises.
    """
    first = Parser(prog=parser.prog, parents=[early], add_help=False)
    for setting in selectors:
        add_flag(first, setting)
    known = vars(first.parse_known_args(argv)[0])
    selected = {setting.name: known.pop(setting.name) for setting in selectors if setting.name in known}
    found = applicable(argparse.Namespace(**known), selected)
    for title, settings in found.sections.items():
        group = parser.add_argument_group(title)
        for setting in settings:
            add_flag(group, setting)
    for setting in found.others:
        _add_hidden_flag(parser, setting)
    args = vars(parser.parse_args(argv))
    names = {setting.name for settings in (*found.sections.values(), found.others) for setting in settings}
    own = argparse.Namespace(**{name: value for name, value in args.items() if name not in names})
    return own, {name: value for name, value in args.items() if name in names}


def add_flag(group, setting: Setting) -> None:
    text = f"{setting.description}{_default(setting)}".replace("%", "%%")
    options = {"default": argparse.SUPPRESS, "help": text, "dest": setting.name}
    if setting.kind is tuple:  # without argparse's choices: the settings name the closest one
        options["help"] = f"{', '.join(setting.choices)}, or none: {text}"
        group.add_argument(_flag(setting), nargs="*", metavar="NAME", **options)
    elif setting.kind is bool:
        group.add_argument(_flag(setting), action=argparse.BooleanOptionalAction, **options)
    else:
        metavar = setting.metavar or (None if setting.choices else setting.kind.__name__.upper())
        group.add_argument(_flag(setting), type=setting.kind, choices=setting.choices, metavar=metavar, **options)


def _add_hidden_flag(parser, setting: Setting) -> None:
    """A flag that is accepted with any value, or none, for the settings to refuse with the reason."""
    options = {"default": argparse.SUPPRESS, "help": argparse.SUPPRESS, "dest": setting.name}
    if setting.kind is bool:
        parser.add_argument(_flag(setting), action=argparse.BooleanOptionalAction, **options)
    else:
        parser.add_argument(_flag(setting), nargs="?", **options)


def _flag(setting: Setting) -> str:
    return "--" + setting.name.replace("_", "-")


def _default(setting: Setting) -> str:
    if setting.default is None:  # its description says what holds then
        return ""
    several = isinstance(setting.default, (tuple, list))
    return f" (default: {(' '.join(setting.default) or 'none') if several else setting.default})"


def check_local(path: Path, flag: str) -> None:
    """Raises KgenreError where an output is a URL, of which Path has made one slash of two."""
    if re.match(r"[a-z][a-z0-9+.-]+:/", str(path), re.IGNORECASE) and not Path(path.parts[0]).exists():
        raise KgenreError(
            f"{path}: a URL, where a folder or file of this machine is written. Name one with {flag}, on a disk that "
            "all workers share where there are several."
        )


def check_file(path: Path, flag: str) -> None:
    """Raises KgenreError for a file that cannot be written: now, rather than after the work."""
    check_local(path, flag)
    if path.is_dir() or not path.parent.is_dir():
        rule = "is a folder" if path.is_dir() else f"no such folder: {path.parent}"
        raise KgenreError(f"{path}: {rule}. Name a file in a folder that exists with {flag}.")
    if not os.access(path.resolve() if path.exists() else path.parent, os.W_OK):
        raise KgenreError(f"{path}: may not be written. Name another file with {flag}.")
