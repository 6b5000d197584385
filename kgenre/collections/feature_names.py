"""Names of the files that `kgenre features` writes, and which track each of them is of."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from kgenre.core.errors import KgenreError
from kgenre.core.files import write_json

SOURCES = "sources.json"  # {name of a file: path of its track}
SEVERAL = "several genres"  # folder of the tracks that have no main one
MAX_BYTES = 200  # of a name, which a number, an ending and the prefix of a file that is being written make longer


def file_names(table: pd.DataFrame, suffix: str, sources: Mapping[str, str]) -> dict[str, str]:
    """{path: GENRE/NAME} of the file of each track, relative to the folder; a name that is taken gets a number.

    A track keeps the name that it has in `sources`, whatever tracks of the same name have come since.
    """
    stems = {path: _stem(path, genre) for path, genre in zip(table["path"], table["genre"])}
    held = {path: name for name, path in sources.items()}
    names = {path: held[path] for path, stem in stems.items() if _is_numbered(held.get(path, ""), stem, suffix)}
    taken = {name.casefold() for name in names.values()}  # some file systems do not tell case
    for path, stem in stems.items():
        if path not in names:
            name, number = stem + suffix, 1
            while name.casefold() in taken:
                number += 1
                name = f"{stem}-{number}{suffix}"
            taken.add(name.casefold())
            names[path] = name
    return names


def _stem(path: str, genre: str) -> str:
    return f"{_plain(genre or SEVERAL)}/{_plain(Path(path).stem)}"


def _is_numbered(name: str, stem: str, suffix: str) -> bool:
    """Whether a name is one that this stem gets, STEM or STEM-2 and so on."""
    number = name.removeprefix(stem).removesuffix(suffix)
    return name.startswith(stem) and name.endswith(suffix) and (not number or number.removeprefix("-").isdigit())


def _plain(name: str) -> str:
    """A name as a part of a path, in UTF-8: no separators, not hidden, not too long."""
    name = name.encode("utf-8", "replace")[:MAX_BYTES].decode("utf-8", "ignore")
    return "".join("_" if char in '/\\:*?"<>|#' else char for char in name).lstrip(".").strip() or "_"


def read_sources(out: Path) -> dict[str, str]:
    """The tracks of the files that an earlier call wrote; {} if there was none.

    Raises:
        KgenreError: it cannot be read.
    """
    file = out / SOURCES
    try:
        return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    except (OSError, ValueError) as error:
        raise KgenreError(f"{file}: not readable ({error}). Name another folder with --out.") from error


def keep_own(out: Path, names: Mapping[str, str], sources: Mapping[str, str]) -> None:
    """Removes the files that are of another track than the one that now has their name, and writes whose each is.

    In this order, so that a kill leaves no file that is taken for another track's.
    """
    for path, name in names.items():
        if sources.get(name) != path:
            (out / name).unlink(missing_ok=True)
    write_json(out / SOURCES, {**sources, **{name: path for path, name in names.items()}})


def utf8(texts: Iterable[str]) -> list[str]:
    """Texts that a file in UTF-8 holds: undecodable bytes of file names as backslash escapes."""
    return [text.encode("utf-8", "backslashreplace").decode() for text in texts]
