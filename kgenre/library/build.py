"""A library brought up to date with a folder: scan, map, quality of the map."""

import os
from pathlib import Path
from typing import NamedTuple

from kgenre.audio.policy import PROGRESSIVE_POLICY, ReadPolicy
from kgenre.audio.walk import walk
from kgenre.core.errors import KgenreError
from kgenre.core.progress import SILENT, Progress
from kgenre.embeddings.layout import umap_class
from kgenre.library.location import default_library_path
from kgenre.library.map.quality import MapQuality
from kgenre.library.map.update import update_map
from kgenre.library.scan.report import Report
from kgenre.library.scan.scan import scan
from kgenre.library.store import Library


class LibraryUpdate(NamedTuple):
    """The result of an update.

    scan: counts and failures of the scan, and the `space` that was updated. quality: of the map.
    """

    scan: Report
    quality: MapQuality


def open_library(folder, path=None) -> Library:
    """The library of a folder of music, created if it does not exist.

    Args:
        folder: of music.
        path: the library's file; None for the default in the folder.

    Raises:
        KgenreError: no such folder, no library and no audio in it, or the library cannot be opened.
    """
    folder = Path(folder)
    if not folder.is_dir():
        reason = "is a file" if folder.exists() else "no such folder"
        raise KgenreError(f"{folder}: {reason}. Name a folder of music.")
    path = Path(path or default_library_path(folder))
    if not path.exists() and not walk(os.fsencode(os.path.realpath(folder))).some:
        raise KgenreError(f"{folder}: holds no audio files. Name a folder of music.")
    return Library(path)


def last_policy(library: Library, model) -> ReadPolicy:
    """How this model's last scan read tracks; in two passes for a model that is new to the library."""
    spaces = (space for space in library.spaces() if space.identity == model.identity)
    return next((space.policy for space in spaces), PROGRESSIVE_POLICY)


def update_library(
    library: Library,
    folder,
    model,
    policy: ReadPolicy = PROGRESSIVE_POLICY,
    workers: int | None = None,
    retry: bool = False,
    method: str | None = None,
    remap: bool = False,
    progress: Progress = SILENT,
    only_first: bool = False,
) -> LibraryUpdate:
    """Scans a folder and updates the map.

    Args:
        library: where the results are stored.
        folder: of music.
        model: serving.Model with labels.
        policy: how tracks are read.
        workers: reading processes and threads; None for one a core.
        retry: try files again that failed and are unchanged.
        method: of the map, a name in map.METHODS; None keeps the map's method.
        remap: lay out all tracks again.
        progress: is shown the tracks and the steps of the layout.
        only_first: leave out what comes after the first pass, if `policy` has one: a Refinement does it.

    Raises:
        KgenreError: the model has no labels, umap-learn is needed and not installed, or the scan fails as a whole.
    """
    if not model.task.labels:
        raise KgenreError(f"A library needs a model with genres. Received: {model.name}. Name another --model.")
    if method == "umap":
        umap_class()  # is checked before the scan, which may take hours
    first = policy.first_slices is not None
    report = scan(library, folder, model, policy, workers, retry=retry, progress=progress, first=first)
    if first and not only_first and (report.done or library.provisional_tracks(report.space, folder)):
        report = report.followed_by(scan(library, folder, model, policy, workers, progress=progress))
    refined, workers = report.counts["refined"] > 0, workers or os.cpu_count() or 1
    quality = update_map(library, report.space, method, remap, workers, progress, refined)
    return LibraryUpdate(report, quality)
