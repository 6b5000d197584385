"""Files at a URL: which names are URLs, and copies of them on this machine, fetched for a moment.

`http` and `https` are fetched as every download is, with retries; everything else (s3://, gs://, memory://, ...) by
fsspec, which takes the package of its own that each of them needs.
"""

import contextlib
import importlib.util
import posixpath
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from kgenre.core.download import download
from kgenre.core.errors import KgenreError

URL = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)


def is_url(name) -> bool:
    """Whether a name is a URL rather than a path."""
    return bool(URL.match(str(name)))


def file_system(url: str):
    """The fsspec file system of a URL.

    Raises:
        KgenreError: fsspec, or what it needs for this kind of URL, is not installed.
    """
    if importlib.util.find_spec("fsspec") is None:
        raise KgenreError(f"{url}: needs fsspec, which is not installed. Run `pip install 'kgenre[ray]'`.")
    import fsspec

    try:
        return fsspec.core.url_to_fs(url)[0]
    except (ImportError, ValueError) as error:
        raise KgenreError(f"{url}: cannot be opened: {str(error).splitlines()[0]}") from error


def files_below(url: str) -> list[str]:
    """The URLs of all files of a folder at a URL, sorted; of a file, its own.

    Raises:
        KgenreError: as `file_system`; or it cannot be listed.
    """
    system = file_system(url)
    try:
        return [system.unstrip_protocol(name) for name in sorted(system.find(url))]
    except OSError as error:
        raise KgenreError(f"{url}: cannot be listed: {error.strerror or error}. Name files.") from error


@contextlib.contextmanager
def local_copy(name: str) -> Iterator[str]:
    """The path of a file: itself, or of a URL a copy with the same ending, deleted at the end of the context.

    Raises:
        KgenreError: it cannot be fetched, with the cause.
    """
    if not is_url(name):
        yield name
        return
    base = posixpath.basename(unquote(urlsplit(name).path)) or "file"
    with tempfile.TemporaryDirectory(prefix="kgenre-") as folder:
        file = Path(folder) / base.encode()[-100:].decode(errors="ignore")  # a name is limited in bytes
        if name.lower().startswith(("http://", "https://")):
            download(name, file)
        else:
            _fetch(name, file)
        yield str(file)


def _fetch(url: str, file: Path) -> None:
    try:
        file_system(url).get_file(url, str(file))
    except OSError as error:
        raise KgenreError(f"{url}: cannot be fetched: {error.strerror or error}") from error
