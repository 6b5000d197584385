"""The stored map of a library, updated: new tracks are placed, and no track that was on it moves."""

import logging

import numpy as np

from kgenre.core.progress import SILENT, Progress
from kgenre.core.text import count
from kgenre.embeddings.layout import STEPS, layout
from kgenre.library.map import METHODS
from kgenre.library.map.placement import align, place_new_tracks
from kgenre.library.map.quality import MapQuality, map_quality
from kgenre.library.recordings import Recordings
from kgenre.library.records import Space
from kgenre.library.store import Library

log = logging.getLogger(__name__)


def update_map(
    library: Library,
    space: Space,
    method: str | None = None,
    remap: bool = False,
    workers: int = 2,
    progress: Progress = SILENT,
    refined: bool = False,
) -> MapQuality:
    """Gives every recording of a space a position on its map, which is that of all its files.

    Those that were on the map stay where they are, unless most are new, the method changes or `remap` is set.

    Args:
        library, space: whose map.
        method: a name in METHODS; None keeps the map's method, which is METHODS[0] for a new map.
        remap: lay out all tracks again, and rotate the new map to lie on the old one.
        workers: threads.
        progress: is shown the steps of laying out all tracks.
        refined: vectors have changed since the last update; no track moves for that, but the quality is measured again.

    Returns:
        MapQuality of the map.
    """
    stored = library.meta(_meta_name(space)) or {}
    method = method or stored.get("method", METHODS[0])
    ids = library.ids(space)
    ids = ids[Recordings(library, ids).one_of_each()]
    old_ids, old = library.positions(space)
    on_map = np.isin(old_ids, ids)
    old_ids, old = old_ids[on_map], old[on_map]
    kept = np.searchsorted(ids, old_ids)
    new = np.setdiff1d(np.arange(len(ids)), kept)
    all_again = remap or method != stored.get("method") or len(new) > len(kept)
    if not len(ids) or (not len(new) and not all_again and not refined and "quality" in stored):
        return _stored_quality(stored)
    vectors = library.vectors_of(space, ids)
    if all_again:
        positions, changed = _lay_out(vectors, old, kept, method, workers, progress), np.arange(len(ids))
    else:
        positions, changed = _add(vectors, old, kept, new, method), new
    quality = map_quality(vectors, positions)
    metrics = {name: None if np.isnan(value) else value for name, value in vars(quality).items()}  # JSON has no NaN
    with library.writing():
        library.set_positions(space, ids[changed], positions[changed])
        library.set_meta(_meta_name(space), {"method": method, "quality": metrics})
    return quality


def _lay_out(vectors, old, kept, method: str, workers: int, progress: Progress) -> np.ndarray:
    aligned = ", aligned with the old map" if len(kept) else ""
    log.info("laying out the map of %s%s", count(len(vectors), "recording"), aligned)
    with progress.task("laying out the map", STEPS, "steps") as advance:
        return align(layout(vectors, 0, method, workers, advance), old, kept)


def _add(vectors, old, kept, new, method: str) -> np.ndarray:
    positions = np.empty((len(vectors), 2), "float32")
    positions[kept] = old
    if len(new):
        log.info("placing %s; the other %d keep their positions", count(len(new), "new recording"), len(kept))
        positions[new] = place_new_tracks(vectors[new], vectors[kept], old, method)
    return positions


def _stored_quality(stored: dict) -> MapQuality:
    metrics = stored.get("quality", {"trustworthiness": None, "preservation": None})
    return MapQuality(**{name: np.nan if value is None else value for name, value in metrics.items()})


def _meta_name(space: Space) -> str:
    return f"map of space {space.id}"
