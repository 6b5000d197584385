"""Genres and moods that the page writes into the tags of files: what would change, the writing, and its undoing."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
from pydantic import BaseModel

from kgenre.core.errors import KgenreError
from kgenre.core.genre_names import plain
from kgenre.core.genres import split_genres
from kgenre.library import retag
from kgenre.library.moods import moods
from kgenre.library.tag_fields import MOOD
from kgenre.model.tasks import Task
from kgenre.web.explore.explorer import Explorer
from kgenre.web.explore.payload import shown

# Probability of a further genre that is written, of a model that gives one genre a track: its genres share 1.
MIN_FURTHER_GENRE = 0.2
UNSURE_REASON = "the model is unsure of its genre. Correct the genre first."


class Wanted(BaseModel):
    """What is to be written.

    ids: tracks whose genre is. several: all genres of the answer, not only the first. mood_ids: tracks whose moods
    are, where the file has none. overwrite_moods: also where it has. plan: as `preview` gave it; nothing is written
    where the same would now change other tags than were shown.
    """

    ids: list[int]
    several: bool = False
    mood_ids: list[int] = []
    overwrite_moods: bool = False
    plan: str = ""


def preview(explorer: Explorer, wanted: Wanted) -> dict:
    """What writing would change: path, field, old and new values. Touches no file.

    `skipped`: number of the tracks that are no longer in the library.
    """
    with explorer.lock:
        wanted, skipped = _held(explorer, wanted)
        planned = _plan(explorer, wanted)
        changes = [
            [shown(one.path), name, *("; ".join(part[name]) for part in (one.before, one.after))]
            for one in planned.changes
            for name in one.after
        ]
        plan = _digest(planned.changes)
        failures = _failures(planned.failures)
        return {
            "changes": changes, "failures": failures, "undo": _can_undo(explorer), "plan": plan, "skipped": skipped,
        }  # fmt: skip


def write(explorer: Explorer, wanted: Wanted) -> dict:
    """Writes what is wanted, so that `undo` can take it back."""
    with explorer.lock:
        wanted, _ = _held(explorer, wanted)
        planned = _plan(explorer, wanted)
        if wanted.plan and wanted.plan != _digest(planned.changes):
            raise KgenreError("What would be written has changed since it was shown. Open the window again and look.")
        return _report(explorer, retag.write(explorer.library, planned.changes), planned.failures)


def undo(explorer: Explorer) -> dict:
    """Restores the tags of the last writing that was not undone yet."""
    with explorer.lock:
        return _report(explorer, retag.undo(explorer.library), {})


def _held(explorer: Explorer, wanted: Wanted) -> tuple[Wanted, int]:
    """What is wanted of the tracks that are still in the library, and the number of the others."""
    asked = list(dict.fromkeys([*wanted.ids, *wanted.mood_ids]))
    held = set(explorer.held(asked))
    parts = {name: [track for track in getattr(wanted, name) if track in held] for name in ("ids", "mood_ids")}
    return wanted.model_copy(update=parts), len(asked) - len(held)


def _digest(changes: Sequence[retag.Change]) -> str:
    """Names what would be written where."""
    return hashlib.sha256(json.dumps([asdict(change) for change in changes]).encode()).hexdigest()[:16]


def _plan(explorer: Explorer, wanted: Wanted) -> retag.TagReport:
    genres = _genres(explorer, wanted)
    unsure = {explorer.library.path_of(track): UNSURE_REASON for track in wanted.ids if track not in genres}
    planned = retag.plan(explorer.library, genres, _moods(explorer, wanted.mood_ids))
    planned.failures = unsure | planned.failures
    changes = (one.only(name for name in one.after if _is_wanted(one, name, wanted)) for one in planned.changes)
    planned.changes = [one for one in changes if one.after]
    return planned


def _is_wanted(change: retag.Change, name: str, wanted: Wanted) -> bool:
    if name == MOOD and change.before[MOOD] and not wanted.overwrite_moods:
        return False
    before, after = ({*map(plain, part[name])} for part in (change.before, change.after))
    return not after <= before  # Hip-Hop need not become hiphop


def _genres(explorer: Explorer, wanted: Wanted) -> dict[int, list[str]]:
    """The corrected genre, or else the predicted ones; a track that the model is unsure of is left out."""
    table, corrections = explorer.songs(wanted.ids), explorer.library.corrections()
    (task, known, probabilities, unsure), several = explorer.genres.prediction, wanted.several
    genres = {}
    for track, row in zip(wanted.ids, np.searchsorted(known, wanted.ids)):
        if track in corrections:
            genres[track] = [corrections[track]]
        elif unsure[row]:
            continue
        elif several and not task.several:
            genres[track] = _likely(task, probabilities[row])
        else:
            genres[track] = split_genres(table.at[track, "predicted"])
    return genres


def _likely(task: Task, probabilities: np.ndarray) -> list[str]:
    """The genre of a single-label answer, and further ones that are nearly as probable."""
    order = np.argsort(-probabilities, kind="stable")
    return [task.labels[i] for k, i in enumerate(order) if k == 0 or probabilities[i] >= MIN_FURTHER_GENRE]


def _moods(explorer: Explorer, tracks: Sequence[int]) -> dict[int, list[str]]:
    """{track: its moods} of the tracks that have some."""
    if not tracks or not explorer.space.tags:
        return {}
    for track in tracks:
        explorer.row(track)
    ids, probabilities = explorer.library.tags(explorer.space, list(tracks))
    found = {int(track): moods(explorer.space.tags, own) for track, own in zip(ids, probabilities)}
    return {track: names for track, names in found.items() if names}


def _report(explorer: Explorer, written: retag.TagReport, failures: dict[str, str]) -> dict:
    """What the page is sent of files that were written, with the genre tag that each has now."""
    explorer.reload_tracks()
    genres = explorer.library.tracks([one.track_id for one in written.changes])["genre"]
    tags = [[one.track_id, shown(genres.get(one.track_id, ""))] for one in written.changes]
    failed = _failures(failures | written.failures)
    return {"written": len(tags), "tags": tags, "failures": failed, "undo": _can_undo(explorer)}


def _can_undo(explorer: Explorer) -> bool:
    return bool(retag.backups(explorer.library))


def _failures(failures: dict[str, str]) -> list[list[str]]:
    return [[shown(path), shown(reason)] for path, reason in failures.items()]
