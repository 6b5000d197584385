"""The setting of what a model answers."""

from typing import TYPE_CHECKING

from pydantic import Field

from kgenre.core.settings import Settings

if TYPE_CHECKING:
    from kgenre.model.unsure import UnsureRule


class AnswerSettings(Settings):
    """When a model answers."""

    # None: how sure is sure enough depends on what a wrong genre costs.
    unsure_below: float | None = Field(
        None,
        ge=0.001,
        le=0.999,
        description='answer "unsure" where the highest probability is below P, in place of any rule of the model',
        json_schema_extra={"metavar": "P"},
    )

    @property
    def rule(self) -> "UnsureRule | None":
        from kgenre.model.unsure import UnsureRule  # brings NumPy, and `--help` must come at once

        return None if self.unsure_below is None else UnsureRule(self.unsure_below)

    def facts(self) -> dict:
        """The rule as a run and an export keep it: {"unsure": its values}, or {}."""
        return {"unsure": self.rule.values()} if self.rule else {}
