"""Recipes: settings of runs that are worth a name, as .toml files that ship with the package.

To add one, write a file in the folder of its system. Below its settings, tables tell what a run does not need:
[published], the figure that it is compared with; [spectrograms], what to set where tracks are spectrograms; [cells],
the recipes of a table, each with settings, accuracy and spectrograms of its own.
"""

from kgenre.recipes.catalogue import SYSTEMS, all_recipes, open_recipe, select_recipes
from kgenre.recipes.recipe import Published, Recipe

__all__ = ["SYSTEMS", "Published", "Recipe", "all_recipes", "open_recipe", "select_recipes"]
