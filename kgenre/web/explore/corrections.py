"""Genres that the user corrects: how they are spelled, and the labels that a head is fitted to."""

from collections.abc import Iterable, Mapping, Sequence

from kgenre.core.errors import KgenreError
from kgenre.core.genre_names import by_plain_name, plain

MAX_GENRE_CHARACTERS = 80


def checked_genre(genre: str | None, known: Iterable[str]) -> str | None:
    """A genre as it is stored: with single blanks, spelled as among the known ones; None of blanks alone."""
    genre = " ".join((genre or "").split()) or None
    if genre is None:
        return None
    if len(genre) > MAX_GENRE_CHARACTERS or not genre.isprintable():
        raise KgenreError(f"A genre has at most {MAX_GENRE_CHARACTERS} printable characters. Received: {genre!r:.100}.")
    return by_plain_name(known).get(plain(genre), genre)


def tagged(genres, labels: Sequence[str]) -> dict[int, str]:
    """{track id: label} of the tracks whose genre tag is the name of a label but for case, blanks and hyphens."""
    names = by_plain_name(labels)
    return {int(track): names[plain(genre)] for track, genre in genres.items() if plain(genre) in names}


def training_labels(table, corrections: Mapping[int, str], labels: Sequence[str], use_tags: bool) -> dict[int, str]:
    """{track id: genre} that a head learns from: the corrections, and with `use_tags` the tags that name a genre."""
    if not use_tags:
        return dict(corrections)
    return tagged(table["genre"], (*corrections.values(), *labels)) | corrections


def album_groups(table) -> dict[int, str]:
    """{track id: its album, or folder where it has none}: tracks that are not evaluated by each other."""
    columns = table[["artist", "album", "folder"]]
    return {track: f"{artist}\0{album or folder}" for track, artist, album, folder in columns.itertuples()}
