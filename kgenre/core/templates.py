"""Templates of pages: jinja2's, in the folder page/ of a package. They escape whatever comes from a collection."""

import functools
from typing import TYPE_CHECKING

from kgenre.core.text import one_line

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup


def render_template(package: str, name: str, /, **values) -> "Markup":
    """A template of a package, filled; a value that it names and does not get is an error."""
    from markupsafe import Markup

    return Markup(_environment(package).get_template(name).render(**values))  # noqa: S704  the template escapes


@functools.cache
def _environment(package: str) -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader(package, "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": percent, "number": number, "one_line": lambda text: one_line(str(text))}
    return environment


def percent(share: float | None, digits: int = 1) -> str:
    """0.123 -> 12.3 %; - for None and NaN."""
    return "-" if share is None or share != share else f"{100 * share:.{digits}f} %"


def number(value: float | None, digits: int = 3) -> str:
    """0.1234 -> 0.123; - for None and NaN."""
    return "-" if value is None or value != value else f"{value:.{digits}f}"
