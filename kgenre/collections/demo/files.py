"""A demo collection of composed songs: files, tags and manifest.

Real music cannot be shipped, so 8 genres are composed from their chord progressions, rhythms and
instruments. Loudness, crest, length, sample rate, file format and channels are drawn independently of the
genre, so only the music tells genres apart. Four or five artists share a genre, each with a sound
of its own, so a split by artist is harder than one by song. Good for tests and first steps, not for results.
"""

import csv
import json
import os
import shutil
from dataclasses import asdict
from pathlib import Path

import mutagen
import soundfile
from mutagen import id3

from kgenre.collections.demo.songs import Song, plan, render
from kgenre.core.errors import KgenreError
from kgenre.core.parallel import map_in_processes
from kgenre.core.progress import SILENT, Progress

DEMO_VERSION = "1"  # another version composes other songs: finished folders are rebuilt
MANIFEST_COLUMNS = ("path", "genre", "artist", "album", "title", "track_id", "seconds")
ID3_FRAMES = {"title": id3.TIT2, "artist": id3.TPE1, "album": id3.TALB, "genre": id3.TCON}


def make_demo(
    folder,
    seed: int = 0,
    songs_per_genre: int = 16,
    workers: int | None = None,
    progress: Progress = SILENT,
    genres=None,
    seconds=(15.0, 30.0),
) -> Path:
    """Writes the collection as `folder`/GENRE/*.{mp3,ogg,flac,wav} and `folder`/manifest.csv.

    The waveforms depend on `seed` and the other arguments of `plan` alone, not on `workers`. Songs are written to
    `folder`.part, which is renamed to `folder` when it is complete; the next call discards what an interrupted one
    left there. A folder that holds the same collection is returned at once; another demo collection is replaced.

    Args:
        folder: the collection's folder.
        seed, songs_per_genre, genres, seconds: as in `plan`.
        workers: processes; None for one per core, 1 to work in this process.
        progress: receives each finished song.

    Returns:
        `folder`.

    Raises:
        KgenreError: an argument is out of its domain, or `folder` holds something other than a demo collection.
    """
    songs = plan(seed, songs_per_genre, genres, seconds)
    recipe = {
        "version": DEMO_VERSION,
        "seed": int(seed),
        "songs_per_genre": int(songs_per_genre),
        "genres": list(dict.fromkeys(song.genre for song in songs)),
        "seconds": [float(bound) for bound in seconds],
    }
    target = Path(folder).resolve()
    if _recipe(target) != recipe or not (target / "manifest.csv").is_file():
        _check_ours(target)
        part = target.with_name(target.name + ".part")
        _discard(part)
        part.mkdir(parents=True)
        (part / "demo.json").write_text(json.dumps(recipe, indent=1) + "\n")
        _write_all(songs, part, workers or os.cpu_count() or 1, progress)
        _write_manifest(songs, part / "manifest.csv")
        _swap(part, target)
    return Path(folder)


def _write_all(songs: list[Song], folder: Path, workers: int, progress: Progress) -> None:
    jobs = [(song, folder / song.path) for song in songs]
    broken = (
        f"{folder}: a process that composes songs ended early. A script that calls make_demo needs "
        'its calls under `if __name__ == "__main__":`, or workers=1.'
    )
    with progress.task("composing the demo collection", len(songs), "songs") as advance:
        for _ in map_in_processes(_write, jobs, workers, broken):
            advance()


def _write(song: Song, path: Path) -> None:
    """Renders, encodes and tags one file."""
    y = render(song)
    path.parent.mkdir(exist_ok=True)
    # at a constant bit rate the size of an mp3 depends on its length, not on its music
    how = {"bitrate_mode": "CONSTANT", "compression_level": 0.5} if song.format == "mp3" else {}
    with soundfile.SoundFile(path, "w", song.rate, song.channels, format=song.format.upper(), **how) as file:
        for start in range(0, len(y), 1 << 15):  # whole songs overflow the stack of libsndfile's Vorbis encoder
            file.write(y[start : start + (1 << 15)])
    tags = {"title": song.title, "artist": song.artist, "album": song.album, "genre": song.genre}
    file = mutagen.File(path)
    if file.tags is None:
        file.add_tags()
    if isinstance(file.tags, id3.ID3):
        tags = {ID3_FRAMES[name].__name__: ID3_FRAMES[name](encoding=3, text=[text]) for name, text in tags.items()}
    file.tags.update(tags)
    file.save()


def _write_manifest(songs: list[Song], path: Path) -> None:
    with open(path, "w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, MANIFEST_COLUMNS, extrasaction="ignore")
        table.writeheader()
        table.writerows(asdict(song) for song in songs)


def _recipe(folder: Path) -> dict | None:
    try:
        return json.loads((folder / "demo.json").read_text())
    except (OSError, ValueError):  # missing or foreign: _check_ours decides
        return None


def _check_ours(folder: Path) -> None:
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())) or (folder / "demo.json").is_file():
        return
    raise KgenreError(
        "Only a folder that holds demo.json is replaced by a demo collection. "
        f"Received: {folder}. Name another folder, or move this one away."
    )


def _discard(folder: Path) -> None:
    _check_ours(folder)
    if folder.exists():
        shutil.rmtree(folder)


def _swap(part: Path, target: Path) -> None:
    """Renames `part` to `target`; the old collection is removed after that."""
    old = target.with_name(target.name + ".old")
    _discard(old)
    if target.exists():
        target.rename(old)
    part.rename(target)
    _discard(old)
