"""What is not among the tracks of a collection, and why: a few lines to read, and the whole as a table."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from kgenre.core.files import write_text
from kgenre.core.text import one_line

MAX_CAUSES = 5  # lines that are printed
MAX_EXAMPLES = 2


def causes(left_out: Mapping[str, str]) -> pd.DataFrame:
    """A row for each cause, the most frequent first: cause, count, and examples joined by ", ".

    Args:
        left_out: {path or track id: cause}.
    """
    by_cause: dict[str, list[str]] = {}
    for name, cause in left_out.items():
        by_cause.setdefault(cause.rstrip("."), []).append(name)
    rows = [
        (cause, len(names), ", ".join(map(one_line, names[:MAX_EXAMPLES])))
        for cause, names in sorted(by_cause.items(), key=lambda row: (-len(row[1]), row[0]))
    ]
    return pd.DataFrame(rows, columns=["cause", "count", "examples"])


def left_out_lines(name: str, left_out: Mapping[str, str]) -> list[str]:
    """At most MAX_CAUSES lines and one more, for people; none where nothing was left out.

    Args:
        name: of the collection.
    """
    table = causes(left_out)
    lines = [
        f"{name}: left out: {row.count} {row.cause}: {row.examples}{', ...' if row.count > MAX_EXAMPLES else ''}"
        for row in table[:MAX_CAUSES].itertuples(index=False, name="Row")
    ]
    rest = table[MAX_CAUSES:]
    return [*lines, f"{name}: left out: {rest['count'].sum()} for {len(rest)} other causes"] if len(rest) else lines


def write_left_out(path, left_out: Mapping[str, str]) -> None:
    """Writes a CSV table of name and cause, and the folder for it; no file where nothing was left out."""
    if left_out:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        rows = [(name, cause.rstrip(".")) for name, cause in left_out.items()]
        write_text(path, pd.DataFrame(rows, columns=["name", "cause"]).to_csv(index=False))
