"""playlists: every .m3u, .m3u8 or .pls file in a folder of the user's is a genre, named after the file."""

import os
from collections.abc import Iterator
from pathlib import Path

from kgenre.collections.datasets.dataset import Dataset, Tracks
from kgenre.core.errors import KgenreError
from kgenre.core.progress import Progress


def load(folder: Path, progress: Progress) -> Tracks:
    """The songs of the playlists; one in several playlists has several genres.

    An entry that is a folder stands for all audio files in it, as players take it, and one that is a playlist for the
    songs of that one.

    Raises:
        KgenreError: no such folder, or no playlist with songs in it.
    """
    import pandas as pd

    from kgenre.collections.genre_tags import respelt
    from kgenre.collections.tables import COLUMNS, finish_table

    if not folder.is_dir():
        raise KgenreError(f"{folder}: no such folder. Name the folder of your playlists as --data playlists:DIR.")
    genres, left_out = _songs(folder.resolve(), progress)
    if not genres:
        raise KgenreError(
            f"{folder}: no .m3u, .m3u8 or .pls file that names songs which are there. "
            "Name the folder of your playlists as --data playlists:DIR."
        )
    paths = sorted(genres)
    names = respelt([genres[path] for path in paths], "playlists", progress)
    table = pd.DataFrame({"path": paths, "genres": names}).reindex(columns=COLUMNS).astype("string").fillna("")
    table["track_id"] = [_track_id(path, folder.resolve()) for path in paths]
    return Tracks(finish_table(table, f"playlists in {folder}", progress), left_out=left_out)


def _songs(folder: Path, progress: Progress) -> tuple[dict[str, list[str]], dict[str, str]]:
    """{path of a song: its genres} and {entry or playlist: why it is left out}."""
    from kgenre.audio.walk import walk
    from kgenre.core.playlist_files import PLAYLIST_SUFFIXES

    found = walk(os.fsencode(folder), frozenset(map(str.encode, PLAYLIST_SUFFIXES)))
    genres: dict[str, list[str]] = {}
    left_out = {os.fsdecode(path): cause for path, cause in found.faults.items()}
    with progress.task("reading playlists", len(found.files), "files") as advance:
        for playlist in sorted(map(os.fsdecode, found.files)):
            songs = dict.fromkeys(_entries(playlist, left_out, set()))
            if not songs:
                left_out[playlist] = "a playlist without songs"
            for song in songs:
                genres.setdefault(song, []).append(Path(playlist).stem)
            advance()
    return genres, {name: cause for name, cause in left_out.items() if name not in genres}


def _entries(playlist: str, left_out: dict[str, str], entered: set[str]) -> Iterator[str]:
    """The real paths of the songs that a playlist names.

    Args:
        left_out: {entry: cause}; what is no song is added.
        entered: the playlists that were read for this genre, each once: those that name one another have more ways
            through them than can be gone.
    """
    from kgenre.core.playlist_files import read_playlist

    entered.add(playlist)
    try:
        entries = read_playlist(playlist)
    except OSError as error:
        left_out[playlist] = f"a playlist that cannot be read: {error.strerror}"
        return
    for entry in entries:
        if not entry.paths:
            left_out[entry.text] = "a stream, not a file"
        elif (path := next(filter(os.path.exists, entry.paths), None)) is None:
            left_out[entry.text] = "in a playlist, but no such file"
        else:
            yield from _of_path(os.path.realpath(path), left_out, entered)


def _of_path(path: str, left_out: dict[str, str], entered: set[str]) -> Iterator[str]:
    from kgenre.audio.walk import find_audio_files, has_suffix
    from kgenre.core.playlist_files import PLAYLIST_SUFFIXES

    if os.path.isdir(path):
        yield from (os.path.realpath(song) for song in find_audio_files(path))
    elif path.lower().endswith(PLAYLIST_SUFFIXES):
        yield from _entries(path, left_out, entered) if path not in entered else ()
    elif has_suffix(os.fsencode(os.path.basename(path))):
        yield path
    else:
        left_out[path] = "not named as audio"


def _track_id(path: str, folder: Path) -> str:
    """The path from the folder of the playlists where the song lies in it: file names repeat from album to album."""
    path = Path(path)
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)


DATASET = Dataset(
    description="playlists of yours (.m3u, .m3u8, .pls): each is a genre, and a song may have several",
    citation="none: yours",
    licence="that of your recordings",
    size="no download",
    load=load,
    needs_folder=True,
)
