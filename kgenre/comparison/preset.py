"""The rows of recipes, and how many of their epochs a budget leaves."""

import dataclasses
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kgenre.baselines.config import recipe_values
from kgenre.comparison.cost import Cost
from kgenre.comparison.rows import OF_CLASSIFIERS, Row, check_given, check_label_share, classifier_row
from kgenre.core.errors import KgenreError
from kgenre.core.text import one_line
from kgenre.recipes import SYSTEMS, Recipe
from kgenre.training.config import config_values, holds_spectrograms
from kgenre.training.settings import RunSettings

EMBEDDINGS = "vggish"  # whose place vectors that are given take


@dataclass(frozen=True)
class Preset:
    """Recipes on one collection.

    recipes: in the order of their tables.
    rows: of those that can be run on the collection; all recipes with the first seed, then with the next.
    reasons: {name of a recipe: why it is not run}.
    instead: {name of a recipe: what it is given in place of what it names}.
    epochs: {configuration: those that its recipe has}; the rows of a budget may have fewer.
    """

    recipes: Sequence[Recipe]
    rows: Sequence[Row]
    reasons: Mapping[str, str]
    instead: Mapping[str, str]
    epochs: Mapping[str, int]

    def row(self, recipe: Recipe) -> Row | None:
        """One of the rows of a recipe, whatever its seed."""
        name = configuration(recipe)
        return next((row for row in self.rows if row.configuration == name), None)


def configuration(recipe: Recipe) -> str:
    """The name of the rows of a recipe, and of their folders."""
    return recipe.name.replace("/", "-")


def make_preset(recipes: Sequence[Recipe], given: dict, seeds: int, vectors: str | None) -> Preset:
    """The rows of recipes on the collection that is given.

    Args:
        given: settings by flags, which win over the recipes'.
        seeds: of each recipe.
        vectors: a file of embeddings in place of VGGish's, or None.

    Raises:
        KgenreError: no collection; a recipe without a table; embeddings that no recipe takes; or a setting that a
            recipe's network does not have, or that no row has.
    """
    _check_recipes(recipes, vectors)
    if "data" not in given:
        raise KgenreError("`kgenre compare` needs a collection. Name it with --data.")
    if _without_networks(recipes):
        check_given(given, "with --preset")
    reasons, instead, made = {}, {}, []
    for recipe in recipes:
        reason, own = _settings(recipe, given, vectors)
        if reason:
            reasons[recipe.name] = reason
            continue
        made.append((recipe, own))
        if told := _instead(recipe, own, given):
            instead[recipe.name] = told
    if classifiers := [recipe.name for recipe, _ in made if recipe.command == "baseline"]:
        others = " and the other classifiers" if len(classifiers) > 1 else ""
        check_label_share(given.get("label_share", 1), classifiers[0] + others)
    shared = RunSettings.compose({name: value for name, value in given.items() if name in OF_CLASSIFIERS})
    first = shared.training.seed
    rows = [_row(recipe, own, given, shared, seed) for seed in range(first, first + seeds) for recipe, own in made]
    epochs = {row.configuration: row.settings["epochs"] for row in rows if row.network}
    return Preset(recipes, rows, reasons, instead, epochs)


def _check_recipes(recipes: Sequence[Recipe], vectors: str | None) -> None:
    """Raises KgenreError for a recipe of no system's table, and for embeddings that no recipe takes."""
    for recipe in recipes:
        if recipe.system not in SYSTEMS:
            raise KgenreError(
                f"`--preset` makes the tables of {', '.join(SYSTEMS)}. Received: {recipe.name}, which is in none. "
                f"Type `{recipe.line}`."
            )
    if vectors and all(recipe.settings.get("on") != EMBEDDINGS for recipe in recipes):
        raise KgenreError(
            f"`--on` with --preset takes the place of the embeddings of {EMBEDDINGS}, and no recipe has them. "
            f"Received: --on {vectors}. Name genre_pred/embeddings, or leave it out."
        )


def _without_networks(recipes: Sequence[Recipe]) -> bool:
    return all(recipe.command == "baseline" for recipe in recipes)


