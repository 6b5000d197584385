"""The recipes of this package, by name."""

import difflib
import functools
from collections.abc import Sequence
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

from kgenre.core.errors import KgenreError
from kgenre.recipes.recipe import Recipe, read_recipes

# The projects that kgenre reimplements, in the order of their tables.
SYSTEMS = {
    "music_genre_analysis": "Music-Genre-Analysis",
    "genre_pred": "Genre_Pred",
    "song_genre": "Song-genre CNN",
    "cnn_rnn": "CNNs and RNNs on FMA-small",
    "atml_gtzan": "ATML GTZAN",
}
ALL = "five-systems"
SHOWN = 3  # names that are near an unknown one


@functools.cache
def all_recipes() -> dict[str, Recipe]:
    """{name: Recipe}, those of a system together, in the order of SYSTEMS and of the files' cells."""
    folder = Path(str(files(__package__)))
    order = list(SYSTEMS)
    paths = sorted(folder.rglob("*.toml"), key=lambda path: (_place(path.parent.name, order), path))
    names = {path: path.relative_to(folder).with_suffix("").as_posix() for path in paths}
    return {recipe.name: recipe for path, name in names.items() for recipe in read_recipes(path, name)}


def _place(system: str, order: list[str]) -> int:
    return order.index(system) if system in order else -1


def find_recipe(name: str) -> Recipe:
    """The recipe of a name.

    Raises:
        KgenreError: no such recipe, with near names; or a name of several, with theirs.
    """
    known = all_recipes()
    if name in known:
        return known[name]
    if below := _below(name):
        raise KgenreError(f"{name}: stands for {len(below)} recipes. Name one: {_names(below)}.")
    raise _unknown(name)


def open_recipe(name: str) -> Recipe:
    """The recipe of `--config NAME|FILE`: of a name, or a file as one.

    Raises:
        KgenreError: neither, or a name or file of several.
    """
    path = Path(name)
    if not path.suffix and not path.is_file():
        return find_recipe(name)
    found = read_recipes(path, name)
    if len(found) > 1:
        raise KgenreError(f"{name}: holds {len(found)} recipes. Keep one of its [cells].")
    return replace(found[0], name=name)


def select_recipes(names: Sequence[str]) -> list[Recipe]:
    """The recipes that names stand for, in the order of the package.

    Args:
        names: of a recipe, of a file with cells, of a system, or "five-systems" for all of these.

    Raises:
        KgenreError: no such recipe.
    """
    found = set()
    for name in names:
        below = _systems() if name == ALL else _below(name)
        if not below:
            raise _unknown(name)
        found |= set(below)
    return [recipe for name, recipe in all_recipes().items() if name in found]


def _systems() -> list[str]:
    return [name for name, recipe in all_recipes().items() if recipe.system in SYSTEMS]


def _below(name: str) -> list[str]:
    """The recipe of a name, and those whose names go on from it."""
    return [one for one in all_recipes() if one == name or one.startswith(f"{name.rstrip('/')}/")]


def _names(names: Sequence[str], most: int = 13) -> str:
    more = f", and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _unknown(name: str) -> KgenreError:
    near = difflib.get_close_matches(name, [*SYSTEMS, ALL, *all_recipes()], n=SHOWN, cutoff=0.5)
    meant = f" Did you mean {' or '.join(near)}?" if near else ""
    return KgenreError(f"{name}: no such recipe or file.{meant} `kgenre recipes` lists them.")
