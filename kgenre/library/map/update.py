"""The stored map kept up to date: new tracks are placed, and nothing that was on it moves."""

import logging
from collections.abc import Callable

import numpy as np

from kgenre.library.map import layout as mapping
from kgenre.library.map.layout import Quality
from kgenre.library.records import Space
from kgenre.library.store import Library

log = logging.getLogger(__name__)


def update_map(
    library: Library,
    space: Space,
    method: str | None = None,
    remap: bool = False,
    workers: int = 2,
    advance: Callable[[], None] = lambda: None,
) -> Quality:
    """Gives every track of a space a place on its map.

    Args:
        library, space: whose map.
        method: a name in map.METHODS; None is the one that the map was made with, tsne at first.
        remap: lay all tracks out anew, and turn the new map to lie on the old.
        workers: threads.
        advance: called map.STEPS times while all tracks are laid out.

    Returns:
        Quality of the map.
    """
    about = library.meta(_about(space)) or {}
    method = method or about.get("method", "tsne")
    ids, vectors = library.vectors(space)
    old_ids, old = library.positions(space)
    on_map = np.isin(old_ids, ids)
    old_ids, old = old_ids[on_map], old[on_map]
    kept = np.searchsorted(ids, old_ids)
    new = np.setdiff1d(np.arange(len(ids)), kept)
    fresh = remap or method != about.get("method") or len(new) > len(kept)
    if not len(ids) or (not len(new) and not fresh and "quality" in about):
        return Quality(
            **{name: np.nan if value is None else value for name, value in about.get("quality", _NONE).items()}
        )
    if fresh:
        log.info("laying out the map of %d tracks%s", len(ids), ", turned to lie on the old one" if len(kept) else "")
        positions = mapping.align(mapping.layout(vectors, 0, method, workers, advance), old, kept)
    else:
        positions = np.empty((len(ids), 2), "float32")
        positions[kept] = old
        if len(new):
            log.info("placing %d new tracks among %d that stay where they are", len(new), len(kept))
            positions[new] = mapping.place(vectors[new], vectors[kept], old, method)
    quality = mapping.quality(vectors, positions)
    figures = {name: None if np.isnan(value) else value for name, value in vars(quality).items()}
    with library.writing():
        changed = np.arange(len(ids)) if fresh else new
        library.set_positions(space, ids[changed], positions[changed])
        library.set_meta(_about(space), {"method": method, "quality": figures})
    return quality


_NONE = {"trustworthiness": None, "preservation": None}


def _about(space: Space) -> str:
    return f"map of space {space.id}"
