"""The pictures of a collection's page, as SVG: bars of tracks by split, and the map of tracks."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from kgenre.collections.labels import strata
from kgenre.collections.splits import SPLITS
from kgenre.core.genres import split_genres
from kgenre.core.text import one_line
from kgenre.inspection.scatter import Scatter

COLOURS = 12  # genres of the map that have a colour of their own, as style.css has them; the others share one
REST = "rest"
WIDTH, MARGIN, RADIUS = 640, 14, 4.5
RATIOS = 0.5, 0.9  # of height to width, least and most
CROSS = "m-5.5-3.5 2-2 3.5 3.5 3.5-3.5 2 2-3.5 3.5 3.5 3.5-2 2-3.5-3.5-3.5 3.5-2-2 3.5-3.5z"  # around its point


@dataclass(frozen=True)
class Mark:
    """What a point of the map has beside the track's genre.

    words: a line more about it.
    crossed: whether it is a cross rather than a circle.
    tracks: the number that its page's script opens it by; None for a page that opens none.
    """

    words: str = ""
    crossed: bool = False
    tracks: int | None = None


def swatch(colour: str) -> str:
    """A square in the colour of a class of style.css."""
    return f'<svg viewBox="0 0 1 1" aria-hidden="true"><rect class="{colour}" width="1" height="1"/></svg>'


def distribution_bar(counts: Sequence[int], most: int) -> str:
    """A bar of the tracks of each of SPLITS; `most` fills the width. The numbers stand beside it, as text."""
    pieces, x = [], 0.0
    for split, count in zip(SPLITS, counts):
        width = 100 * count / max(most, 1)
        if count:
            pieces.append(f'<rect class="{split}" x="{x:.3f}" width="{width:.3f}" height="10"/>')
        x += width
    return f'<svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">{"".join(pieces)}</svg>'


def scatter_picture(scatter: Scatter, marks: Sequence[Mark] | None = None) -> str:
    """The map with its legend; what each point is, is its title, which the script shows beside it.

    Args:
        marks: of each track.
    """
    marks = marks or [Mark()] * len(scatter.rows)
    genres = strata(scatter.rows)
    counts = genres.value_counts()
    ranked = sorted(counts.index, key=lambda genre: (-counts[genre], genre))
    colour = {genre: f"c{i}" if i < COLOURS else REST for i, genre in enumerate(ranked)}
    positions, height = _in_frame(scatter.positions)
    points = [
        _point(colour[genre], x, y, row, mark)
        for genre, (x, y), row, mark in zip(genres, positions, scatter.rows.to_dict("records"), marks)
    ]
    label = f"Map of {len(points)} tracks, coloured by genre"
    return (
        f"{_legend(ranked, counts)}\n"
        f'<div id="map"><svg viewBox="0 0 {WIDTH} {height}" tabindex="0" role="img" aria-label="{label}" '
        f'aria-describedby="tip">\n' + "\n".join(points) + '\n</svg><div id="tip" role="status" hidden></div></div>'
    )


def _point(colour: str, x: float, y: float, row: dict, mark: Mark) -> str:
    shape = f'circle cx="{x:.1f}" cy="{y:.1f}" r="{RADIUS}"'
    if mark.crossed:
        shape = f'path d="M{x:.1f} {y:.1f}{CROSS}"'
    opens = ""
    if mark.tracks is not None:
        opens = f' data-tracks="{mark.tracks}" data-title="{escape(one_line(row["track_id"]))}"'
    words = "\n".join(filter(None, (_words(row), mark.words)))
    name = shape.split(" ", 1)[0]
    return f'<{shape} class="point {colour}" data-colour="{colour}"{opens}><title>{escape(words)}</title></{name}>'


def _legend(ranked: Sequence[str], counts) -> str:
    entries = [(f"c{i}", one_line(genre), int(counts[genre])) for i, genre in enumerate(ranked[:COLOURS])]
    if len(ranked) > COLOURS:
        others = ranked[COLOURS:]
        entries.append((REST, f"{len(others)} other genres", sum(int(counts[genre]) for genre in others)))
    buttons = [
        f'<li><button type="button" data-colour="{colour}" aria-pressed="false">{swatch(colour)}{escape(name)} '
        f'<span class="soft">{count}</span></button></li>'
        for colour, name, count in entries
    ]
    return f'<ul id="legend">{"".join(buttons)}</ul>'


def _in_frame(positions: np.ndarray) -> tuple[np.ndarray, int]:
    """The positions, float (tracks, 2), on WIDTH by a suitable height, and the height; both axes have one scale."""
    low, high = positions.min(axis=0), positions.max(axis=0)
    spans = np.maximum(high - low, 1e-9)
    height = round(WIDTH * np.clip(spans[1] / spans[0], *RATIOS))
    frame = np.array([WIDTH, height])
    scale = ((frame - 2 * MARGIN) / spans).min()
    return (positions - (low + high) / 2) * scale * [1, -1] + frame / 2, height


def _words(row: dict) -> str:
    """Which track it is, in lines."""
    by = " - ".join(one_line(row[name]) for name in ("artist", "album") if row[name])
    genres = ", ".join(map(one_line, split_genres(row["genres"])))
    return "\n".join(filter(None, [one_line(row["track_id"]), by, f"{genres} ({row['split']})"]))
