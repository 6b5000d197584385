"""Where the library of a folder of music is."""

import os
from pathlib import Path

from kgenre.core.errors import KgenreError

DEFAULT_PATH = Path(".kgenre") / "library.sqlite"  # in the folder of music


def default_library_path(folder) -> Path:
    """The library of a folder of music, if no other path is named."""
    return Path(folder) / DEFAULT_PATH


def find_library(near) -> Path:
    """The library of the folder that holds `near`, or of one above it.

    Raises:
        KgenreError: there is none.
    """
    near = Path(os.path.abspath(near))
    for folder in (near, *near.parents):
        if default_library_path(folder).is_file():
            return default_library_path(folder)
    raise KgenreError(f"{near}: in no folder with a library. Name one with --library, or run `kgenre explore DIR`.")
