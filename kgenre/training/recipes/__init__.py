"""Recipes: settings of runs that are worth a name, as .toml files that ship with the package."""

from importlib.resources import files
from pathlib import Path


def recipes() -> dict[str, Path]:
    """{name: file} of the recipes of this package."""
    found = {path.name.removesuffix(".toml"): Path(str(path)) for path in files(__name__).iterdir()}
    return {name: path for name, path in sorted(found.items()) if path.suffix == ".toml"}


def find_recipe(name: str) -> Path:
    """The file of `--config NAME|FILE`: a recipe of this package by name, else the path as it is."""
    return recipes().get(str(name), Path(name))
