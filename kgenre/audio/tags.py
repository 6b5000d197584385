"""What a file's tags say: title, artist, album, year, genre and loudness, whatever the format calls them."""

import re
import struct
from dataclasses import dataclass

import mutagen

from kgenre.audio.inputs import is_spectrogram

# What mutagen raises at tags that are damaged, or of a file that is none.
FAULTS = (mutagen.MutagenError, OSError, ValueError, LookupError, TypeError, AttributeError, struct.error, EOFError)
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
    """Text is "" and numbers are None where the file does not say."""

    title: str = ""
    artist: str = ""
    album: str = ""
    year: int | None = None
    genre: str = ""
    gain_db: float | None = None


def read_tags(path) -> Tags:
    """Tags of a file; none where they cannot be read, for without them a track is still a track."""
    if is_spectrogram(path):
        return Tags()
    try:
        file = mutagen.File(path)
        held = {str(name).lower(): value for name, value in (file.tags or {}).items()} if file is not None else {}
        texts = {name: _text(held, known) for name, known in NAMES.items()}
    except FAULTS:
        return Tags()
    gain = _number(texts.pop("gain"))
    r128 = _number(texts.pop("r128"))
    if gain is None and r128 is not None:
        gain = r128 / 256 + R128_DB
    year = re.search(r"\b(1[5-9]|20)\d\d\b|\b(1[5-9]|20)\d\d(?=\d{4})", texts.pop("year"))
    return Tags(**texts, year=int(year[0]) if year else None, gain_db=gain)


def _text(held: dict, names: tuple[str, ...]) -> str:
    for name in names:
        value = held.get(name)
        value = getattr(value, "genres", None) or getattr(value, "text", value)  # of ID3: genre numbers as names
        while isinstance(value, (list, tuple)) and value:
            value = value[0]
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value or "")
        text = text.encode("utf-8", "replace").decode().split("\0")[0].strip()
        if text:
            return text
    return ""


def _number(text: str) -> float | None:
    number = re.match(r"[+-]?\d+(\.\d+)?", text)
    return float(number[0]) if number and abs(float(number[0])) < 1e5 else None
