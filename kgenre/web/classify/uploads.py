"""Uploads on their way to a decoder: each in a folder of its own, removed when it is done with.

What a killed server left behind is removed by the next one: a server holds a lock on its folder as long as it lives.
"""

import fcntl
import logging
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import BinaryIO

log = logging.getLogger(__name__)

PREFIX, LOCK = "kgenre-serve-", "lock"
ENDING = re.compile(r"\.[a-z0-9]{1,5}$")
NAME_CHARACTERS = 200


class Upload:
    """A file of our own name in a folder of its own; removed by `remove`, at the latest with this object."""

    def __init__(self, folder: Path, source: BinaryIO, ending: str):
        # A folder of its own, so that no format that names other files finds those of others.
        self._folder = tempfile.TemporaryDirectory(dir=folder, ignore_cleanup_errors=True)
        self.path = str(Path(self._folder.name) / f"song{ending}")
        with open(self.path, "wb") as file:
            shutil.copyfileobj(source, file, 1 << 20)

    def remove(self) -> None:
        self._folder.cleanup()


class UploadFolder:
    """Where uploads lie, within a `with`; for this user alone.

    Args:
        parent: an existing folder; that of the system for temporary files if None.
    """

    def __init__(self, parent: Path | None = None):
        self.parent = Path(parent or tempfile.gettempdir())
        remove_leftovers(self.parent)
        self.folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=self.parent))  # for its owner alone
        self._lock = open(self.folder / f"{LOCK}.new", "wb")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        os.rename(self._lock.name, self.folder / LOCK)  # it is there when it is held, never before

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder, ignore_errors=True)
        self._lock.close()

    def save(self, source: BinaryIO, name: str) -> Upload:
        """Copies an upload. `name`: as it was sent; only its ending, by which some decoders go, is used."""
        ending = ENDING.search(name.lower())
        return Upload(self.folder, source, ending[0] if ending else "")


def remove_leftovers(parent: Path) -> None:
    """Removes the folders of this user's servers that run no more."""
    for folder in parent.glob(f"{PREFIX}*"):
        if folder.is_symlink() or not folder.is_dir() or folder.stat().st_uid != os.getuid():
            continue
        try:
            with open(folder / LOCK, "rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # which a kill releases
                shutil.rmtree(folder, ignore_errors=True)
                log.info("%s: removed what a killed server had left", folder)
        except OSError:  # it runs, or has just begun
            continue


def shown_name(name: str | None) -> str:
    """A file's name as it was sent, without folders and control characters."""
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in last_part(name or ""))
    return shown[:NAME_CHARACTERS] or "song"


def last_part(path: str) -> str:
    """What is behind the folders of a path of any system."""
    return re.split(r"[/\\]", path)[-1]
