"""Genre tags that the page writes into files: what would change, the writing, and its undoing."""

from collections.abc import Sequence

from kgenre.core.genre_names import plain
from kgenre.core.genres import split_genres
from kgenre.library import retag
from kgenre.model.unsure import UNSURE
from kgenre.web.explore.explorer import Explorer
from kgenre.web.explore.payload import shown

UNSURE_REASON = "the model is unsure of its genre. Correct the genre first."


def preview(explorer: Explorer, tracks: Sequence[int]) -> dict:
    """What writing the genres into the files would change; touches no file."""
    with explorer.lock:
        planned = _plan(explorer, tracks)
        changes = [[shown(one.path), "; ".join(one.before), "; ".join(one.after)] for one in planned.changes]
        return {"changes": changes, "failures": _failures(planned.failures), "undo": _can_undo(explorer)}


def write(explorer: Explorer, tracks: Sequence[int]) -> dict:
    """Writes the genres, so that `undo` can take them back."""
    with explorer.lock:
        planned = _plan(explorer, tracks)
        return _report(explorer, retag.write(explorer.library, planned.changes), planned.failures)


def undo(explorer: Explorer) -> dict:
    """Restores the tags of the last writing that was not undone yet."""
    with explorer.lock:
        return _report(explorer, retag.undo(explorer.library), {})


def _plan(explorer: Explorer, tracks: Sequence[int]) -> retag.TagReport:
    """The corrected genres, or else the predicted ones; none of a track that the model is unsure of."""
    table, corrections = explorer.songs(tracks), explorer.library.corrections()
    predicted = {track: split_genres(table.at[track, "predicted"]) for track in tracks}
    genres = {track: [corrections[track]] if track in corrections else predicted[track] for track in tracks}
    unsure = [track for track, found in genres.items() if found == [UNSURE] and track not in corrections]
    planned = retag.plan(explorer.library, {track: genres[track] for track in genres if track not in unsure})
    planned.failures |= {explorer.library.path_of(track): UNSURE_REASON for track in unsure}
    # Hip-Hop need not become hiphop.
    planned.changes = [one for one in planned.changes if not {*map(plain, one.after)} <= {*map(plain, one.before)}]
    return planned


def _report(explorer: Explorer, written: retag.TagReport, failures: dict[str, str]) -> dict:
    """What the page is sent of files that were written, with the genre tag that each has now."""
    explorer.reload_tracks()
    genres = explorer.table["genre"]
    tags = [[one.track_id, shown(genres.get(one.track_id, ""))] for one in written.changes]
    failed = _failures(failures | written.failures)
    return {"written": len(tags), "tags": tags, "failures": failed, "undo": _can_undo(explorer)}


def _can_undo(explorer: Explorer) -> bool:
    return bool(retag.backups(explorer.library))


def _failures(failures: dict[str, str]) -> list[list[str]]:
    return [[shown(path), shown(reason)] for path, reason in failures.items()]
