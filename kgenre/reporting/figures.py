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
    element = figure_element(figure, path.stem, alt)
    save_figure(figure, path)
    return element


def figure_element(figure, name: str, alt: str) -> Markup:
    """The figure as an SVG element alone, for a page that leaves no files.

    Args:
        name: as of figure_svg. alt: as of figure_html.
    """
    _keep_dollars(figure)
    svg = figure_svg(figure, name)
    return Markup(f'<div class="plot" role="img" aria-label="{escape(alt)}">{svg}</div>')  # noqa: S704


def figure_svg(figure, name: str) -> str:
    """The <svg> element alone: no XML declaration, no DOCTYPE, no metadata. Text stays text.

    Args:
        name: of the figure, unlike that of others in the page: ids begin with it.
    """
    import matplotlib

    out = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "kgenre"}):
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    text = text[text.index("<svg") :]
    # The page's policy refuses a style element; what it says stands in report.css.
    text = re.sub(r"<metadata>.*?</metadata>|<style[^>]*>.*?</style>", "", text, flags=re.DOTALL)
    # The size comes from the page; the viewBox keeps the proportions.
    text = re.sub(r'^<svg([^>]*?) (?:width|height)="[^"]*"([^>]*?) (?:width|height)="[^"]*"', r"<svg\1\2", text)
    return _with_own_ids(text, name)


def _with_own_ids(svg: str, name: str) -> str:
    """Ids that nothing refers to are left out; the others are of this figure, for a page has several."""
    used = set(re.findall(r'(?:url\(#|href="#)([\w-]+)', svg))
    svg = re.sub(r' id="([^"<>]*)"', lambda found: f' id="{name}-{found[1]}"' if found[1] in used else "", svg)
    return re.sub(r'(url\(#|href="#)(?=[\w-])', rf"\1{name}-", svg)


def _keep_dollars(figure) -> None:
    """Names of genres are not set as mathematics; the numbers of logarithmic axes are."""
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        if "mathdefault" not in text.get_text():
            text.set_parse_math(False)
