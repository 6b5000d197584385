"""The evaluated tracks laid out by their embeddings, mistakes as crosses; a point opens its track."""

import numpy as np
import pandas as pd
from markupsafe import Markup

from kgenre.collections.labels import strata
from kgenre.core.figures import new_figure, save_figure
from kgenre.core.text import one_line
from kgenre.embeddings.layout import MIN_TRACKS, STEPS, layout
from kgenre.inspection.picture import COLOURS, Mark, scatter_picture
from kgenre.inspection.scatter import SAMPLE, Scatter
from kgenre.reporting.section import LeftOut, Output
from kgenre.reporting.subject import Subject
from kgenre.reporting.templates import render


def make(subject: Subject, output: Output) -> Markup:
    numbers = _sample(subject, output.options.seed)
    rows = subject.rows.iloc[numbers].reset_index(drop=True)
    vectors = np.stack([subject.tracks[path].embedding for path in rows["path"]])
    with output.progress.task("t-SNE", STEPS, "steps") as advance:
        positions = layout(vectors, output.options.seed, advance=advance)
    predicted, right = np.array(subject.labels, object)[subject.main[numbers]], subject.right[numbers]
    table = rows[["path", "track_id", "genre"]].assign(predicted=predicted, mistake=(~right).astype(int))
    output.table("embeddings", table.assign(x=positions[:, 0], y=positions[:, 1]))
    save_figure(_drawn(strata(rows), positions, right), output.folder / "embeddings.png")
    marks = [
        Mark(f"predicted {one_line(genre)}", not hit, number) for genre, hit, number in zip(predicted, right, numbers)
    ]
    scatter = Scatter(rows, positions, "embeddings", len(subject.with_slices))
    picture = Markup(scatter_picture(scatter, marks))  # noqa: S704  it escapes what comes from the collection
    return render("embeddings.html", picture=picture, drawn=len(rows), tracks=len(subject.with_slices))


def _sample(subject: Subject, seed: int) -> list[int]:
    """Numbers of at most SAMPLE of the tracks that have embeddings."""
    known = subject.with_slices
    if len(known) < MIN_TRACKS:
        what = f"only {len(known)} tracks" if known else "the tracks were answered without embeddings"
        raise LeftOut(what)
    if len(known) <= SAMPLE:
        return known
    return sorted(np.random.default_rng(seed).choice(known, SAMPLE, replace=False).tolist())


def _drawn(genres: pd.Series, positions: np.ndarray, right: np.ndarray):
    """The same as a figure on paper; rarer genres than COLOURS share grey."""
    figure, axes = new_figure(7, 5)
    ranked = genres.value_counts().index
    groups = [(genre, genres.to_numpy() == genre) for genre in ranked[:COLOURS]]
    if len(ranked) > COLOURS:
        groups.append((f"{len(ranked) - COLOURS} others", ~genres.isin(ranked[:COLOURS]).to_numpy()))
    for i, (genre, own) in enumerate(groups):
        colour = PAPER[i] if i < COLOURS else "#9aa1a8"
        axes.scatter(*positions[own & right].T, s=18, color=colour, label=one_line(genre))
        axes.scatter(*positions[own & ~right].T, s=34, color=colour, marker="X", edgecolor="black", linewidth=0.4)
    axes.scatter([], [], s=34, color="white", marker="X", edgecolor="black", linewidth=0.8, label="mistake")
    axes.set(xticks=[], yticks=[])
    axes.set_aspect("equal", "datalim")
    legend = axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=9, frameon=False)
    for text in legend.get_texts():
        text.set_parse_math(False)
    return figure


# The colours of inspection/page/map.css on light ground.
PAPER = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#17a2b8",
         "#e377c2", "#8c564b", "#9a9a1f", "#3b3fa8", "#0f766e", "#a3195b")  # fmt: skip
