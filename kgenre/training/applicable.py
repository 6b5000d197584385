"""Which settings apply to a run, for its flags and its `--help`."""

from collections.abc import Sequence
from dataclasses import replace

from kgenre.archs import ARCHS
from kgenre.core.settings import Applicable, Setting, Settings, fields_of
from kgenre.features import FEATURES
from kgenre.features.several import expanded, feature_fields
from kgenre.model.settings import merged, row_defaults, select
from kgenre.training.settings import RunSelection, every_class, run_sections

SELECTORS = list(fields_of(RunSelection).values())


def applicable(file_values: dict, selected: dict, begun: bool = False) -> Applicable:
    """The settings that a run has, and those that only other runs have.

    Args:
        file_values: settings that a file gives.
        selected: selectors given as flags.
        begun: the file is that of a run, which has all settings: the run that it began with is not read again.

    Raises:
        KgenreError: a selector of the file that names nothing, or `init` names no run or one of another network.
    """
    both, tables = {**file_values, **selected}, [file_values]
    if both.get("init") is not None and not begun:
        from kgenre.training.run import network_of  # heavy, and `--help` must come at once

        tables = [network_of(both["init"], both), file_values]
    selection = select(RunSelection, merged([*tables, selected]))
    file_values = merged(expanded(table, selection.features) for table in tables)
    table = {**row_defaults(selection), **file_values}
    # A selector's own default is what holds without its flag.
    own = {**ARCHS[selection.arch].defaults, "input": selection.input}
    selectors = _with_defaults(_fields([RunSelection]), {**own, **file_values})
    sections = {}
    for title, (selector, classes) in run_sections(selection).items():
        fields = feature_fields(selection.features) if selector == "feature" else _fields(classes)
        sections[title] = [selectors[selector]] if selector else []
        sections[title] += _with_defaults(fields, table).values()
    shown = {setting.name for settings in sections.values() for setting in settings}
    every = {**_fields(every_class()), **_qualified_fields()}
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


def _fields(classes: list[type[Settings]]) -> dict[str, Setting]:
    return {name: field for settings in classes for name, field in fields_of(settings).items()}


def _qualified_fields() -> dict[str, Setting]:
    """The settings of every feature, with its name before each."""
    every = [(feature, field) for feature, row in FEATURES.items() for field in fields_of(row.settings).values()]
    return {name: replace(field, name=name) for feature, field in every for name in [f"{feature}.{field.name}"]}


def _with_defaults(fields: dict[str, Setting], table: dict) -> dict[str, Setting]:
    return {name: replace(field, default=table.get(name, field.default)) for name, field in fields.items()}
