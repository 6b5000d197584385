"""Which genres are taken for which, both ways, as bars that open their tracks."""

import numpy as np
import pandas as pd
from markupsafe import Markup

from kgenre.core.figures import new_figure, save_figure
from kgenre.core.text import one_line
from kgenre.evaluation.errors import WAYS, mistaken_for
from kgenre.reporting.figures import BLUE, RED
from kgenre.reporting.section import LeftOut, Output
from kgenre.reporting.subject import Subject
from kgenre.reporting.templates import render

SHOWN = 3  # other genres of a genre and way
MAX_PNG_GENRES = 40  # with the most mistakes


def make(subject: Subject, output: Output) -> Markup:
    table = mistaken_for(subject.predictions)
    output.table("mistaken_for", table)
    if table.empty:
        raise LeftOut(f"no mistakes among {len(subject.rows)} tracks")
    most = table.groupby("genre")["tracks"].sum().nlargest(MAX_PNG_GENRES).index
    save_figure(bars(table[table["genre"].isin(most)]), output.folder / "mistaken_for.png")
    genres = {}
    for genre, rows in table.groupby("genre", sort=False):
        ways = {way: [_bar(subject, *row) for row in rows[rows["way"] == way].itertuples(index=False)] for way in WAYS}
        genres[genre] = ways
    return render("mistaken_for.html", genres=genres, shown=SHOWN, several=subject.task.several)


def mistaken_tracks(subject: Subject, genre: str, predicted: str) -> list[int]:
    """Numbers of the mistakes of one genre whose main predicted genre is another."""
    of, as_ = subject.labels.index(genre), subject.labels.index(predicted)
    return np.flatnonzero(~subject.right & (subject.shares[:, of] > 0) & (subject.main == as_)).tolist()


def _bar(subject: Subject, genre: str, way: str, other: str, tracks: int, share: float) -> dict:
    of, as_ = (genre, other) if way == WAYS[0] else (other, genre)
    title = f"{of}, predicted {as_}"
    return {"other": other, "share": share, "numbers": mistaken_tracks(subject, of, as_), "title": title}


def bars(table: pd.DataFrame):
    """A figure of both ways side by side, SHOWN other genres of each genre."""
    parts = [table[table["way"] == way].groupby("genre", sort=False).head(SHOWN) for way in WAYS]
    figure, both = new_figure(9, 1.0 + 0.21 * max(map(len, parts)), columns=2)
    words = (("{} as {}", "share of the genre's tracks", BLUE), ("{} for {}", "share of the genre's predictions", RED))
    for axes, part, (text, label, colour) in zip(both, parts, words):
        names = [text.format(one_line(row.genre), one_line(row.other)) for row in part.itertuples()]
        axes.barh(np.arange(len(part))[::-1], part["share"], color=colour)
        axes.set_yticks(np.arange(len(part))[::-1], names, parse_math=False)
        axes.set_xlim(0, max(0.1, table["share"].max()) * 1.05)
        axes.xaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
        axes.set_xlabel(label)
        axes.spines[["top", "right"]].set_visible(False)
    return figure
