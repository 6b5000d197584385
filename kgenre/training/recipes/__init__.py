"""Recipes: settings of runs that are worth a name, as .toml files that ship with the package."""

from importlib.resources import files
from pathlib import Path

from kgenre.core.errors import KgenreError


def recipes() -> dict[str, Path]:
    """{name: file} of the recipes of this package."""
    found = {path.name.removesuffix(".toml"): Path(str(path)) for path in files(__name__).iterdir()}
    return {name: path for name, path in sorted(found.items()) if path.suffix == ".toml"}


def find_recipe(name: str) -> Path:
    """The file of `--config NAME|FILE`: a recipe of this package by name, else the path as it is.

    Raises:
        KgenreError: a name without an ending that is neither.
    """
    known, path = recipes(), Path(name)
    if name not in known and not path.suffix and not path.is_file():
        raise KgenreError(f"{name}: no such recipe or file. Recipes: {', '.join(known)}.")
    return known.get(name, path)
