"""Genres out of genre tags: several in one text told apart, values that name none left out."""

import re
from collections.abc import Iterable, Sequence

from kgenre.core.genre_names import one_spelling, plain
from kgenre.core.genres import join_genres
from kgenre.core.progress import SILENT, Progress

# One genre each in the vocabularies of iTunes, ID3 and Discogs, though a separator is in it. To split them would
# give every song that was bought as "Hip-Hop/Rap" a genre Rap that nobody chose, and a network two equal labels.
WHOLE = (
    "Children's, Family", "Dance/Electronic", "Folk, World, & Country", "Folk/Rock", "Funk/Soul", "Hip-Hop/Rap",
    "Old-Time/Historic", "Pop/Funk", "R&B/Soul", "Singer/Songwriter", "Soul/R&B",
)  # fmt: skip
# ID3 2.3 writes several values with "/", Vorbis comments and WMA of many programs with ";", people with ",".
SEPARATORS = r";,/|\\"
# 12 is "Other" in ID3v1, what its writers put where they know nothing.
NO_GENRES = frozenset(
    plain(name)
    for name in ("", "Other", "Unknown", "Unknown Genre", "None", "No Genre", "Genre", "Undefined", "Unclassifiable",
                 "Misc", "Miscellaneous", "Various", "N/A")
)  # fmt: skip


def _pattern(name: str) -> str:
    """The name with any space round its separators."""
    return re.sub(r"(?:\\ )*([,/])(?:\\ )*", r"\\s*\1\\s*", re.escape(name))


_NAME = re.compile(rf"\s*({'|'.join(map(_pattern, WHOLE))}|[^{SEPARATORS}]+?)\s*(?=[{SEPARATORS}]|$)", re.IGNORECASE)


def genres_of_tag(values: Iterable[str]) -> list[str]:
    """The genres that the values of a genre tag name, in their order, each once.

    "Rock; Pop", "Rock/Pop" and "Rock, Pop" are two genres, "R&B/Soul" (one of WHOLE) and "Drum & Bass" are one.
    """
    names = {}
    for value in values:
        for name in _NAME.findall(" ".join(value.split())):  # of long runs of spaces the pattern tries each start
            if (key := plain(name)) not in NO_GENRES:
                names.setdefault(key, name)
    return list(names.values())


def respelt(genres: Sequence[Sequence[str]], name: str, progress: Progress = SILENT) -> list[str]:
    """The genres of each track, joined, each genre in its most frequent spelling.

    Args:
        genres: of each track.
        name: of the collection, for the line that says which spellings were joined.
    """
    spelling = one_spelling(genre for names in genres for genre in names)
    changed = {old: new for old, new in spelling.items() if old != new}
    if changed:
        examples = ", ".join(f"{old} -> {new}" for old, new in sorted(changed.items())[:3])
        progress.line(f"{name}: {len(changed)} other spellings of genres joined: {examples}")
    return [join_genres(spelling[genre] for genre in names) for names in genres]
