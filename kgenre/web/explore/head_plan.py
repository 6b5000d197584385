"""A retraining in two steps: what it would change, and its application; and its undoing."""

import itertools
from dataclasses import dataclass

import numpy as np

from kgenre.core.errors import KgenreError
from kgenre.library import head, retraining
from kgenre.library.search.filters import predicted_texts
from kgenre.web.explore import payload
from kgenre.web.explore.corrections import album_groups, training_labels
from kgenre.web.explore.explorer import Explorer

KEPT_HEADS = 10  # of a space: so often a retraining can be undone
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Plan:
    """A head that was fitted and is not in use yet.

    corrections: what it was fitted to. version: of the genres that `prediction` was compared with.
    """

    number: int
    head: head.Head
    prediction: head.Prediction
    corrections: dict[int, str]
    version: int


def preview(explorer: Explorer, use_tags: bool) -> dict:
    """Fits a head to the corrections: its report, and the tracks whose genre it would change. The genres stay."""
    library, space = explorer.library, explorer.space
    with explorer.lock:
        table, corrections = library.tracks(), library.corrections()
        labels = training_labels(table, corrections, space.labels, use_tags)
        copies = set(explorer.ids[~explorer.listed].tolist())
        slices = (row for row in library.all_slices(space) if row[0] not in copies)
        new, report = retraining.retrain(slices, space.task, labels, album_groups(table))
        genres, prediction = explorer.genres, head.predict(library, space, new)
        explorer.plan = Plan(next(_numbers), new, prediction, corrections, genres.version)
        changes = [
            change for change in changed_genres(genres.prediction, prediction, corrections) if change[0] not in copies
        ]
        return {"plan": explorer.plan.number, "changes": changes, **payload.retrain_report(report)}


def changed_genres(
    before: head.Prediction, after: head.Prediction, corrections: dict[int, str]
) -> list[tuple[int, str, str]]:
    """(id, genre before, genre after) of the tracks whose genre differs: corrected ones first, then by probability."""
    ids, *rows = np.intersect1d(before.ids, after.ids, return_indices=True)
    old, new = (
        np.array(predicted_texts(one.task, one.probabilities[of], one.unsure[of]), dtype=object)
        for one, of in zip((before, after), rows)
    )
    given = np.isin(ids, list(corrections))
    order = np.lexsort((ids, -after.probabilities[rows[1]].max(axis=1, initial=0), ~given))
    order = order[old[order] != new[order]]
    return list(zip(ids[order].tolist(), old[order].tolist(), new[order].tolist()))


def apply(explorer: Explorer, number: int) -> dict:
    """Puts the head of a plan in use: what the page then shows of genres.

    Raises:
        KgenreError: it is not the plan that was shown last, or corrections or head have changed since.
    """
    library, space = explorer.library, explorer.space
    with explorer.lock:
        plan, explorer.plan = explorer.plan, None
        if plan is None or plan.number != number or plan.corrections != library.corrections():
            raise KgenreError("The corrections or the genres have changed since this was shown. Retrain again.")
        is_current = plan.version == explorer.genres.version  # else tracks have been analysed again since
        prediction = plan.prediction if is_current else head.predict(library, space, plan.head)
        return explorer.use((*explorer.genres.heads, plan.head)[-KEPT_HEADS:], prediction)


def undo(explorer: Explorer) -> dict:
    """Back to the head that was in use before the last retraining, or to the model's own."""
    with explorer.lock:
        heads, explorer.plan = explorer.genres.heads[:-1], None
        prediction = head.predict(explorer.library, explorer.space, heads[-1] if heads else None)
        return explorer.use(heads, prediction)
