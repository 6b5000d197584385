"""What the page gets of a file: its cover, and excerpts of it as WAV for browsers that cannot play it."""

import base64
import binascii
import io
import os
from collections.abc import Iterator
from pathlib import Path

from kgenre.core.errors import KgenreError

# By their first bytes; the type that a tag states is not trusted. SVG can hold scripts and is not among them.
PICTURES = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png", b"GIF8": "image/gif"}
PICTURE_BYTES = 16 << 20
FOLDER_PICTURES = ("cover.jpg", "cover.png", "folder.jpg", "folder.png", "front.jpg", "Cover.jpg", "Folder.jpg")
EXCERPT_RATE = 44100
MAX_EXCERPT_SECONDS = 60.0

AUDIO_TYPES = {
    ".mp3": "audio/mpeg",
    ".ogg": "audio/ogg",
    ".oga": "audio/ogg",
    ".opus": "audio/ogg",
    ".flac": "audio/flac",
    ".wav": "audio/wav",
    ".m4a": "audio/mp4",
    ".mp4": "audio/mp4",
    ".aac": "audio/aac",
    ".webm": "audio/webm",
}


def audio_type(path: str) -> str | None:
    """Media type of a format that browsers may play; None of the others."""
    return AUDIO_TYPES.get(Path(path).suffix.lower())


def cover(path: str) -> tuple[bytes, str] | None:
    """The first usable picture in the file's tags, or beside it in its folder, and its media type."""
    for picture in _pictures(path):
        kind = picture_type(picture)
        if kind and len(picture) <= PICTURE_BYTES:
            return picture, kind
    return None


def picture_type(data: bytes) -> str | None:
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for start, kind in PICTURES.items() if data.startswith(start)), None)


def _pictures(path: str) -> Iterator[bytes]:
    import mutagen

    try:
        file = mutagen.File(os.fsencode(path))
    except (mutagen.MutagenError, OSError, ValueError, KeyError, IndexError):  # what it raises at a broken file
        file = None
    if file is not None:
        yield from _tagged_pictures(file)
    for name in FOLDER_PICTURES:
        picture = Path(path).parent / name
        try:
            if picture.is_file() and picture.stat().st_size <= PICTURE_BYTES:
                yield picture.read_bytes()
        except OSError:
            continue


def _tagged_pictures(file) -> Iterator[bytes]:
    from mutagen.flac import FLACNoHeaderError, Picture

    for picture in getattr(file, "pictures", None) or ():  # FLAC
        yield picture.data
    tags = file.tags if file.tags is not None else {}
    for key in list(tags.keys()):
        if key.startswith("APIC"):  # ID3
            yield tags[key].data
        elif key == "covr":  # MP4
            yield from map(bytes, tags[key])
        elif key.lower() == "metadata_block_picture":  # Ogg
            for text in tags[key]:
                try:
                    yield Picture(base64.b64decode(text)).data
                except (binascii.Error, FLACNoHeaderError, ValueError, OSError):
                    continue


def excerpt(path: str, start: float, seconds: float) -> bytes:
    """Part of the file as 16-bit mono WAV at 44.1 kHz.

    Raises:
        KgenreError: the file cannot be read, or ends before `start`.
    """
    import soundfile

    from kgenre.audio.decode import decode

    if not (start >= 0 and 0 < seconds <= MAX_EXCERPT_SECONDS):
        raise KgenreError(
            f"`seconds` must be in (0, {MAX_EXCERPT_SECONDS:g}]. Received: start={start}, seconds={seconds}."
        )
    audio = decode(path, EXCERPT_RATE, start, seconds)
    buffer = io.BytesIO()
    soundfile.write(buffer, audio.samples, EXCERPT_RATE, format="WAV", subtype="PCM_16")
    return buffer.getvalue()
