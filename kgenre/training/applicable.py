"""Which settings apply to a run, for its flags and its `--help`."""

from collections.abc import Sequence
from dataclasses import replace

from kgenre.archs import ARCHS
from kgenre.core.settings import Applicable, Setting, Settings, fields_of
from kgenre.model.settings import row_defaults, select
from kgenre.training.settings import RunSelection, every_class, run_sections

SELECTORS = list(fields_of(RunSelection).values())


def applicable(file_values: dict, selected: dict) -> Applicable:
    """The settings that a run has, and those that only other runs have.

    Args:
        file_values: settings that a file gives.
        selected: selectors given as flags.

    Raises:
        KgenreError: a selector of the file that names nothing.
    """
    init = {**file_values, **selected}.get("init")
    if init is not None:
        from kgenre.training.run import network_of  # heavy, and `--help` must come at once

        file_values = {**network_of(init), **file_values}
    selection = select(RunSelection, {**file_values, **selected})
    table = {**row_defaults(selection), **file_values}
    # A selector's own default is what holds without its flag.
    own = {**ARCHS[selection.arch].defaults, "input": selection.input}
    selectors = _with_defaults([RunSelection], {**own, **file_values})
    sections = {}
    for title, (selector, classes) in run_sections(selection).items():
        sections[title] = [selectors[selector]] if selector else []
        sections[title] += _with_defaults(classes, table).values()
    shown = {setting.name for settings in sections.values() for setting in settings}
    every = _with_defaults(every_class(), {})
    return Applicable(sections, [setting for name, setting in every.items() if name not in shown])


def applicable_to_any(file_values: dict, choices: Sequence[dict]) -> Applicable:
    """The settings that any of several runs has, each once, under the first section that has it.

    Args:
        file_values: settings that a file gives.
        choices: selectors of each run.
    """
    sections, shown, found = {}, set(), [applicable(file_values, selected) for selected in choices]
    for title, settings in (pair for one in found for pair in one.sections.items()):
        sections.setdefault(title, []).extend(setting for setting in settings if setting.name not in shown)
        shown |= {setting.name for setting in settings}
    return Applicable(sections, [setting for setting in found[0].others if setting.name not in shown])


def _with_defaults(classes: list[type[Settings]], table: dict) -> dict[str, Setting]:
    return {
        name: replace(field, default=table.get(name, field.default))
        for settings in classes
        for name, field in fields_of(settings).items()
    }
