"""Figures of a report: drawn once by matplotlib, as a PNG beside the page and as SVG in it."""

import io
import re
from pathlib import Path

from markupsafe import Markup, escape

from kgenre.core.figures import new_figure, save_figure

__all__ = ["figure_html", "new_figure"]

# The page has these; a figure is drawn on paper, and the page inverts it where it is dark.
BLUE, RED, GREEN, GREY = "#2f6fb3", "#c0392b", "#2e7d32", "#6b7280"


def figure_html(figure, path: Path, alt: str) -> Markup:
    """Writes the PNG, and gives the same figure as an SVG element.

    Args:
        figure: of core.figures.new_figure.
        path: of the PNG.
        alt: what it shows, in one sentence.
    """
    save_figure(figure, path)
    # The element alone: no XML declaration, no DOCTYPE, no metadata.
    svg = figure_svg(figure)
    return Markup(f'<div class="plot" role="img" aria-label="{escape(alt)}">{svg}</div>')  # noqa: S704


def figure_svg(figure) -> str:
    """The <svg> element. Text stays text; ids do not depend on when it is drawn."""
    import matplotlib

    out = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "kgenre"}):
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    # The size comes from the page; the viewBox keeps the proportions.
    return re.sub(r'^<svg([^>]*?) (?:width|height)="[^"]*"([^>]*?) (?:width|height)="[^"]*"', r"<svg\1\2", text)
