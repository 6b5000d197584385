"""Downloads: one file over HTTP that is complete and checked, or absent.

The transfer is by `requests`. `pooch`, which is installed too, checks and caches, but after an interruption it
begins at the first byte again; a file of some hundred MB would never arrive over a slow line.

What has arrived is kept beside the target in `.part-NAME` and resumed by HTTP Range, in the same call or, after a
kill, in a later one. `.part-NAME.version` holds the server's validator (ETag or date) of the file that the bytes
belong to, so that parts of two versions are never joined.
"""

import os
from pathlib import Path

from kgenre.core.errors import KgenreError
from kgenre.core.files import locked
from kgenre.core.progress import SILENT, Progress
from kgenre.core.published import Published
from kgenre.core.transfer import Transfer

TIMEOUT_SECONDS = 20.0  # a network that swallows packets must not hang the start


def download(
    url: str,
    path: Path,
    sha256: str | None = None,
    size: int | None = None,
    progress: Progress = SILENT,
    timeout: float = TIMEOUT_SECONDS,
    md5: str | None = None,
    sha1: str | None = None,
) -> Path:
    """Downloads a file unless it exists, and checks it either way.

    Interrupted transfers are resumed; temporary faults of the server (HTTP 503 and the like) are retried. Two
    processes may ask for one file: the second waits for the first.

    Args:
        url: http or https.
        path: of the file; its directory is created.
        sha256, md5, sha1, size: as published (hexadecimal digests, bytes); None is not checked.
        progress: receives each MiB.
        timeout: seconds for which the server may be silent.

    Returns:
        `path`, which holds the complete file.

    Raises:
        KgenreError: no network, no such file on the server, not the published file, or no space on the disk.
    """
    path, published = Path(path), Published(sha256, md5, size, sha1)
    if path.exists():
        return published.check(path, progress)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with locked(path.with_name(f".part-{path.name}")) as part:
            if path.exists():  # another process was faster
                return published.check(path, progress)
            Transfer(url, path, part, published, progress, timeout).run()
            os.replace(part.name, path)
    except OSError as error:
        raise KgenreError(
            f"{path}: cannot be written ({error}). Free space there or choose another directory."
        ) from error
    return path
