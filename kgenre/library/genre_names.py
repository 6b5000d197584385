"""Names of genres as they are compared: Hip-Hop, hip hop and hiphop are one."""

from collections.abc import Iterable


def plain(name: str) -> str:
    """A name's letters and digits, whatever their case."""
    return "".join(character for character in name.casefold() if character.isalnum())


def by_plain_name(names: Iterable[str]) -> dict[str, str]:
    """{plain name: name}, the last of those that are alike; names of signs alone are left out."""
    return {plain(name): name for name in names if plain(name)}
