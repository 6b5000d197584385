"""By what a file that has changed is recognised."""

from kgenre.audio.fragments import whole_file
from kgenre.audio.inputs import container
from kgenre.core.urls import is_url

AT_A_URL = (0, 0)  # size and time of what lies there: unknown, and taken to be unchanged


def signature(path) -> tuple[int, int] | None:
    """Size in bytes and time of change in ns of a track's file; None if there is none.

    Of a part of a file (audio.fragments), the file's; of a URL, AT_A_URL.
    """
    if is_url(path):
        return AT_A_URL
    try:
        found = container(whole_file(str(path))).stat()
    except OSError:  # the reader reports the cause
        return None
    return found.st_size, found.st_mtime_ns
