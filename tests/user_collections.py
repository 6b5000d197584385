"""Small collections as users have them on disk: GTZAN, playlists, tagged songs. Real audio with real tags."""

import itertools
import zlib
from functools import partial
from pathlib import Path

import mutagen
from audio_files import tone, write_av, write_sound
from mutagen import id3
from mutagen.mp3 import MP3

WRITERS = {".m4a": partial(write_av, codec="aac"), ".wma": partial(write_av, codec="wmav2")}


def write_song(path: Path, seconds: float = 2.0, hz: float | None = None, **tags) -> Path:
    """A tone in the format that the path's ending names, with artist, album, genre or whatever else is given.

    Without `hz` each path has a pitch of its own.
    A tag is a text or a list of texts. WAV and AIFF get ID3 frames, as mutagen reads and writes them.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    hz = hz or 200 + zlib.crc32(str(path).encode("utf-8", "surrogateescape")) / 2**20  # no two songs are the same
    WRITERS.get(path.suffix, write_sound)(path, tone(hz, seconds, 22050), 22050)
    if not tags:
        return path
    if path.suffix == ".wma":
        file, names = mutagen.File(path), {"artist": "Author", "album": "WM/AlbumTitle", "genre": "WM/Genre"}
        file.tags.update({names[name]: value for name, value in tags.items()})
    elif path.suffix in (".wav", ".aiff"):
        file = mutagen.File(path)
        file.add_tags()
        for name, frame in (("artist", id3.TPE1), ("album", id3.TALB), ("genre", id3.TCON)):
            if name in tags:
                file.tags.add(frame(encoding=3, text=tags[name]))
    else:
        file = mutagen.File(path, easy=True)
        file.update(tags)
    file.save()
    return path


def write_id3(path: Path, genre: str | list[str], version: int) -> Path:
    """An mp3 whose genre is in ID3v1 (version 1) or in TCON of ID3v2.3 or 2.4 (version 3, 4), as it is given."""
    write_song(path, 1.0)
    file = MP3(path)
    file.add_tags()
    file.tags.add(id3.TCON(encoding=3 if version == 4 else 1, text=genre))
    if version == 1:
        file.tags.save(path, v1=2)
        id3.delete(path, delete_v1=False)
    else:
        file.tags.save(path, v1=0, v2_version=version, v23_sep=None)
    return path


def make_gtzan(folder: Path, index: bool = True, suffix: str = ".wav") -> str:
    """Two clips of each genre and split; what `--data` takes."""
    from kgenre.collections.datasets.gtzan import LABELS, fault_filtered

    lines = ["## Somebody, 2012", "##"]
    for genre, split in itertools.product(LABELS, ("train", "valid", "test")):
        clips = [name for name, where in fault_filtered().items() if name.startswith(genre) and where == split]
        for name in clips[:2]:
            write_song(folder / "genres" / genre / f"{name}{suffix}", 2.0)
            lines.append(f"{name}.wav ::: {genre} of {split} ::: ")
    if index:
        (folder / "GTZANindex.txt").write_text("\n".join(lines))
    return f"gtzan:{folder}"


def make_playlists(folder: Path) -> str:
    """Two playlists of six songs, one of these in both; what `--data` takes."""
    for number in range(11):
        write_song(folder / "music" / f"Artist {number}" / "song.mp3", artist=f"Artist {number}")
    for name, numbers in (("rock.m3u8", range(6)), ("jazz.pls", range(5, 11))):
        songs = [f"music/Artist {number}/song.mp3" for number in numbers]
        entries = [f"File{number}={song}" for number, song in enumerate(songs, 1)] if name.endswith("pls") else songs
        head = "[playlist]" if name.endswith("pls") else "#EXTM3U"
        (folder / name).write_text("\n".join([head, *entries]) + "\n", encoding="utf-8")
    return f"playlists:{folder}"


def make_tags(folder: Path) -> str:
    """Songs of two genres by artists of their own, one of both; what `--data` takes."""
    for number, suffix in enumerate([".mp3", ".flac", ".ogg", ".m4a", ".mp3", ".flac"] * 2):
        genre = ["Rock", "Jazz"][number // 6]
        artist = f"Artist {number}"
        write_song(
            folder / artist / f"01 song{suffix}", artist=artist, genre=["Rock", "Jazz"] if number == 5 else genre
        )
    return f"tags:{folder}"
