"""What a file's tags say: title, artist, album, year, genre and loudness, whatever the format calls them."""

import re
import struct
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import mutagen
from mutagen.id3 import TCON

from kgenre.audio.inputs import is_in_shard, is_spectrogram
from kgenre.core.progress import SILENT, Progress

# What mutagen raises at tags that are damaged, or of a file that is none.
FAULTS = (mutagen.MutagenError, OSError, ValueError, LookupError, TypeError, AttributeError, struct.error, EOFError)
THREADS = 8
R128_DB = 5.0  # ReplayGain 2 aims at -18 LUFS, Opus's R128_TRACK_GAIN at -23

# Names of ID3, Vorbis comments, MP4, ASF and APE, in lower case; the first that is there counts.
NAMES = {
    "title": ("tit2", "title", "\xa9nam"),
    "artist": ("tpe1", "artist", "\xa9art", "author", "tpe2", "albumartist", "aart", "wm/albumartist"),
    "album": ("talb", "album", "\xa9alb", "wm/albumtitle"),
    "year": ("tdor", "originaldate", "originalyear", "tdrc", "tyer", "date", "year", "\xa9day", "wm/year"),
    "genre": ("tcon", "genre", "\xa9gen", "gnre", "wm/genre"),
    "gain": ("txxx:replaygain_track_gain", "replaygain_track_gain", "----:com.apple.itunes:replaygain_track_gain"),
    "r128": ("r128_track_gain",),
}


@dataclass(frozen=True)
class Tags:
    """Text is "" and numbers are None where the file does not say.

    genres: every value of the genre tag, ID3's numbers as names; `genre` is the first.
    """

    title: str = ""
    artist: str = ""
    album: str = ""
    year: int | None = None
    genre: str = ""
    gain_db: float | None = None
    genres: tuple[str, ...] = ()


def read_tags(path) -> Tags:
    """Tags of a file; none where they cannot be read, for without them a track is still a track."""
    if is_spectrogram(path) or is_in_shard(path):
        return Tags()
    try:
        file = mutagen.File(path)
        held = {str(name).lower(): value for name, value in (file.tags or {}).items()} if file is not None else {}
        texts = {name: next(iter(_texts(held, known)), "") for name, known in NAMES.items()}
        genres = _genre_names(_texts(held, NAMES["genre"]))
    except FAULTS:
        return Tags()
    gain = _number(texts.pop("gain"))
    r128 = _number(texts.pop("r128"))
    if gain is None and r128 is not None:
        gain = r128 / 256 + R128_DB
    year = re.search(r"\b(1[5-9]|20)\d\d\b|\b(1[5-9]|20)\d\d(?=\d{4})", texts.pop("year"))
    texts["genre"] = next(iter(genres), "")
    return Tags(**texts, year=int(year[0]) if year else None, gain_db=gain, genres=genres)


def read_all_tags(paths: Sequence[str], progress: Progress = SILENT) -> list[Tags]:
    """Tags of many files, in the order of `paths`.

    In threads, not in processes: 50 000 files are 15 seconds of work, but minutes of waiting for a disk that seeks or
    a server that answers.
    """
    tags = []
    with progress.task("reading tags", len(paths), "files") as advance:
        pool = ThreadPoolExecutor(THREADS)
        try:
            for each in pool.map(read_tags, paths):
                tags.append(each)
                advance()
        finally:
            pool.shutdown(cancel_futures=True)
    return tags


def _texts(held: dict, names: tuple[str, ...]) -> list[str]:
    """All values of the first of the names that has one."""
    for name in names:
        value = held.get(name)
        value = getattr(value, "genres", None) or getattr(value, "text", value)  # of ID3: genre numbers as names
        values = value if isinstance(value, (list, tuple)) else [value]
        texts = [text.strip() for each in values for text in _as_text(each).split("\0")]
        if any(texts):
            return [text for text in texts if text]
    return []


def _as_text(value) -> str:
    while isinstance(value, (list, tuple)) and value:
        value = value[0]
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value or "")
    return text.encode("utf-8", "replace").decode()


def _genre_names(texts: list[str]) -> tuple[str, ...]:
    """Names for ID3's genre numbers, "(17)" or "17", which converters leave in the tags of other formats, too."""
    names = (name.strip() for name in TCON(encoding=3, text=texts).genres)
    return tuple(dict.fromkeys(name for name in names if name))


def _number(text: str) -> float | None:
    number = re.match(r"[+-]?\d+(\.\d+)?", text)
    return float(number[0]) if number and abs(float(number[0])) < 1e5 else None
