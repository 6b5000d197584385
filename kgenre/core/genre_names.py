"""Comparison of genre names: Hip-Hop, hip hop and hiphop are the same genre."""

import unicodedata
from collections import Counter
from collections.abc import Iterable


def plain(name: str) -> str:
    """The letters and digits of a name, without case."""
    return "".join(character for character in name.casefold() if character.isalnum())


def by_plain_name(names: Iterable[str]) -> dict[str, str]:
    """{plain name: name}, the last of equal ones; names without letters and digits are left out."""
    return {plain(name): name for name in names if plain(name)}


def one_spelling(names: Iterable[str]) -> dict[str, str]:
    """{each spelling: the most frequent spelling of the same name}.

    Names are the same where `plain` is, whatever the Unicode form of their letters. Of equally frequent ones, one
    that is not all in capitals counts, then the first in the alphabet.

    Args:
        names: as often as they occur.
    """
    spellings: dict[str, Counter] = {}
    for name in names:
        form = unicodedata.normalize("NFKC", name)
        spellings.setdefault(plain(form) or form, Counter())[name] += 1
    return {name: _favourite(counts) for counts in spellings.values() for name in counts}


def _favourite(counts: Counter) -> str:
    return min(counts, key=lambda name: (-counts[name], name.isupper(), name))
