"""The templates of the reports, in page/."""

import functools

from kgenre.core.templates import number, percent, render_template

__all__ = ["number", "percent", "render"]

render = functools.partial(render_template, "kgenre.reporting")
