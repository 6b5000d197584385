"""What was found of a collection, as text."""

import os
from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from kgenre.core.text import one_line
from kgenre.inspection.description import Description

MOST_LINES = 20  # of a list; the page or the CSV has all
OVERLAP_COLUMNS = ("splits", "tracks", "same file", "same artist", "same album")
TRACK_COLUMNS = ["genre", "train", "valid", "test", "tracks", "artists", "albums", "minutes"]


def description_text(found: Description) -> str:
    """The description, section by section."""
    tracks = ", ".join(f"{n} {split}" for split, n in found.tracks.items())
    parts = [
        f"{found.name}: {sum(found.tracks.values())} tracks ({tracks}), {len(found.genres)} genres, "
        f"{task_text(found)}\nprotocol: {found.protocol}",
        columns([TRACK_COLUMNS, *map(genre_cells, found.genres.to_dict("records"))]),
        several_text(found),
        files_text(found),
        overlap_text(found),
        unreadable_text(found.unreadable),
    ]
    return "\n\n".join(part for part in parts if part)


def task_text(found: Description) -> str:
    return "several genres a track" if found.is_multi else "one genre a track"


def genre_cells(row: Mapping) -> list[str]:
    """TRACK_COLUMNS of a row of `Description.genres`, as text."""
    return [_genre_cell(name, row[name]) for name in TRACK_COLUMNS]


def _genre_cell(name: str, value) -> str:
    if name == "minutes":
        return "unknown" if pd.isna(value) else f"{value:.1f}"
    return "unknown" if name in ("artists", "albums") and value == 0 else str(value)


def several_text(found: Description) -> str:
    if not found.is_multi:
        return ""
    lines = [f"genres a track: {counts_text(found.labels_per_track)}"]
    pairs = [(f"{row.genre} + {row.other}", str(row.tracks), f"{row.share:.0%}") for row in found.together.itertuples()]
    if pairs:
        lines.append(columns([("commonest together", "tracks", "of the rarer"), *pairs]))
    return "\n".join(lines)


def files_text(found: Description) -> str:
    return "\n".join(f"{name}: {text}" for name, text in file_facts(found).items())


def file_facts(found: Description) -> dict[str, str]:
    """{"length": its text, "sample rate": ...}, as far as they are known."""
    lengths, formats = found.lengths, {name: counts_text(counts) for name, counts in found.formats.items()}
    if not lengths:
        return formats
    span = ", ".join(f"{name} {lengths[name]:.1f} s" for name in ("min", "median", "max"))
    return {"length": f"{span}, total {lengths['total'] / 3600:.2f} h", **formats}


def counts_text(counts: Mapping) -> str:
    """{value: tracks} as "44100 Hz (100), 48000 Hz (3)"."""
    return ", ".join(f"{value} ({n})" for value, n in counts.items())


def overlap_text(found: Description) -> str:
    shared = overlap_rows(found)
    lines = [columns([OVERLAP_COLUMNS, *shared])] if shared else []
    lines += [f"overlap of {split} with train: {sentence}" for split, sentence in found.sentences.items()]
    lines += [f"{unit} unknown: {n} tracks" for unit, n in found.unknown.items() if n]
    return "\n".join(lines)


def overlap_rows(found: Description) -> list[tuple[str, ...]]:
    """OVERLAP_COLUMNS of each row of `Description.overlaps`, as text."""
    return [
        (row["splits"], str(row["tracks"]), *(_shared(row[unit], row["tracks"]) for unit in OVERLAP_COLUMNS[2:]))
        for row in found.overlaps.to_dict("records")
    ]


def _shared(count: float, of: int) -> str:
    return "unknown" if pd.isna(count) else f"{count:.0f} ({count / of:.1%})"


def unreadable_text(unreadable: Mapping[str, str]) -> str:
    if not unreadable:
        return "files that cannot be read: none"
    lines = [f"  {one_line(path)}: {cause}" for path, cause in unreadable.items()]
    return "\n".join([f"files that cannot be read: {len(unreadable)}", *_first(lines)])


def duplicates_text(name: str, n_tracks: int, pairs: pd.DataFrame) -> str:
    """What `find_duplicates` found, leaks first."""
    if pairs.empty:
        return f"{name}: no duplicates among {n_tracks} tracks"
    exact, leaks = int((pairs["kind"] == "exact").sum()), int(pairs["leak"].sum())
    head = (
        f"{name}: {len(pairs)} pairs of duplicates in {pairs['group'].nunique()} groups among {n_tracks} tracks; "
        f"{exact} exact, {len(pairs) - exact} near; {leaks} across two splits"
    )
    paths = [*pairs["path_a"], *pairs["path_b"]]
    folder = os.path.commonpath([os.path.dirname(path) for path in paths])
    lines = [("", "group", "kind", "match", "similarity", "split", "genre", "artist", "tracks")]
    for row in pairs.to_dict("records"):
        both = [_both(row, key) for key in ("split", "genre", "artist")]
        tracks = " = ".join(one_line(os.path.relpath(row[f"path_{side}"], folder)) for side in "ab")
        similarity = "" if pd.isna(row["similarity"]) else f"{row['similarity']:.3f}"
        leak = "LEAK" if row["leak"] else ""
        lines.append((leak, str(row["group"]), row["kind"], f"{row['match']:.3f}", similarity, *both, tracks))
    return "\n".join([head, *_first(columns(lines).split("\n"), MOST_LINES + 1)])


def _both(row: Mapping, name: str) -> str:
    a, b = (row[f"{name}_{side}"] or "?" for side in "ab")
    return a if a == b else f"{a} / {b}"


def _first(lines: list[str], n: int = MOST_LINES) -> list[str]:
    return lines if len(lines) <= n else [*lines[:n], f"  and {len(lines) - n} more"]


def columns(rows: Iterable[Sequence[str]]) -> str:
    """Rows of cells in columns; numbers to the right."""
    rows = [list(map(str, row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows)]
    right = [all(cell[:1].isdigit() or cell in ("", "unknown") for cell in column[1:]) for column in zip(*rows)]
    pad = [str.rjust if is_right else str.ljust for is_right in right]
    return "\n".join("  ".join(fill(*cell) for fill, *cell in zip(pad, row, widths)).rstrip() for row in rows)
