"""Settings: what a component can be told, each with type, range, choices and help, checked when it is given.

A component declares a subclass of Settings beside the code that uses it, with the reason for each default in a
comment. Flags, `--help` and the errors below follow from the declaration.
"""

import json
import tomllib
import types
import typing
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from annotated_types import Ge, Le
from pydantic import BaseModel, ConfigDict, ValidationError

from kgenre.core.errors import KgenreError, check_known


class Settings(BaseModel):
    """Settings of one component, immutable. Fields have a default, a description, and a range or choices.

    Whole numbers are accepted where a float is declared; nothing else is converted.

    Raises:
        KgenreError: a name that is no field, or a value of another type, outside its range or not among its choices.
    """

    # Schemas are built at the first use: `--help` lists fields of thirty classes and makes none of them.
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True)

    def __init__(self, **values):
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise KgenreError(_one_line(type(self), error)) from error


@dataclass(frozen=True)
class Setting:
    """One field of a Settings class, as flags and errors need it.

    kind: int, float, bool, str, or tuple for a list of names.
    choices: the names that it may take; None for any value in the range.
    low, high: the range, both ends included; None where there is none.
    metavar: what stands for the value in help; None for the kind's name. From `json_schema_extra`.
    """

    name: str
    kind: type
    default: object
    description: str
    choices: tuple[str, ...] | None = None
    low: float | None = None
    high: float | None = None
    metavar: str | None = None


@dataclass(frozen=True)
class Applicable:
    """The settings that apply to what was chosen.

    sections: {title: the settings below it}, in the order of `--help`, with the defaults that hold here.
    others: the settings that apply to another choice only; their flags are recognised so that they can be refused
        with the reason.
    """

    sections: dict[str, list[Setting]]
    others: list[Setting]

    def without(self, names: Container[str]) -> "Applicable":
        """These settings apply to no choice: only to be refused."""
        others = [setting for settings in self.sections.values() for setting in settings if setting.name in names]
        kept = {title: [one for one in settings if one.name not in names] for title, settings in self.sections.items()}
        return Applicable({title: settings for title, settings in kept.items() if settings}, self.others + others)

    def described(self, descriptions: Mapping[str, str]) -> "Applicable":
        """The named settings with other texts for `--help`."""
        return self._changed({name: {"description": text} for name, text in descriptions.items()})

    def required(self, name: str, where: str) -> "Applicable":
        """A setting that has no default here; `where` it must be given, in words."""
        (setting,) = (one for settings in self.sections.values() for one in settings if one.name == name)
        return self._changed({name: {"description": f"{setting.description}; required, {where}", "default": None}})

    def _changed(self, changes: Mapping[str, dict]) -> "Applicable":
        sections = {
            title: [replace(setting, **changes.get(setting.name, {})) for setting in settings]
            for title, settings in self.sections.items()
        }
        return Applicable(sections, self.others)


def fields_of(settings: type[Settings]) -> dict[str, Setting]:
    """The fields of a class by name, in its order."""
    return {name: _field(name, info) for name, info in settings.model_fields.items()}


def _field(name: str, info) -> Setting:
    annotation = info.annotation
    if typing.get_origin(annotation) in (types.UnionType, typing.Union):  # of a type and None
        annotation = next(part for part in typing.get_args(annotation) if part is not types.NoneType)
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    kind, choices = annotation, None
    if origin is tuple:
        kind, choices = tuple, typing.get_args(arguments[0])
    elif origin is typing.Literal:
        kind, choices = str, arguments
    low = next((bound.ge for bound in info.metadata if isinstance(bound, Ge)), None)
    high = next((bound.le for bound in info.metadata if isinstance(bound, Le)), None)
    metavar = (info.json_schema_extra or {}).get("metavar")
    return Setting(name, kind, info.default, info.description or "", choices, low, high, metavar)


def _one_line(settings: type[Settings], error: ValidationError) -> str:
    """The first fault as the rule and the value received."""
    fault = error.errors(include_url=False)[0]
    name, value, fields = str(fault["loc"][0]), fault["input"], fields_of(settings)
    if name not in fields:
        return _unknown("setting", name, fields)
    field = fields[name]
    if fault["type"] == "literal_error" and isinstance(value, (str, int)):
        return _unknown(name, value, field.choices)
    if field.low is not None and fault["type"] in ("greater_than_equal", "less_than_equal", "finite_number"):
        return f"`{name}` must be from {field.low:g} to {field.high:g}. Received: {name}={value}."
    return f"`{name}` must be {field.kind.__name__}. Received: {name}={value!r}."


def _unknown(kind: str, value, known: Iterable[str]) -> str:
    try:
        check_known(kind, value, known)
    except KgenreError as error:
        return str(error)
    raise ValueError(f"{value!r} is known")


def read_settings_file(path, tables=()) -> dict:
    """Reads a flat table of settings, a .toml recipe or a run's config.json.

    Args:
        path: of the file; .json is JSON, everything else TOML.
        tables: names of tables beside the settings, which are left as they are.

    Returns:
        {name: value} as the file has them, a setting of a table as TABLE.NAME; names and values are not checked.

    Raises:
        KgenreError: unreadable or malformed.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
        values = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, tomllib.TOMLDecodeError) as error:
        raise KgenreError(f"{path}: not a readable .toml or .json config ({error}).") from error
    if not isinstance(values, dict):
        raise KgenreError(f"{path}: a config is a table of settings. Received: {type(values).__name__}.")
    return flat({name: value for name, value in values.items() if name not in tables}) | {
        name: values[name] for name in tables if name in values
    }


def flat(values: dict) -> dict:
    """TOML reads `cqt.hop_length = 512` as a table in a table: {"cqt": {"hop_length": 512}}."""
    found = {}
    for name, value in values.items():
        found |= {f"{name}.{own}": one for own, one in value.items()} if isinstance(value, dict) else {name: value}
    return found


def settings_json(values: dict) -> str:
    """A flat table of settings as a file holds it: one setting a line."""
    return json.dumps(values, indent=2) + "\n"
