"""The genres and moods in a file's tags: read, and set in a copy, whatever the format calls them."""

import os
from collections.abc import Mapping

import mutagen
from mutagen.asf import ASF
from mutagen.id3 import ID3, Frames
from mutagen.mp4 import MP4FreeForm

from kgenre.audio import tags
from kgenre.core.errors import KgenreError

GENRE, MOOD = "genre", "mood"
# The key of a field in each kind of tags, as MusicBrainz Picard has them. WMA is left out: its audio hash does not
# exclude the tags (fingerprint.py).
KEYS = {
    GENRE: {"ID3": "TCON", "VComment": "genre", "MP4Tags": "\xa9gen", "APEv2": "Genre"},
    MOOD: {"ID3": "TMOO", "VComment": "mood", "MP4Tags": "----:com.apple.iTunes:MOOD", "APEv2": "Mood"},
}
FAULTS = (KgenreError, NotImplementedError, *tags.FAULTS)
UNSUPPORTED = "tags cannot be written to a file of this format."
# Versions of ID3 whose frames are written as they were read. mutagen would translate them to those of 2.4 and back, and
# drop what only one of the two has: TDRL, TDTG, TSIZ or RVAD in a file of the other, the second date of two. It would
# also add the fields of an ID3v1 tag to them.
AS_READ = ((2, 3), (2, 4))
V1_BYTES, V1_GENRE = 128, 127  # of an ID3v1 tag, which ends the file: its length, and where its genre is


def read_fields(path, fields=(GENRE,)) -> dict[str, list[str]]:
    """{field: all its values as they are written in the tags of a file}; none where it has no such tag."""
    held = open_file(path).tags
    return {field: [] if held is None else _values(held.get(_key(held, field))) for field in fields}


def set_fields(path, fields: Mapping[str, list[str]]) -> None:
    """Sets each field to its values, in place; no values remove it. All other tags stay."""
    file, options, v1 = open_file(path), {}, _id3v1(path)
    if file.tags is None:
        file.add_tags()
    elif isinstance(file.tags, ID3) and file.tags.version[:2] in AS_READ:
        file = type(file)(path, translate=False, load_v1=False)
        # 2.3 is kept: old players cannot read 2.4. Several values are written as in 2.4: an old player shows the first.
        options = {"v2_version": file.tags.version[1], "v23_sep": None}
    for field, values in fields.items():
        _set(file.tags, _key(file.tags, field), values)
    file.save(**options)
    if v1:
        _restore_id3v1(path, v1, GENRE in fields)


def open_file(path):
    """mutagen's file. Raises one of FAULTS."""
    file = mutagen.File(path)
    if file is None or isinstance(file, ASF):
        raise KgenreError(UNSUPPORTED)
    return file


def _id3v1(path) -> bytes:
    """The ID3v1 tag of a file; b"" if there is none."""
    with open(path, "rb") as file:
        end = file.seek(0, os.SEEK_END)
        file.seek(max(0, end - V1_BYTES - len(b"APE")))
        before, tag = file.read(len(b"APE")), file.read()
    return tag if tag[:3] == b"TAG" and before != b"APE" else b""  # APETAGEX begins another kind of tag


def _restore_id3v1(path, v1: bytes, new_genre: bool) -> None:
    """Puts back the ID3v1 tag, which mutagen has rebuilt from the other frames; of that, only a new genre stays."""
    if made := _id3v1(path):
        with open(path, "r+b") as file:
            file.seek(-V1_BYTES, os.SEEK_END)
            file.write(v1[:V1_GENRE] + (made if new_genre else v1)[V1_GENRE:])


def _key(held, field: str) -> str:
    kinds = {kind.__name__ for kind in type(held).__mro__}
    key = next((key for kind, key in KEYS[field].items() if kind in kinds), None)
    if key is None:
        raise KgenreError(UNSUPPORTED)
    return key


def _values(value) -> list[str]:
    values = getattr(value, "text", value) or []
    return [one.decode("utf-8", "replace") if isinstance(one, bytes) else str(one) for one in values]


def _set(held, key: str, values: list[str]) -> None:
    if isinstance(held, ID3):
        held.delall(key)
        if values:
            held.add(Frames[key](encoding=1, text=values))
    elif values:
        held[key] = [MP4FreeForm(value.encode()) for value in values] if key.startswith("----") else values
    elif key in held:
        del held[key]
