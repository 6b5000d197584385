"""What a Parquet file needs: pyarrow, which is optional, and names in UTF-8."""

import importlib.util
from collections.abc import Iterable

from kgenre.core.errors import KgenreError


def check_parquet(path) -> None:
    """Raises KgenreError if pyarrow is not installed."""
    if importlib.util.find_spec("pyarrow") is None:
        raise KgenreError(f"{path}: Parquet needs pyarrow. `pip install pyarrow`, or name a file of another format.")


def check_utf8(path, names: Iterable[str]) -> None:
    """Raises KgenreError if one of the names of songs is none that Parquet can hold."""
    try:
        "".join(names).encode()
    except UnicodeEncodeError as error:
        raise KgenreError(
            f"{path}: a file name is not UTF-8, which Parquet cannot hold. Name a file of another format."
        ) from error
