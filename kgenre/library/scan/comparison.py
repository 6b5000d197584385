"""The comparison of a folder with what a library knows of it: what is new, changed, moved, gone or there again."""

import os
from collections.abc import Iterable
from pathlib import Path

from kgenre.audio.walk import Found
from kgenre.core.errors import KgenreError
from kgenre.core.text import count
from kgenre.library.records import KnownFile, Space
from kgenre.library.scan.report import Report
from kgenre.library.scan_tables import below
from kgenre.library.store import Library


def drop_unchanged(
    found: Found, files: Iterable[tuple[bytes, KnownFile]], retry: bool, first: bool, report: Report
) -> dict[bytes, KnownFile]:
    """What is known, but for the files that are as they were and need nothing: these are counted, and taken from
    `found` too. They may be a million, which are then held once."""
    known = {}
    for path, held in files:
        same = found.files.get(path) == (held.size, held.mtime_ns) and held.state != "removed"
        if same and not _is_wanted(held, retry, first):
            del found.files[path]
            report.counts["unchanged"] += 1
        else:
            known[path] = held
    return known


def _is_wanted(held: KnownFile, retry: bool, first: bool) -> bool:
    """Whether a file that has not changed is to be analysed, in a first pass or in one that completes."""
    if held.analysed and (first or not held.provisional):
        return False
    return retry or not held.analysis_failed and held.audio_hash is not None


def find_gone(
    place: Path, root: bytes, found: Found, known: dict[bytes, KnownFile], unchanged: int
) -> dict[bytes, KnownFile]:
    """What was known in the folder, by the library at `place`, and is not there now, or only as a link to nothing.

    Args:
        known, unchanged: what `drop_unchanged` left, and how many it dropped.
    """
    within = below(root)
    gone = {path: held for path, held in known.items() if path.startswith(within) and found.is_gone(path)}
    gone |= {path: known[path] for path in found.faults if path in known and known[path].audio_hash is not None}
    n_lost = sum(held.state == "ok" for held in gone.values())
    if n_lost and not unchanged and not found.files and not found.closed:
        raise KgenreError(
            f"{os.fsdecode(root)}: holds no audio, and had {count(n_lost, 'track')} before. Is its drive there? "
            f"If the music is gone for good, delete {place}."
        )
    return gone


def find_lost(
    root: bytes, found: Found, known: dict[bytes, KnownFile], gone: dict[bytes, KnownFile]
) -> list[KnownFile]:
    """What a file that turns up may have been: gone from here, now or before; or known from a folder that is gone
    or has another name now."""
    within = below(root)
    before = [held for path, held in known.items() if held.state == "removed" and path not in found.files]
    elsewhere = [held for path, held in known.items() if held.state == "ok" and not path.startswith(within)
                 and not os.path.lexists(path)]  # fmt: skip
    now = [held for held in gone.values() if held.state != "removed"]
    return [*now, *before, *elsewhere]


def paths_to_analyse(
    found: Found, known: dict[bytes, KnownFile], retry: bool, first: bool, report: Report
) -> list[bytes]:
    """The paths to analyse, in a first pass or in one that completes; the others are counted, as there again."""
    todo = []
    for path, signature in found.files.items():
        held = known.get(path)
        if held is None or (held.size, held.mtime_ns) != signature or _is_wanted(held, retry, first):
            todo.append(path)
        else:
            report.counts["returned"] += 1
    return todo


def save_changes(library: Library, root: bytes, found: Found, known: dict, gone: dict, report: Report) -> None:
    """Saves what is gone, what is there again and what is not a file."""
    removed = [held.id for held in gone.values() if held.state != "removed"]
    back = [path for path in found.files if path in known and known[path].state == "removed"]
    back = [known[path].id for path in back if (known[path].size, known[path].mtime_ns) == found.files[path]]
    report.counts["removed"] += len(removed)
    # Failures are of no use where their file is gone, wherever that was.
    removed += [held.id for path, held in known.items() if held.state == "failed" and path not in gone
                and path not in found.files and path not in found.faults and not os.path.lexists(path)]  # fmt: skip
    with library.writing():
        library.add_root(root)
        library.mark_returned(back)
        library.mark_removed(removed)
        for path, reason in found.faults.items():
            report.failures[os.fsdecode(path)] = reason
            if path not in gone:  # else it is removed until it is there again, and what is known of it stays
                library.save_failure(path, 0, -1, reason)


def drop_roots(library: Library, space: Space) -> None:
    """Forgets folders that are gone, all of whose tracks are known elsewhere: they have another name now."""
    gone = [place for place in map(os.fsencode, library.roots()) if not os.path.isdir(place)]
    used = [path for path, held in library.known_files(space) if held.state == "ok"] if gone else []
    for place in gone:
        if not any(path.startswith(below(place)) for path in used):
            library.drop_root(place)
