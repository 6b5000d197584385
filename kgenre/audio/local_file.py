"""A track as a file of this machine: one at a URL is fetched for a moment."""

import contextlib
from collections.abc import Iterator

from kgenre.audio.fragments import whole_file
from kgenre.core.urls import local_copy


@contextlib.contextmanager
def local_file(path: str) -> Iterator[str]:
    """The path of a track, or of its copy; of a part of a file (audio.fragments), the copy's same part.

    Raises:
        KgenreError: as `local_copy`.
    """
    file = whole_file(path)
    with local_copy(file) as copy:
        yield copy + path[len(file) :]
