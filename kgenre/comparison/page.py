"""The table of a comparison as one HTML file that needs no network, with the matrix of its pairs."""

from importlib.resources import files

from kgenre.comparison.pairs import Pair
from kgenre.comparison.table import NOTES, Comparison, head_cells, p_text, pair_cells, pairs_title, row_cells
from kgenre.core.single_page import single_page
from kgenre.core.templates import render_template

SIGNIFICANT = 0.05


def comparison_page(comparison: Comparison) -> str:
    """The whole page; names and paths of the collection are escaped."""
    body = render_template(
        "kgenre.comparison",
        "table.html",
        comparison=comparison,
        head=head_cells(comparison),
        rows=[row_cells(comparison, row) for row in comparison.rows],
        pairs_title=pairs_title(comparison, "row minus column") if comparison.pairs else "",
        matrix=pair_matrix(comparison),
        notes=NOTES,
    )
    style = (files("kgenre.comparison") / "page" / "table.css").read_text(encoding="utf-8")
    return single_page("comparison", style, "", body)


def pair_matrix(comparison: Comparison) -> list[tuple[str, list[dict | None]]]:
    """(name, cells) of each configuration that was compared: what a row has over a column, None on the diagonal."""
    pairs = {(pair.first, pair.second): pair for pair in comparison.pairs}
    names = list(dict.fromkeys(name for pair in pairs for name in pair))
    return [(name, [_cell(comparison, pairs, name, other) for other in names]) for name in names]


def _cell(comparison: Comparison, pairs: dict[tuple[str, str], Pair], name: str, other: str) -> dict | None:
    if name == other:
        return None
    pair = pairs.get((name, other)) or _reversed(pairs[other, name])
    _, _, difference, interval, *_ = pair_cells(comparison, pair)
    apart = pair.interval is not None and not pair.interval[0] <= 0 <= pair.interval[1]
    significant = apart if pair.p_holm is None else pair.p_holm < SIGNIFICANT
    return {
        "difference": difference,
        "interval": interval,
        "p": None if pair.p_holm is None else p_text(pair.p_holm),
        "class": ("better" if pair.difference > 0 else "worse") if significant else "same",
    }


def _reversed(pair: Pair) -> Pair:
    interval = pair.interval and [-pair.interval[1], -pair.interval[0]]
    test = (pair.only_second, pair.only_first, pair.p, pair.p_holm)
    return Pair(pair.second, pair.first, pair.tracks, pair.seeds, -pair.difference, interval, *test)
