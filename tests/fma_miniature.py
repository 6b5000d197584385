"""A miniature of FMA: the archives that mdeff/fma publishes, with a few short songs.

Real layout: tracks.csv with three header rows, genres.csv with the tree, features.csv, six-digit ids in folders of
three digits, README.txt and checksums in each archive, bzip2, and the known bad ids without audio.
"""

import functools
import hashlib
import io
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile
from audio_files import music

# Of FMA's genres.csv: (id, parent, title). Two ids share a title here, as a test of that needs it.
TOPS = {
    3: "Blues", 5: "Classical", 9: "Country", 13: "Easy Listening", 15: "Electronic", 38: "Experimental", 17: "Folk",
    21: "Hip-Hop", 1235: "Instrumental", 2: "International", 4: "Jazz", 8: "Old-Time / Historic", 10: "Pop", 12: "Rock",
    14: "Soul-RnB", 20: "Spoken",
}  # fmt: skip
CHILDREN = {
    25: (12, "Punk"), 109: (25, "Hardcore"), 26: (12, "Post-Rock"), 181: (15, "Techno"), 42: (15, "Ambient"),
    103: (17, "Singer-Songwriter"), 495: (1235, "Ambient"), 100: (21, "Alternative Hip-Hop"),
}  # fmt: skip
SMALL = (15, 38, 17, 21, 1235, 2, 10, 12)
BAD = (98565, 99134, 108925, 133297)  # of known_faults
SPLITS = ("training", "training", "validation", "test")  # of the artists of a genre, in turn
EDITIONS = {"fma_small": ("small",), "fma_medium": ("small", "medium"), "fma_large": ("small", "medium", "large")}
EDITIONS["fma_full"] = EDITIONS["fma_large"]
RATE = 22050


def ancestors(genre: int) -> list[int]:
    """The genre and all above it."""
    return [genre, *(ancestors(CHILDREN[genre][0]) if genre in CHILDREN else [])]


def tracks_table(tracks_per_genre: int = 8, artists_per_genre: int = 4, bad: bool = True) -> pd.DataFrame:
    """tracks.csv of all editions, index track_id.

    Each genre of SMALL has `tracks_per_genre` tracks in the subset small, each other top genre as many in medium, and
    as many again of two top genres, without genre_top, in large. The artists of a genre are in one split each;
    all share one name, and so do their albums. `bad`: with the known bad ids, in the subset small.
    """
    rows, number = {}, 2
    genres = [(top, "small" if top in SMALL else "medium") for top in (*SMALL, *(set(TOPS) - set(SMALL)))]
    for place, (top, subset) in enumerate(genres):
        leaves = [genre for genre in (*CHILDREN, top) if top in ancestors(genre)]
        for track in range(tracks_per_genre):
            artist = 10 * place + track % artists_per_genre
            split = SPLITS[track % artists_per_genre % len(SPLITS)]
            rows[number] = _row(split, subset, TOPS[top], ancestors(leaves[track % len(leaves)]), artist)
            number += 1 if track % 2 else 1003  # into many folders
    for track in range(tracks_per_genre):
        split = SPLITS[track % artists_per_genre % len(SPLITS)]
        rows[number + track] = _row(split, "large", "", [*ancestors(25), 15], 1000 + track % artists_per_genre)
    for track in BAD if bad else ():
        rows[track] = _row("training", "small", "Rock", [12], 2000)
    table = pd.DataFrame.from_dict(rows, orient="index").sort_index()
    table.columns = pd.MultiIndex.from_tuples(table.columns)
    return table.rename_axis("track_id")


def _row(split: str, subset: str, top: str, genres: list[int], artist: int) -> dict:
    return {
        ("album", "comments"): 0, ("album", "id"): artist // 2 + 1, ("album", "title"): "The Album",
        ("artist", "id"): artist + 1, ("artist", "name"): "NA",  # a name that pandas takes for a missing one
        ("set", "split"): split, ("set", "subset"): subset,
        ("track", "bit_rate"): 256000, ("track", "genre_top"): top, ("track", "genres"): str(genres[:1]),
        ("track", "genres_all"): str(genres), ("track", "title"): "A title, with a comma\nand a line break",
    }  # fmt: skip


