"""The walk through a folder of music: names, sizes and times, no file opened."""

import glob
import logging
import os
import posixpath
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path
from urllib.parse import urlsplit

from kgenre.audio.inputs import ARRAYS, IMAGE_SUFFIXES, SPECTROGRAM, SPECTROGRAM_SUFFIXES, WAVEFORM, container
from kgenre.core.errors import KgenreError
from kgenre.core.text import one_line
from kgenre.core.urls import files_below, is_url

# What a scan of a folder takes for audio. The decoder decides by content; this only spares it the covers.
AUDIO_SUFFIXES = frozenset(
    ".mp3 .ogg .oga .opus .flac .wav .wave .aif .aiff .aifc .au .w64 .caf "
    ".m4a .m4b .mp4 .aac .wma .asf .ape .wv .mpc .ac3 .mka .webm .tta .amr .mp2".split()
)
SUFFIXES = frozenset(suffix.encode() for suffix in AUDIO_SUFFIXES)
INPUT_SUFFIXES = {WAVEFORM: SUFFIXES, SPECTROGRAM: frozenset(suffix.encode() for suffix in SPECTROGRAM_SUFFIXES)}
IMAGES = frozenset(suffix.encode() for suffix in IMAGE_SUFFIXES)
WORDS = {WAVEFORM: "audio files", SPECTROGRAM: "spectrograms"}

log = logging.getLogger(__name__)


@dataclass
class Found:
    """What lies in a folder and below.

    files: {path: (size in bytes, mtime in ns)}.
    faults: {path: reason} of names that look like audio but are no files, and of folders that cannot be read.
    closed: the latter: what lies in them is unknown, not gone.
    """

    files: dict[bytes, tuple[int, int]] = field(default_factory=dict)
    faults: dict[bytes, str] = field(default_factory=dict)
    closed: list[bytes] = field(default_factory=list)

    @property
    def some(self) -> bool:
        """Whether there is anything at all."""
        return bool(self.files or self.faults)

    def is_gone(self, path: bytes) -> bool:
        """Whether a path that was known is not there any more, as far as can be seen."""
        unseen = any(path.startswith(folder + b"/") for folder in self.closed)
        return path not in self.files and path not in self.faults and not unseen


def walk(folder: bytes, suffixes: frozenset[bytes] = SUFFIXES) -> Found:
    """All audio files by their suffix, in a fixed order; what is hidden is left out, as macOS's shadow files are.

    Links are followed, after all that lies in real folders; each folder is entered once, so that a loop of
    links ends and a folder has its real name where it has one here.
    """
    found, seen, links, folders = Found(), set(), [], [folder]
    while folders or links:
        directory = folders.pop() if folders else links.pop(0)
        try:
            about = os.stat(directory)
            if (about.st_dev, about.st_ino) in seen:
                continue
            seen.add((about.st_dev, about.st_ino))
            with os.scandir(directory) as entries:
                entries = sorted(entries, key=attrgetter("name"))
        except OSError as error:
            found.faults[directory] = f"folder cannot be read: {error.strerror}."
            found.closed.append(directory)
            continue
        inner = []
        for entry in entries:
            if _is_folder(entry):
                if not _is_hidden(entry.name):
                    (links if entry.is_symlink() else inner).append(entry.path)
            elif has_suffix(entry.name, suffixes):
                _add(entry, found)
        folders += reversed(inner)
    return found


def _add(entry: os.DirEntry, found: Found) -> None:
    try:
        about = entry.stat()
    except OSError as error:
        what = "a link to nothing" if entry.is_symlink() else f"cannot be opened: {error.strerror}"
        found.faults[entry.path] = f"{what}."
        return
    if stat.S_ISREG(about.st_mode):
        found.files[entry.path] = (about.st_size, about.st_mtime_ns)
    else:
        found.faults[entry.path] = "is not a file."


