"""Files that others published: where they are kept, and how they are recognised."""

import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from kgenre.core.errors import KgenreError
from kgenre.core.progress import SILENT, Progress

CHUNK_BYTES = MIB = 1 << 20


def cache_dir() -> Path:
    """The directory of what is fetched or computed once: $XDG_CACHE_HOME/kgenre, or ~/.cache/kgenre."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kgenre"


@dataclass(frozen=True)
class Published:
    """What is published of a file; None where it is not.

    sha256, md5, sha1: hexadecimal digests.
    size: in bytes.
    """

    sha256: str | None = None
    md5: str | None = None
    size: int | None = None
    sha1: str | None = None

    @property
    def digests(self) -> dict[str, str]:
        """{algorithm: digest} of those that are published."""
        return {name: text for name in ("sha256", "sha1", "md5") if (text := getattr(self, name))}

    def fault(self, path: Path, progress: Progress = SILENT) -> str:
        """The rule that the file at `path` breaks and the value received; an empty string if it breaks none."""
        found = path.stat().st_size
        if self.size is not None and found != self.size:
            return f"its size must be {self.size} bytes. Received: {found} bytes"
        for algorithm, expected in self.digests.items():
            if (digest := file_digest(path, algorithm, progress)) != expected:
                return f"its {algorithm} must begin with {expected[:12]}. Received: {digest[:12]}"
        return ""

    def check(self, path: Path, progress: Progress = SILENT) -> Path:
        """Returns `path`.

        Raises:
            KgenreError: the file that lies there is not the published one.
        """
        if fault := self.fault(path, progress):
            raise KgenreError(f"{path}: not the published file: {fault}. Remove it; it is then fetched again.")
        return path


def file_digest(path: Path, algorithm: str = "sha256", progress: Progress = SILENT) -> str:
    """The hexadecimal digest of a file's bytes."""
    digest = hashlib.new(algorithm)
    with (
        path.open("rb") as file,
        progress.task(f"checking {path.name.removeprefix('.part-')}", path.stat().st_size // MIB, "MiB") as advance,
    ):
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
            advance(len(chunk) // MIB)
    return digest.hexdigest()


def check_space(directory: Path, needed: int, name: str) -> None:
    """Raises KgenreError if an existing directory has not `needed` free bytes for `name`."""
    free = shutil.disk_usage(directory).free
    if free < needed:
        raise KgenreError(
            f"{directory}: {name} needs {needed / 1e6:.1f} MB of free space. Received: {free / 1e6:.1f} MB. "
            "Free space there and try again."
        )
