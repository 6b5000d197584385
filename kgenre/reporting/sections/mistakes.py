"""The most confident mistakes, as a table of each genre's probability; a row opens its track."""

from markupsafe import Markup

from kgenre.evaluation.errors import mistakes_table
from kgenre.reporting.section import LeftOut, Output
from kgenre.reporting.subject import Subject
from kgenre.reporting.templates import render

SHOWN = 20


def make(subject: Subject, output: Output) -> Markup:
    table = mistakes_table(subject.predictions)
    output.table("mistakes", table)
    if table.empty:
        raise LeftOut(f"none among {len(subject.rows)} tracks")
    n = len(subject.labels)
    rows = [
        (int(number), track_id, list(zip(subject.labels, cells[:n])), *cells[n:])
        for number, track_id, *cells in table.head(SHOWN).itertuples(name=None)
    ]
    return render("mistakes.html", rows=rows, subject=subject, mistakes=len(table), tracks=len(subject.rows))
