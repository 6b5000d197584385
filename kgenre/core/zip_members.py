"""What makes a zip archive unsafe to unpack: one rule a row."""

import re
import stat
import unicodedata
import zipfile
from collections.abc import Callable, Sequence
from pathlib import PurePosixPath

from kgenre.core.text import one_line

MAX_RATIO = 100  # from packed to unpacked: text compresses to a tenth at best, a zip bomb to a thousandth
ALWAYS_UNPACKED_BYTES = 1 << 24  # of an archive so small that its ratio says nothing
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # files of these names, on Windows


def _mode(member: zipfile.ZipInfo) -> int:
    return stat.S_IFMT(member.external_attr >> 16)


def _parts(member: zipfile.ZipInfo) -> list[str]:
    return member.filename.removesuffix("/").split("/")


RULES: dict[str, Callable[[zipfile.ZipInfo], bool]] = {
    "has an absolute name": lambda member: member.filename.startswith(("/", "\\")) or member.filename[1:2] == ":",
    "has a name that leads out of the folder": lambda member: ".." in re.split(r"[/\\]", member.filename),
    "has a name that is no path": lambda member: "\\" in member.filename or not {"", "."}.isdisjoint(_parts(member)),
    "has a name that cannot be printed": lambda member: not member.orig_filename.isprintable(),
    "has the name of a device": lambda member: any(DEVICE.fullmatch(part.rstrip(". ")) for part in _parts(member)),
    "is a link": lambda member: _mode(member) == stat.S_IFLNK,
    "is a device or a pipe": lambda member: _mode(member) not in (0, stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK),
    "is encrypted": lambda member: bool(member.flag_bits & 1),
    "is compressed by a method that Python cannot read": lambda member: member.compress_type not in METHODS,
}


def fault_of_members(members: Sequence[zipfile.ZipInfo], archive_bytes: int) -> str:
    """The first rule that a member breaks, with its name; an empty string if the archive may be unpacked."""
    if not any(not member.is_dir() for member in members):
        return "it holds no files"
    for member in members:
        for rule, is_broken in RULES.items():
            if is_broken(member):
                return f"{_shown(member)} {rule}"
    unpacked = sum(member.file_size for member in members)
    if unpacked > max(MAX_RATIO * archive_bytes, ALWAYS_UNPACKED_BYTES):
        return f"it would unpack to {unpacked / 1e6:.0f} MB, more than {MAX_RATIO} times its own size"
    return _fault_of_names(members)


def _fault_of_names(members: Sequence[zipfile.ZipInfo]) -> str:
    """Two members of one name, or a file where another member needs a folder, on file systems of any kind."""
    files, seen = set(), set()
    for member in members:
        name = _folded(member.filename.removesuffix("/"))
        if name in seen:
            return f"{_shown(member)} is in it twice"
        seen.add(name)
        if not member.is_dir():
            files.add(name)
    for member in members:
        folders = PurePosixPath(_folded(member.filename)).parents
        if any(str(folder) in files for folder in folders):
            return f"{_shown(member)} lies in a folder that is a file"
    return ""


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _shown(member: zipfile.ZipInfo) -> str:
    return f"the member {one_line(member.orig_filename)!r}"
