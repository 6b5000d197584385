"""Tracks that are likely to be mislabelled; their names open them."""

import numpy as np
from markupsafe import Markup

from kgenre.core.genres import split_genres
from kgenre.evaluation.mislabelled import NEIGHBOURS, mislabelled_tracks
from kgenre.reporting.section import LeftOut, Output
from kgenre.reporting.subject import Subject
from kgenre.reporting.templates import render

SHOWN = 20
MIN_TRACKS = 30  # of fewer the NEIGHBOURS nearest are most of them


def make(subject: Subject, output: Output) -> Markup:
    if len(subject.rows) < MIN_TRACKS:
        raise LeftOut(f"needs {MIN_TRACKS} tracks; there are {len(subject.rows)}")
    embeddings = None
    if len(subject.with_slices) == len(subject.rows):
        embeddings = np.stack([subject.tracks[path].embedding for path in subject.rows["path"]])
    table = mislabelled_tracks(subject.rows, subject.probabilities, subject.task, embeddings)
    output.table("mislabelled", table)
    doubtful = table[table["suggested"] != ""]
    if doubtful.empty:
        raise LeftOut("every track is answered with its own label")
    rows = [
        (
            int(number),
            row.track_id,
            ", ".join(split_genres(row.genre)),
            ", ".join(split_genres(row.suggested)),
            row.score,
        )
        for number, row in zip(doubtful.index, doubtful.head(SHOWN).itertuples(index=False))
    ]
    seen = subject.metrics["split"] in ("train", "all") or bool(subject.metrics["leaky"])
    return render(
        "mislabelled.html",
        rows=rows,
        seen=seen,
        neighbours=0 if embeddings is None else NEIGHBOURS,
        doubtful=len(doubtful),
    )
