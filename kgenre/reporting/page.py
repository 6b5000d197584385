"""A report as one HTML page."""

import json
from collections.abc import Mapping
from importlib.resources import files

import numpy as np
from markupsafe import Markup

from kgenre.core.genres import split_genres
from kgenre.core.single_page import single_page
from kgenre.core.text import one_line
from kgenre.inspection import page as inspection
from kgenre.reporting.excerpts import deciding_start
from kgenre.reporting.subject import Subject
from kgenre.reporting.templates import render

# Sounds are in the page, as data; style attributes are those of the figures, which matplotlib writes.
POLICY = "media-src data:; img-src data:; style-src-attr 'unsafe-inline'"
TOP, DIGITS = 3, 5  # of the page's list of tracks: most probable genres of each, and digits of their probabilities


def report_page(
    subject: Subject, contents: Mapping[str, Markup], left_out: Mapping[str, str], excerpts: Mapping[int, str]
) -> str:
    """The whole page.

    Args:
        contents: {title: HTML} of the sections, in their order.
        left_out: {title: reason} of those that this report does not have.
        excerpts: {number of a track: data: URL of its sound}.
    """
    body = render(
        "report.html",
        subject=subject,
        metrics=subject.metrics,
        contents=contents,
        left_out=left_out,
        data=Markup(script_json({"labels": subject.labels, "tracks": page_tracks(subject, excerpts)})),  # noqa: S704
    )
    style = inspection.page_file("base.css") + page_file("report.css") + inspection.page_file("map.css")
    script = page_file("theme.js") + page_file("report.js") + inspection.page_file("map.js")
    return single_page(one_line(f"{subject.name}: report"), style, script, body, POLICY)


def page_file(name: str) -> str:
    return (files("kgenre.reporting") / "page" / name).read_text(encoding="utf-8")


def page_tracks(subject: Subject, excerpts: Mapping[int, str]) -> list[dict]:
    """What the page's list of tracks shows of each, by its number: name, genres, predicted ones, the most probable."""
    chosen = subject.task.chosen(subject.probabilities)
    best = np.argsort(-subject.probabilities, axis=1, kind="stable")[:, :TOP].tolist()
    return [
        {
            "name": one_line(row.track_id),
            "artist": one_line(row.artist),
            "genres": [one_line(genre) for genre in split_genres(row.genres)],
            "predicted": np.flatnonzero(chosen[i]).tolist(),
            "top": [[label, round(float(subject.probabilities[i, label]), DIGITS)] for label in best[i]],
            **({"sound": excerpts[i], "from": int(deciding_start(subject, i))} if i in excerpts else {}),
        }
        for i, row in enumerate(subject.rows.itertuples())
    ]


def script_json(value) -> str:
    """JSON that may stand in a <script> element: no "</script>" or "<!--" can occur in it."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":")).replace("<", "\\u003c")
