"""Playlist files, m3u, m3u8 and pls: the songs that they name, and how a line names one.

Players agree on little. Entries are read as VLC, mpv and Winamp write them: relative or absolute paths, with slashes
or Windows' backslashes, file: addresses, percent signs. The names of files are bytes, so each entry gives the paths
that it may mean, and whoever has the disk takes the first that is there.
"""

import codecs
import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

PLAYLIST_SUFFIXES = (".m3u", ".m3u8", ".pls")
# Control characters, what some players take for line breaks, and lone surrogates, which stand for undecodable bytes.
UNWRITABLE = re.compile("[\x00-\x1f\x7f\x85\u2028\u2029\ud800-\udfff]")
# One letter before the colon is a Windows drive; "Artist: Song" has no slashes.
ADDRESS = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]+://|file:", re.IGNORECASE)
FILE_ADDRESS = re.compile(rb"file:(?://(?:localhost)?(?=/))?(.*)", re.IGNORECASE)
PLS_ENTRY = re.compile(rb"\s*File\d+\s*=\s*(.*)", re.IGNORECASE)
UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True)
class Entry:
    """A line of a playlist that names something to play.

    text: as it is shown to people.
    paths: the absolute paths that it may mean, the likeliest first; none of a stream.
    """

    text: str
    paths: tuple[str, ...]


def read_playlist(path) -> list[Entry]:
    """The entries of a playlist file, in their order.

    Raises:
        OSError: it cannot be read.
    """
    path = Path(path)
    content = path.read_bytes()
    if content.startswith(UTF16):
        content = content.decode("utf-16", "replace").encode()
    lines = content.removeprefix(codecs.BOM_UTF8).splitlines()
    named = _pls_entries(lines) if path.suffix.lower() == ".pls" else lines
    entries = (line.strip() for line in named)
    return [_entry(line, path.parent) for line in entries if line and not line.startswith(b"#")]


def _pls_entries(lines: list[bytes]) -> list[bytes]:
    return [found[1] for line in lines if (found := PLS_ENTRY.match(line))]


def _entry(line: bytes, folder: Path) -> Entry:
    text = _text(line)
    if ADDRESS.match(line):
        found = FILE_ADDRESS.match(line)  # not urlsplit: some writers leave # and ? of a name as they are
        return Entry(text, _absolute([os.fsdecode(unquote_to_bytes(found[1]))], folder) if found else ())
    # As it stands; of Latin-1 on a disk whose names are UTF-8; with percent signs as VLC writes them.
    likely = dict.fromkeys([os.fsdecode(line), text, os.fsdecode(unquote_to_bytes(line))])
    return Entry(text, _absolute([*likely, *(name.replace("\\", "/") for name in likely)], folder))


def _absolute(names: list[str], folder: Path) -> tuple[str, ...]:
    return tuple(dict.fromkeys(os.path.abspath(folder / name) for name in names if "\0" not in name))


def _text(line: bytes) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line.decode("cp1252", "replace")


def path_line(path: str, relative_to=None) -> str:
    """A path as a line of an m3u8 playlist, which `read_playlist` reads back.

    Args:
        relative_to: folder that the path is relative to, where the playlist will be; None for an absolute path.
    """
    if UNWRITABLE.search(path) or (relative_to and UNWRITABLE.search(str(relative_to))):
        return "file://" + quote(os.fsencode(path))
    if relative_to is None:
        return path
    line = os.path.relpath(path, relative_to)
    # A leading # is a comment, a leading space is dropped, and "Artist: Song" looks like an address.
    misread = line.startswith("#") or line[:1].isspace() or ":" in line.split("/")[0]
    return f"./{line}" if misread else line
