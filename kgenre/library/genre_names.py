"""Comparison of genre names: Hip-Hop, hip hop and hiphop are the same genre."""

from collections.abc import Iterable


def plain(name: str) -> str:
    """The letters and digits of a name, without case."""
    return "".join(character for character in name.casefold() if character.isalnum())


def by_plain_name(names: Iterable[str]) -> dict[str, str]:
    """{plain name: name}, the last of equal ones; names without letters and digits are left out."""
    return {plain(name): name for name in names if plain(name)}
