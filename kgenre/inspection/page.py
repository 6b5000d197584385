"""The description of a collection as one HTML file that needs no network: style, script and pictures are inside it."""

from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files

from kgenre.collections.splits import SPLITS
from kgenre.core.single_page import single_page
from kgenre.core.text import one_line
from kgenre.inspection.description import Description
from kgenre.inspection.picture import distribution_bar, scatter_picture, swatch
from kgenre.inspection.scatter import Scatter
from kgenre.inspection.text import (
    OVERLAP_COLUMNS,
    TRACK_COLUMNS,
    counts_text,
    file_facts,
    genre_cells,
    overlap_rows,
    task_text,
)

NARROW_LEAVES_OUT = ("artists", "albums", "minutes")  # on a phone


def description_page(found: Description, scatter: Scatter | None = None) -> str:
    """The whole page. What comes from the collection is escaped, and the page's policy runs its own script alone."""
    style = "".join(map(page_file, ("base.css", "style.css", "map.css")))
    script = page_file("map.js")
    sections = [
        _head(found),
        _section("Tracks by genre", _distribution(found)),
        _section("Genres of a track", _several(found)),
        _section("Tracks that sound alike", _map(scatter)),
        _section("Files", _files(found)),
        _section("Overlap of the splits", _overlap(found)),
        _section("Files that cannot be read", _unreadable(found)),
    ]
    main = "<main>\n" + "\n".join(filter(None, sections)) + "\n</main>"
    return single_page(one_line(f"{found.name}: description"), style, script, main)


def page_file(name: str) -> str:
    """A file of this page; base.css and the map are of a report, too."""
    return (files("kgenre.inspection") / "page" / name).read_text(encoding="utf-8")


def _text(value) -> str:
    return escape(one_line(str(value)))


def _head(found: Description) -> str:
    tracks = ", ".join(f"{n} {split}" for split, n in found.tracks.items())
    return (
        f"<h1>{_text(found.name)}</h1>\n"
        f"<p>{sum(found.tracks.values())} tracks ({tracks}), {len(found.genres)} genres, {task_text(found)}</p>\n"
        f'<p class="soft">protocol: {_text(found.protocol)}</p>'
    )


def _section(title: str, content: str) -> str:
    return f"<section>\n<h2>{title}</h2>\n{content}\n</section>" if content else ""


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[str] = (), wide=()) -> str:
    """A table of cells that are HTML; `numbers` are columns to the right, `wide` those that a phone leaves out."""
    classes = {
        name: f' class="{" ".join(kinds)}"'
        for name in head
        if (kinds := [kind for kind, names in (("number", numbers), ("wide", wide)) if name in names])
    }
    classes["distribution"] = ' class="bar"'
    top = "".join(f'<th scope="col"{classes.get(name, "")}>{name}</th>' for name in head)
    lines = []
    for first, *cells in rows:
        others = "".join(f"<td{classes.get(name, '')}>{cell}</td>" for name, cell in zip(head[1:], cells))
        lines.append(f'<tr><th scope="row">{first}</th>{others}</tr>')
    return f'<div class="scroll"><table>\n<thead><tr>{top}</tr></thead>\n<tbody>\n' + "\n".join(lines) + (
        "\n</tbody></table></div>"
    )  # fmt: skip


def _distribution(found: Description) -> str:
    most = int(found.genres["tracks"].max())
    head = ["genre", "distribution", *TRACK_COLUMNS[1:]]
    rows = []
    for row in found.genres.to_dict("records"):
        genre, *numbers = genre_cells(row)
        bar = distribution_bar([row[split] for split in SPLITS], most)
        rows.append([_text(genre), bar, *numbers])
    key = "".join(f'<span class="key">{swatch(split)}{split}</span>' for split in SPLITS)
    return f"<p>{key}</p>\n" + _table(head, rows, TRACK_COLUMNS[1:], NARROW_LEAVES_OUT)


def _several(found: Description) -> str:
    if not found.is_multi:
        return ""
    content = f"<p>genres a track: {counts_text(found.labels_per_track)} (tracks in parentheses)</p>"
    rows = [
        (f"{_text(row.genre)} + {_text(row.other)}", str(row.tracks), f"{row.share:.0%}")
        for row in found.together.itertuples()
    ]
    head = ("commonest together", "tracks", "of the rarer")
    return content + (f"\n{_table(head, rows, head[1:])}" if rows else "")


def _map(scatter: Scatter | None) -> str:
    if scatter is None:
        return ""
    drawn = f"{len(scatter.rows)} tracks"
    if len(scatter.rows) < scatter.n_tracks:
        drawn = f"A sample of {len(scatter.rows)} of {scatter.n_tracks} tracks"
    return (
        f"<p>{drawn} by t-SNE of {_text(scatter.description)}, coloured by genre. Near points sound alike; the "
        "distance between islands means nothing.</p>\n"
        '<p class="soft screen">Point at a track, tap it, or use the arrow keys, to see which it is; choose genres to '
        "see them alone.</p>\n" + scatter_picture(scatter)
    )


def _files(found: Description) -> str:
    if not found.formats:
        return ""
    facts = "".join(f"<dt>{name}</dt><dd>{_text(text)}</dd>" for name, text in file_facts(found).items())
    return f"<dl>{facts}</dl>"


def _overlap(found: Description) -> str:
    rows = [tuple(map(_text, row)) for row in overlap_rows(found)]
    table = _table(OVERLAP_COLUMNS, rows, OVERLAP_COLUMNS[1:]) if rows else ""
    said = [f"overlap of {split} with train: {sentence}" for split, sentence in found.sentences.items()]
    said += [f"{unit} unknown: {n} tracks" for unit, n in found.unknown.items() if n]
    return table + "".join(f"\n<p>{_text(sentence)}</p>" for sentence in said)


def _unreadable(found: Description) -> str:
    if not found.formats and not found.unreadable:
        return ""
    lines = [f"<li>{_text(path)}: {_text(cause)}</li>" for path, cause in found.unreadable.items()]
    return f'<p class="bad">{len(lines)} files</p>\n<ul>{"".join(lines)}</ul>' if lines else "<p>none</p>"
