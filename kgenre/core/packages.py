"""Packages that the plain install lacks."""

import importlib.util


def installed(name: str) -> bool:
    """Whether a package can be imported; it is not imported."""
    return importlib.util.find_spec(name) is not None


def check_installed(*names: str) -> None:
    """Raises ModuleNotFoundError for a package that is not there, before work that would need it in the end.

    The commands print it as one line that names the extra to install.
    """
    for name in names:
        if not installed(name):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
