"""The one error for faults that the user can repair."""

import difflib
from collections.abc import Iterable

# Causes that begin so are of the moment, a disk that is not mounted, and never a property of the file.
UNREACHABLE = "cannot be opened"


class KgenreError(Exception):
    """A fault in the input: one line that names the value, the rule and the next step.

    The command line prints the line and exits with 2; no traceback.
    """


class DamagedFile(KgenreError):
    """A file that kgenre wrote and that is not as it was written. path: of the file."""

    def __init__(self, path, text: str):
        super().__init__(text)
        self.path = str(path)


def check_known(kind: str, name: str, known: Iterable[str], where: str = "") -> None:
    """Raises KgenreError with the known names and the closest one."""
    known = sorted(known)
    if name in known:
        return
    raise KgenreError(f"{where}unknown {kind} {name!r}.{closest(name, known)} Known: {', '.join(known)}.")


def closest(name: str, known: Iterable[str]) -> str:
    """ " Did you mean X?" with the known name that is closest; empty where none is close."""
    close = difflib.get_close_matches(str(name), sorted(known), n=1)
    return f" Did you mean {close[0]}?" if close else ""
