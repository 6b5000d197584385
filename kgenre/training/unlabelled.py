"""Trainings on music without labels: the settings that each has beside those of a run, and those that it lacks."""

from collections.abc import Mapping
from dataclasses import dataclass

from kgenre.core.errors import KgenreError
from kgenre.core.settings import Applicable, Settings, fields_of
from kgenre.training.applicable import SELECTORS, applicable

AUDIO = "folder of audio, however deep"  # what `--data` may be
COLLECTION = "or what `kgenre train` takes, whose genres are not read"


@dataclass(frozen=True)
class Unlabelled:
    """A command that trains without labels.

    title: of its own settings in `--help`.
    own: their class.
    defaults: {name: value} of a run's settings that it has otherwise than `kgenre train`.
    without: {name: why} of a run's settings that it does not have.
    descriptions: {name: text for `--help`} of a run's settings that mean something else here.
    """

    title: str
    own: type[Settings]
    defaults: Mapping[str, object]
    without: Mapping[str, str]
    descriptions: Mapping[str, str]

    @property
    def selectors(self) -> list:
        """Those of SELECTORS that it has."""
        return [setting for setting in SELECTORS if setting.name not in self.without]

    def applicable(self, file_values: dict, selected: dict) -> Applicable:
        """The settings that it has, for its flags and its `--help`; as `applicable` of a training."""
        found = applicable({**self.defaults, **file_values}, selected).without(self.without)
        found = found.described(self.descriptions).required("data", "unless --resume")
        return Applicable({self.title: list(fields_of(self.own).values()), **found.sections}, found.others)

    def divided(self, given: dict) -> tuple[dict, dict]:
        """Given settings: those of the run, and its own.

        Raises:
            KgenreError: one that it does not have.
        """
        for name, value in given.items():
            if name in self.without:
                flag = f"--{name.replace('_', '-')}"
                raise KgenreError(f"`{name}` {self.without[name]}. Received: {name}={value}. Leave {flag} out.")
        own = {name: value for name, value in given.items() if name in self.own.model_fields}
        return {name: value for name, value in given.items() if name not in own}, own

    def check_unchanged(self, given: dict, begun: Mapping) -> None:
        """Raises KgenreError where a setting is given beside `--resume` that the run was begun with otherwise."""
        for name, value in given.items():
            if value != begun[name]:
                raise KgenreError(
                    f"`{name}` of a run cannot change. Received: {value}, begun with {begun[name]}. Leave it out."
                )