def _is_folder(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads round in a circle
        return False


def _is_hidden(name: bytes) -> bool:
    return name.startswith(b".") and not name.startswith(b"..")  # "...And Justice for All" is an album


def has_suffix(name: bytes, suffixes: frozenset[bytes] = SUFFIXES) -> bool:
    """Whether a file's name ends in one of the suffixes, those of audio if not given, and is not hidden."""
    dot = name.rfind(b".")  # as os.path.splitext, a fifth of a walk's time: a name of dots alone has no suffix
    return (
        dot > 0
        and name[dot:].lower() in suffixes
        and not (name.startswith(b".") and (_is_hidden(name) or not name[:dot].strip(b".")))
    )


def find_audio_files(folder) -> list[Path]:
    """All audio files under a folder, sorted; what cannot be used is logged with the reason."""
    return find_files(folder, WAVEFORM)


def find_files(folder, input: str) -> list[Path]:
    """As `find_audio_files`, of the files that a model of this input takes; covers of albums are no spectrograms."""
    found = walk(os.fsencode(folder), INPUT_SUFFIXES[input] | SUFFIXES)
    for path, reason in found.faults.items():
        log.warning("left out: %s: %s", one_line(os.fsdecode(path)), reason)
    songs = [path for path in found.files if has_suffix(os.path.basename(path))]
    if input == WAVEFORM:
        return sorted(Path(os.fsdecode(path)) for path in songs)
    spectrograms = _without_covers(found.files.keys() - set(songs), songs)
    return sorted(Path(os.fsdecode(path)) for path in spectrograms)


def _without_covers(paths: Iterable[bytes], songs: Iterable[bytes]) -> list[bytes]:
    """The spectrograms among pictures and arrays: a picture beside songs, of which none has its name, is a cover."""
    names = {os.path.splitext(song)[0] for song in songs}
    folders = {os.path.dirname(song) for song in songs}
    covers = {
        path
        for path in paths
        if has_suffix(os.path.basename(path), IMAGES)
        and os.path.dirname(path) in folders
        and os.path.splitext(path)[0] not in names
    }
    if covers:
        log.warning("left out: pictures beside songs (%d), such as %s", len(covers), one_line(os.fsdecode(min(covers))))
    return [path for path in paths if path not in covers]


def members(file: str) -> list[str]:
    """The paths of all tracks of an .npz file."""
    from kgenre.audio.arrays import open_arrays

    return [f"{file}#{index}" for index in range(len(open_arrays(file).spectrograms))]


def _at_url(url: str, input: str) -> list[str]:
    """A file at a URL, as its ending tells, or the files of a folder there."""
    suffixes = INPUT_SUFFIXES[input] | SUFFIXES
    if has_suffix(os.fsencode(posixpath.basename(urlsplit(url).path)), suffixes):
        return [url]
    return [file for file in files_below(url) if has_suffix(os.fsencode(posixpath.basename(file)), suffixes)]


def expand_paths(names: list[str], input: str = WAVEFORM) -> list[str]:
    """The files that the arguments name: files as they are, folders searched, patterns expanded, and URLs.

    Args:
        input: of the model that takes them, which tells what to search folders for.

    Raises:
        KgenreError: an argument that is nothing, or a folder or pattern without such files.
    """
    found: dict[str, None] = {}  # a dict keeps the order and drops what is named twice
    for name in names:
        path = Path(name)
        if is_url(name):
            files = _at_url(name, input)
        elif path.is_dir():
            files = [str(file) for file in find_files(path, input)]
        elif input == SPECTROGRAM and path.suffix.lower() == ARRAYS and path.is_file():
            files = members(name)
        elif path.is_file() or container(path).is_file():
            files = [name]
        else:
            files = sorted(file for file in glob.glob(name, recursive=True) if Path(file).is_file())
        if not files:
            rule = f"holds no {WORDS[input]}" if path.is_dir() else "no such file, folder or match"
            raise KgenreError(
                f"{name}: {rule}. Name songs, folders of songs, or a quoted pattern such as 'album/*.mp3'."
            )
        found.update(dict.fromkeys(files))
    return list(found)
