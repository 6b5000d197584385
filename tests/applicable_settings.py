"""Settings for tests that run over every row of a table."""

from kgenre.model.settings import field_names, select
from kgenre.training.settings import RunSelection, RunSettings, run_sections


def compose_applicable(table: dict, **values) -> RunSettings:
    """The settings of a run from those entries of `table` that apply to it, and from all `values`."""
    selection = select(RunSelection, {**table, **values})
    classes = [settings for _, part in run_sections(selection).values() for settings in part]
    names = field_names([RunSelection, *classes])
    return RunSettings.compose({name: value for name, value in table.items() if name in names}, values)
