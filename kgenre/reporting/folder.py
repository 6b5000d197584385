"""The folder of the files behind a report: those of the last one; no file of the user's is replaced or removed."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

from kgenre.core.errors import KgenreError
from kgenre.core.files import make_output_folder, write_json

LIST = ".report-files.json"  # names of the files that the last report wrote; its presence makes a folder a report's


@contextlib.contextmanager
def report_folder(folder: Path) -> Iterator[Path]:
    """Makes the folder; once the work in it succeeds, what only an earlier report left there is removed.

    Raises:
        KgenreError: the folder holds files that are not of a report, such as a run; or it cannot be written.
    """
    folder = make_output_folder(folder)
    listed = folder / LIST
    if not listed.is_file() and any(folder.iterdir()):
        raise KgenreError(
            f"{folder}: holds files that are not of a report, and the files behind the page would lie there. "
            "Name another page with --out."
        )
    earlier = _names(listed)
    write_json(listed, earlier)
    begun = listed.stat().st_mtime_ns
    yield folder
    files = {path.name for path in folder.iterdir() if path.is_file() and path.stat().st_mtime_ns >= begun} - {LIST}
    for name in set(earlier) - files:
        (folder / name).unlink(missing_ok=True)
    write_json(listed, sorted(files))


def _names(listed: Path) -> list[str]:
    """The names in a list; none of one that is damaged, or that names files elsewhere, for folders are passed on."""
    try:
        names = json.loads(listed.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return []
    if not isinstance(names, list):
        return []
    return [name for name in names if isinstance(name, str) and Path(name).name == name != ".."]
