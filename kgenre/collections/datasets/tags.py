"""tags: a folder of the user's, labelled by the genre tags of its own files."""

import os
from pathlib import Path

from kgenre.collections.datasets.dataset import Dataset, Tracks
from kgenre.core.errors import KgenreError
from kgenre.core.progress import Progress

NO_TAG = "no genre tag"


def load(folder: Path, progress: Progress) -> Tracks:
    """The tracks whose tags name a genre; each genre in its most frequent spelling.

    Raises:
        KgenreError: no such folder, no audio in it, or no genre tags.
    """
    import pandas as pd

    from kgenre.audio.tags import read_all_tags
    from kgenre.audio.walk import walk
    from kgenre.collections.genre_tags import genres_of_tag, respelt
    from kgenre.collections.tables import COLUMNS, finish_table

    folder = folder.resolve()
    found = walk(os.fsencode(folder))
    paths = sorted(map(os.fsdecode, found.files))
    if not paths:
        raise KgenreError(f"{folder}: no audio files. Name the folder of your music as --data tags:DIR.")
    tags = read_all_tags(paths, progress)
    genres = respelt([genres_of_tag(tag.genres) for tag in tags], "tags", progress)
    left_out = {os.fsdecode(path): cause for path, cause in found.faults.items()}
    left_out |= {path: _why(path, tag) for path, tag, names in zip(paths, tags, genres) if not names}
    rows = [
        {"path": path, "genres": names, "artist": tag.artist, "album": tag.album}
        for path, tag, names in zip(paths, tags, genres)
        if names
    ]
    if not rows:
        raise KgenreError(f"{folder}: none of {len(paths)} audio files has a genre tag. Tag them, or name another DIR.")
    table = pd.DataFrame(rows).reindex(columns=COLUMNS).astype("string").fillna("")
    # File names repeat from album to album.
    table["track_id"] = [os.path.relpath(path, folder) for path in table["path"]]
    return Tracks(finish_table(table, f"tags in {folder}", progress), left_out=left_out)


def _why(path: str, tag) -> str:
    """Why a file has no genre; whether it is audio is asked of these few alone."""
    from kgenre.audio.decode import probe
    from kgenre.audio.decoders import AudioError

    if tag.genres:
        return f"its genre tag names no genre: {tag.genres[0]}"
    try:
        probe(path)
    except AudioError as error:
        return error.cause
    return NO_TAG


DATASET = Dataset(
    description="a folder of yours, labelled by the genre tags of its files",
    citation="none: yours",
    licence="that of your recordings",
    size="no download",
    load=load,
    needs_folder=True,
)
