"""`kgenre baseline --config NAME|FILE`: a recipe of classic classifiers, below the flags that are given."""

from kgenre.core.errors import KgenreError
from kgenre.recipes import Recipe, open_recipe
from kgenre.training.config import holds_spectrograms

DEFAULTS = {"on": None, "classifier": "svc_rbf", "pca": "none", "pool": None, "selection": "valid", "layer": None}


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
    values = {**DEFAULTS, **own, **given}
    if values["on"] is None:
        raise KgenreError("`kgenre baseline` needs vectors. Name them with --on, or a recipe with --config.")
    return {**values, "pca": str(values["pca"])}


def recipe_values(recipe: Recipe, given: dict) -> dict:
    """The settings of a recipe of classifiers for the collection that `data`, and `input` if it is given, name."""
    return {**recipe.settings, **((recipe.spectrograms or {}) if holds_spectrograms(given) else {})}
