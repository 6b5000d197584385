"""The templates of the pages: jinja2's, in page/, which escapes whatever comes from a collection."""

import functools

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from kgenre.core.text import one_line


def render(name: str, /, **values) -> Markup:
    """A template of page/, filled."""
    return Markup(_environment().get_template(name).render(**values))  # noqa: S704  the template escapes


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("kgenre.reporting", "page"),
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
    return "-" if value is None or value != value else f"{value:.{digits}f}"
