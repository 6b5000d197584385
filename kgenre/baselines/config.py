"""`kgenre baseline --config NAME|FILE`: a recipe of classic classifiers, below the flags that are given."""

from typing import Literal

from pydantic import Field

from kgenre.core.errors import KgenreError
from kgenre.core.settings import Settings
from kgenre.embeddings import POOLS
from kgenre.recipes import Recipe, open_recipe
from kgenre.training.config import holds_spectrograms


class BaselineChoices(Settings):
    """What a recipe or flags say of a baseline; which classifiers and layers there are, their own parts check."""

    on: str | None = Field(None, description="what the vectors are")
    classifier: str = Field("svc_rbf", description="a classic classifier, or all")
    pca: int | str = Field("none", description="components that the vectors are reduced to, or none")
    pool: Literal[*POOLS] | None = Field(None, description="from slices to a track's vector")
    selection: Literal["valid", "cv"] = Field("valid", description="on the valid tracks, or by cross-validation")
    layer: str | None = Field(None, description="the layer of the run that `on` names")


DEFAULTS = {name: field.default for name, field in BaselineChoices.model_fields.items()}


def baseline_recipe(name: str) -> Recipe:
    """The recipe of a name, or a file as one.

    Raises:
        KgenreError: neither, a recipe of a network or of several rows, or a name that is no setting.
    """
    return open_recipe(name).check("baseline", DEFAULTS)


def baseline_values(config: str | None, data: str, given: dict) -> dict:
    """What `kgenre baseline` is asked for: {name of DEFAULTS: value}.

    Args:
        config: of `--config`.
        data: of `--data`; a recipe may have other vectors where tracks are spectrograms.
        given: by flags, None where a flag is not; they win.

    Raises:
        KgenreError: as `baseline_recipe`; or nothing says what the vectors are.
    """
    own = recipe_values(baseline_recipe(config), {"data": data}) if config else {}
    given = {name: value for name, value in given.items() if name in DEFAULTS and value is not None}
    values = BaselineChoices(**{**own, **given}).model_dump()
    if values["on"] is None:
        raise KgenreError("`kgenre baseline` needs vectors. Name them with --on, or a recipe with --config.")
    return {**values, "pca": str(values["pca"])}


def recipe_values(recipe: Recipe, given: dict) -> dict:
    """The settings of a recipe of classifiers for the collection that `data`, and `input` if it is given, name."""
    return {**recipe.settings, **((recipe.spectrograms or {}) if holds_spectrograms(given) else {})}
