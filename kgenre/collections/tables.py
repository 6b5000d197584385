"""Tables of tracks, read from a folder of genre folders or from a manifest."""

from pathlib import Path

import pandas as pd

from kgenre.audio.fragments import whole_file
from kgenre.audio.tags import read_all_tags
from kgenre.audio.walk import find_audio_files
from kgenre.core.errors import KgenreError
from kgenre.core.genres import join_genres, split_genres
from kgenre.core.progress import SILENT, Progress
from kgenre.core.urls import is_url

# genre is a track's one genre, "" where it has several and none is the main one; genres are all of them, as
# core.genres joins them. Unknown values are "".
NO_GENRE_FOLDER = "in no genre folder"
COLUMNS = ["path", "genre", "genres", "split", "artist", "album", "track_id"]
SPLIT_NAMES = {
    "train": "train", "training": "train",
    "valid": "valid", "validation": "valid", "val": "valid", "dev": "valid",
    "test": "test", "testing": "test", "eval": "test",
}  # fmt: skip


def read_manifest(path, progress: Progress = SILENT) -> pd.DataFrame:
    """Reads a CSV or Parquet manifest with `path`, `genre` or `genres`, and optional `split, artist, album, track_id`.

    `genres` holds several genres of a track, "Rock|Punk".

    Returns:
        Table with COLUMNS. A path may be a URL; a relative one is resolved against the manifest's folder. Unknown
        values are "".

    Raises:
        KgenreError: unreadable, a column or value missing, or an unknown split name.
    """
    path = Path(path)
    try:
        read = pd.read_parquet if path.suffix.lower() == ".parquet" else _read_csv
        table = read(path).astype("string").fillna("")
    except (OSError, ValueError, ImportError) as error:
        raise KgenreError(f"{path}: not a readable manifest ({str(error).splitlines()[0]}).") from error
    table.columns = [str(name).strip().lower() for name in table.columns]
    for name in COLUMNS:
        if (times := list(table.columns).count(name)) > 1:
            raise KgenreError(f"{path}: the column {name} is there {times} times. Name each column once.")
    missing = [name for name, others in (("path", ()), ("genre", ("genres",))) if not {name, *others} & {*table}]
    if missing:
        raise KgenreError(
            f"{path}: a manifest needs the columns path and genre. Missing: {', '.join(missing)}. "
            f"Received: {', '.join(table.columns)}."
        )
    table = table.reindex(columns=COLUMNS, fill_value="")
    table["genre"] = table["genre"].str.strip()
    for name, text in (("path", table["path"].str.strip()), ("genre", table["genre"] + table["genres"].str.strip())):
        empty = (text == "").to_numpy().nonzero()[0]
        if len(empty):
            raise KgenreError(f"{path}: line {empty[0] + 2}: `{name}` is empty.")
    if (nul := table["path"].str.contains("\0", regex=False).to_numpy().nonzero()[0]).size:
        raise KgenreError(f"{path}: line {nul[0] + 2}: `path` holds a NUL, which no file name does.")
    table["path"] = [name if is_url(name) else str((path.parent / name).resolve()) for name in table["path"]]
    table["split"] = [_split_name(path, line, name) for line, name in enumerate(table["split"], 2)]
    return finish_table(table, str(path), progress)


def read_folder(folder, progress: Progress = SILENT) -> tuple[pd.DataFrame, dict[str, str]]:
    """Reads a folder of genre folders: the first folder under it names the genre.

    Audio files at any depth are read. A folder between the genre folder and the file is the album; without one the
    album is that of the file's tags. Artists come from the tags.

    Returns:
        Table with COLUMNS, and {path: cause} of the audio files that lie in no genre folder.
    """
    folder = Path(folder).resolve()
    rows, left_out = [], {}
    for file in find_audio_files(folder):
        parts = file.relative_to(folder).parts
        if len(parts) == 1:
            left_out[str(file)] = NO_GENRE_FOLDER
        else:
            album = "/".join(parts[:-1]) if len(parts) > 2 else ""
            rows.append({"path": str(file), "genre": parts[0], "album": album})
    if not rows:
        raise KgenreError(
            f"{folder}: no audio in folders below it. A collection is a folder of genre folders: "
            "GENRE/SONG.mp3, or GENRE/ALBUM/SONG.mp3; or give a CSV manifest with path and genre."
        )
    table = pd.DataFrame(rows).reindex(columns=COLUMNS).astype("string").fillna("")
    return finish_table(table, str(folder), progress), left_out


def _read_csv(path) -> pd.DataFrame:
    return pd.read_csv(path, dtype="string", keep_default_na=False, encoding="utf-8-sig", index_col=False)


def _split_name(path, line: int, name: str) -> str:
    plain = name.strip().lower()
    if plain and plain not in SPLIT_NAMES:
        raise KgenreError(f"{path}: line {line}: `split` must be train, valid or test. Received: {name!r}.")
    return SPLIT_NAMES.get(plain, "")


def finish_table(table: pd.DataFrame, name: str, progress: Progress = SILENT) -> pd.DataFrame:
    """Checks paths and genres; adds what can be told from the other columns or from tags.

    The track id is the file's name where it is missing. What `genre` names is among `genres`; of
    a single one in `genres`, `genre` is the same. Where no track has an artist, artists and missing albums come from
    the tags.

    Args:
        table: with COLUMNS; each track has `genre` or `genres`.
        name: of the collection, for errors.

    Raises:
        KgenreError: a path twice, an unprintable genre, or fewer than two genres.
    """
    table = table.astype("string")
    repeated = table["path"].duplicated()
    if repeated.any():
        raise KgenreError(f"{name}: lists {table['path'][repeated].iloc[0]} twice. List each track once.")
    pairs = [_both(*row) for row in zip(table["genre"], table["genres"])]
    table["genre"], table["genres"] = [genre for genre, _ in pairs], [genres for _, genres in pairs]
    genres = sorted({genre for text in table["genres"] for genre in split_genres(text)})
    for genre in genres:
        if not genre.isprintable():
            raise KgenreError(f"{name}: a genre's name must be printable, on one line. Received: {genre!r}.")
    if len(genres) < 2:
        raise KgenreError(f"{name}: at least two genres are needed. Received: {', '.join(genres)}.")
    table["track_id"] = table["track_id"].where(
        table["track_id"] != "", table["path"].map(lambda path: Path(whole_file(path)).stem)
    )
    if (table["artist"] == "").all():
        tags = read_all_tags(list(table["path"]), progress)
        table["artist"] = [tag.artist for tag in tags]
        table["album"] = [album or tag.album for album, tag in zip(table["album"], tags)]
    return table.astype("string")


def _both(genre: str, genres: str) -> tuple[str, str]:
    """`genre` and `genres` of a track, each completed by the other."""
    genre = join_genres([genre])
    every = split_genres(join_genres([genre, *split_genres(genres)]))
    return genre or (every[0] if len(every) == 1 else ""), join_genres(every)
