"""Several genres of a track in one text, as tables of tracks hold them."""

from collections.abc import Iterable

SEPARATOR = "|"
GENRE = "genre:"  # before the name of a genre, in columns of probabilities


def join_genres(genres: Iterable[str]) -> str:
    """ "Rock|Punk": the names in their order, each once; a separator inside a name becomes a slash."""
    names = (name.strip().replace(SEPARATOR, "/") for name in genres)
    return SEPARATOR.join(dict.fromkeys(name for name in names if name))


def split_genres(text: str) -> list[str]:
    """The names in what `join_genres` gives."""
    return [name for part in text.split(SEPARATOR) if (name := part.strip())]