def genres_table() -> pd.DataFrame:
    """genres.csv."""
    rows = {**{top: (0, title) for top, title in TOPS.items()}, **CHILDREN}
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["parent", "title"]).sort_index()
    table.insert(0, "#tracks", 1)
    return table.assign(top_level=[ancestors(number)[-1] for number in table.index]).rename_axis("genre_id")


def features_table(tracks: pd.DataFrame) -> pd.DataFrame:
    """features.csv, of few columns, by which the genres can be told."""
    head = pd.MultiIndex.from_product(
        [["mfcc"], ["mean"], ["01", "02", "03"]], names=("feature", "statistics", "number")
    )
    rng = np.random.default_rng(0)
    tops = tracks["track", "genre_top"].map({title: number for number, title in enumerate(TOPS.values())}).fillna(-1)
    values = np.stack([tops, tops**2, tops % 3], axis=1) + 0.05 * rng.standard_normal((len(tracks), 3))
    return pd.DataFrame(values, index=tracks.index, columns=head)


@functools.cache
def song(genre: str, seed: int, seconds: float) -> bytes:
    """An mp3: a chord, and a tone that is higher with each genre, so that genres can be learnt."""
    place = sorted(TOPS.values()).index(genre) if genre in TOPS.values() else 0
    wave = music(seconds, RATE, channels=1, seed=seed)[:, 0]
    time = np.arange(len(wave)) / RATE
    mixed = 0.3 * wave + 0.5 * np.sin(2 * np.pi * 150 * 1.3**place * time)
    file = io.BytesIO()
    soundfile.write(file, mixed.astype("float32"), RATE, format="MP3")
    return file.getvalue()


def make_archives(
    folder: Path, *names: str, seconds: float = 2.0, tracks: pd.DataFrame | None = None
) -> dict[str, str]:
    """Writes fma_metadata.zip and the archives of the named editions.

    Args:
        folder: it is created.
        names: of EDITIONS.
        seconds: length of each song; the clips of the bad ids have a header and no audio.
        tracks: as of `tracks_table`.

    Returns:
        {file: its SHA-1}.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tracks = tracks_table() if tracks is None else tracks
    tables = {"tracks.csv": tracks, "genres.csv": genres_table(), "features.csv": features_table(tracks)}
    metadata = {name: table.to_csv().encode() for name, table in tables.items()}
    metadata["raw_genres.csv"] = b"genre_id,genre_title\n"
    write_archive(folder / "fma_metadata.zip", metadata)
    for name in names:
        edition = tracks[tracks["set", "subset"].isin(EDITIONS[name])]
        bad = () if name == "fma_full" else BAD  # whole tracks have audio
        write_archive(folder / f"{name}.zip", audio_files(edition, seconds, bad))
    return {path.name: hashlib.sha1(path.read_bytes()).hexdigest() for path in sorted(folder.glob("*.zip"))}


def audio_files(tracks: pd.DataFrame, seconds: float, bad: tuple[int, ...]) -> dict[str, bytes]:
    """{path in the edition's folder: bytes} of the tracks; those of `bad` have a header and no audio."""
    files = {}
    for number, genre in tracks["track", "genre_top"].items():
        data = b"ID3\x04" + bytes(60) if number in bad else song(genre, number, seconds)
        files[f"{number // 1000:03d}/{number:06d}.mp3"] = data
    return files


def write_archive(path: Path, files: dict[str, bytes]) -> None:
    """An archive as FMA's creation.py makes it."""
    sums = "".join(f"{hashlib.sha1(data).hexdigest()}  {name}\n" for name, data in files.items())
    files = {
        "README.txt": b"This .zip archive is part of a miniature of the FMA.\n",
        "checksums": sums.encode(),
        **files,
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as archive:
        for name, data in files.items():
            info = zipfile.ZipInfo(f"{path.stem}/{name}", (2017, 4, 1, 0, 0, 0))
            info.external_attr = 0o444 << 16 | 0o2 << 30
            archive.writestr(info, data, zipfile.ZIP_BZIP2)


def make_fma(folder: Path, name: str, **options) -> Path:
    """The miniature of an edition, downloaded and unpacked; returns the folder."""
    make_archives(folder, name, **options)
    for archive in list(folder.glob("*.zip")):
        with zipfile.ZipFile(archive) as file:
            file.extractall(folder)
        archive.unlink()
    return folder