def _settings(recipe: Recipe, given: dict, vectors: str | None) -> tuple[str, dict]:
    """Why a recipe is not run, or ""; and its settings for the collection."""
    if recipe.settings.get("on") == EMBEDDINGS and vectors:
        return "", {**recipe.settings, "on": vectors}
    if holds_spectrograms(given) and recipe.spectrograms is None:
        return "needs audio" + (", or embeddings with --on" if recipe.settings.get("on") == EMBEDDINGS else ""), {}
    if recipe.command == "baseline":
        return "", recipe_values(recipe, given)
    return "", config_values(recipe, given)


def _instead(recipe: Recipe, own: dict, given: dict) -> str:
    """What differs of the input, in words; "" of mel bands, which all collections of spectrograms are taken to be."""
    before = recipe.settings.get("on")
    if before is not None:
        return "" if own["on"] == before else f"{Path(own['on']).name} in place of {before}"
    feature = recipe.settings.get("feature")
    same = not holds_spectrograms(given) or feature == "logmel"
    return "" if same else f"the collection's spectrograms in place of {feature}"


def _row(recipe: Recipe, own: dict, given: dict, shared: RunSettings, seed: int) -> Row:
    if recipe.command == "baseline":
        return classifier_row(configuration(recipe), shared, own, seed)
    try:
        settings = RunSettings.compose(own, given, {"seed": seed})
    except KgenreError as error:
        raise KgenreError(f"{recipe.name}: {error}") from error
    return Row.of_network(configuration(recipe), settings)


def check_budget(preset: Preset, hours: float | None) -> None:
    """Raises KgenreError for a budget where no recipe is of a network."""
    if hours is not None and _without_networks(preset.recipes):
        raise KgenreError(
            f"`--budget` is of networks, and no recipe is of one. Received: --budget {hours:g}. Name some, "
            "or leave it out."
        )


def within_budget(preset: Preset, costs: dict[str, Cost], hours: float, out: Path) -> tuple[Preset, dict[str, Cost]]:
    """The same with as many epochs as a run of so many CPU-hours has time for, one at least; and their cost.

    A configuration of which a row was begun keeps the epochs that it was begun with, for all its seeds: the learning
    rate's schedule is laid out over them.

    Args:
        costs: of each configuration of a network, as `comparison.estimate` measured them.
        hours: above 0, of all cores together, for each row of a network.
    """
    seconds, begun, epochs = 3600 * hours / (os.cpu_count() or 1), begun_epochs(preset, out), {}
    for name in dict.fromkeys(row.configuration for row in preset.rows if row.network):
        fitting = max(1, int((seconds - costs[name].other_seconds) / costs[name].epoch_seconds))
        epochs[name] = min(preset.epochs[name], begun.get(name, fitting))
    lowered = {name: dataclasses.replace(costs[name], epochs=n) for name, n in epochs.items()}
    return _with_epochs(preset, epochs), {**costs, **lowered}


def without_cost(preset: Preset, causes: Mapping[str, str]) -> Preset:
    """The same without the networks whose cost could not be measured, with the reason: how long would they take?

    Args:
        causes: {configuration: why it could not be measured}.
    """
    told = {recipe.name: causes.get(configuration(recipe)) for recipe in preset.recipes}
    reasons = {
        name: f"its cost could not be measured, {one_line(cause).rstrip('.')}" for name, cause in told.items() if cause
    }
    rows = [row for row in preset.rows if row.configuration not in causes]
    return dataclasses.replace(preset, rows=rows, reasons={**preset.reasons, **reasons})


def as_begun(preset: Preset, out: Path) -> Preset:
    """The same with the epochs that rows were begun with."""
    return _with_epochs(preset, begun_epochs(preset, out))


def _with_epochs(preset: Preset, epochs: Mapping[str, int]) -> Preset:
    """The same with these epochs of configurations."""
    rows = [
        Row.of_network(row.configuration, row.network.replace(epochs=epochs[row.configuration]))
        if row.configuration in epochs
        else row
        for row in preset.rows
    ]
    return dataclasses.replace(preset, rows=rows)


def begun_epochs(preset: Preset, out: Path) -> dict[str, int]:
    """{configuration: epochs} of the networks of which a row was begun."""
    begun = {}
    for row in preset.rows:
        path = row.settings_file(out)  # which is there before the row is begun
        if row.network and row.begun(out) and path.is_file():
            begun.setdefault(row.configuration, json.loads(path.read_text(encoding="utf-8"))["epochs"])
    return begun
