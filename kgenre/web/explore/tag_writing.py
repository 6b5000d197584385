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
    """What is to be written into all files of some recordings.

    ids: a file of each. several: all genres of the answer, not only the first. moods: moods, too. overwrite: also
    where a file has a genre, and it was not corrected, or moods. plan: as `preview` gave it; nothing is written where
    the same would now change other tags than were shown.
    """

    ids: list[int]
    several: bool = False
    moods: bool = False
    overwrite: bool = False
    plan: str = ""


def preview(explorer: Explorer, wanted: Wanted) -> dict:
    """What writing would change: path, field, old and new values. Touches no file.

    `files` and `recordings`: how many it would change. `skipped`: how many recordings are no longer in the library.
    """
    with explorer.lock:
        files, skipped = _files(explorer, wanted)
        planned = _plan(explorer, wanted, files)
        changes = [
            [shown(one.path), name, *("; ".join(part[name]) for part in (one.before, one.after))]
            for one in planned.changes
            for name in one.after
        ]
        plan = _digest(planned.changes)
        failures = _failures(planned.failures)
        return {
            "changes": changes, "failures": failures, "undo": _can_undo(explorer), "plan": plan, "skipped": skipped,
            **_counts(explorer, planned.changes),
        }  # fmt: skip


def write(explorer: Explorer, wanted: Wanted) -> dict:
    """Writes what is wanted, so that `undo` can take it back."""
    with explorer.lock:
        planned = _plan(explorer, wanted, _files(explorer, wanted)[0])
        if wanted.plan and wanted.plan != _digest(planned.changes):
            raise KgenreError("What would be written has changed since it was shown. Open the window again and look.")
        return _report(explorer, retag.write(explorer.library, planned.changes), planned.failures)


def undo(explorer: Explorer) -> dict:
    """Restores the tags of the last writing that was not undone yet."""
    with explorer.lock:
        return _report(explorer, retag.undo(explorer.library), {})


def _files(explorer: Explorer, wanted: Wanted) -> tuple[list[int], int]:
    """All files of the recordings that are still in the library, and the number of the other recordings."""
    held = explorer.held(wanted.ids)
    files = dict.fromkeys(one for every in held.values() for one in every)
    return list(files), len(set(wanted.ids)) - len(held)


def _counts(explorer: Explorer, changes: Sequence[retag.Change]) -> dict[str, int]:
    """How many files some changes are of, and how many recordings."""
    recordings = {tuple(explorer.recordings.files(one.track_id)) or one.track_id for one in changes}
    return {"files": len(changes), "recordings": len(recordings)}


def _digest(changes: Sequence[retag.Change]) -> str:
    """Names what would be written where."""
    return hashlib.sha256(json.dumps([asdict(change) for change in changes]).encode()).hexdigest()[:16]


def _plan(explorer: Explorer, wanted: Wanted, files: Sequence[int]) -> retag.TagReport:
    genres, unsure = _genres(explorer, wanted, files)
    unsure = {explorer.library.path_of(track): UNSURE_REASON for track in unsure}
    planned = retag.plan(explorer.library, genres, _moods(explorer, files) if wanted.moods else {})
    planned.failures = unsure | planned.failures
    changes = (one.only(name for name in one.after if _is_wanted(one, name, wanted)) for one in planned.changes)
    planned.changes = [one for one in changes if one.after]
    return planned


def _is_wanted(change: retag.Change, name: str, wanted: Wanted) -> bool:
    if name == MOOD and change.before[MOOD] and not wanted.overwrite:
        return False
    before, after = ({*map(plain, part[name])} for part in (change.before, change.after))
    return not after <= before  # Hip-Hop need not become hiphop


def _genres(explorer: Explorer, wanted: Wanted, files: Sequence[int]) -> tuple[dict[int, list[str]], list[int]]:
    """{file: its genres}, the corrected one or else the predicted ones, and the files that the model is unsure of.

    A file that has a genre tag is in neither, unless it was corrected or `overwrite` is set.
    """
    table, corrections = explorer.songs(files), explorer.library.corrections()
    (task, known, probabilities, unsure), several = explorer.genres.prediction, wanted.several
    genres, doubtful = {}, []
    for track, row in zip(files, np.searchsorted(known, files)):
        if track in corrections:
            genres[track] = [corrections[track]]
        elif table.at[track, "genre"] and not wanted.overwrite:
            continue
        elif unsure[row]:
            doubtful.append(track)
        elif several and not task.several:
            genres[track] = _likely(task, probabilities[row])
        else:
            genres[track] = split_genres(table.at[track, "predicted"])
    return genres, doubtful


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
    counts = _counts(explorer, written.changes)
    return {**counts, "tags": tags, "failures": failed, "undo": _can_undo(explorer)}


def _can_undo(explorer: Explorer) -> bool:
    return bool(retag.backups(explorer.library))


def _failures(failures: dict[str, str]) -> list[list[str]]:
    return [[shown(path), shown(reason)] for path, reason in failures.items()]
