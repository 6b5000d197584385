"""The map of a library as an offline file, or served to a browser."""

import socket
from pathlib import Path

from kgenre.core.files import write_text
from kgenre.library.head import load_head, predict
from kgenre.library.map.quality import MapQuality
from kgenre.library.records import Space
from kgenre.library.store import Library
from kgenre.web.explore.explorer import Explorer
from kgenre.web.explore.offline import page_html
from kgenre.web.explore.payload import payload
from kgenre.web.explore.server import serve


def write_page(library: Library, space: Space, quality: MapQuality, path: Path) -> None:
    """Writes the map of a space as one HTML file that needs no server."""
    prediction = predict(library, space, load_head(library, space))
    write_text(path, page_html(payload(library, space, quality, prediction, offline=True)))


def serve_library(
    library: Library,
    space: Space,
    quality: MapQuality,
    model,
    listening: socket.socket,
    folder=None,
    workers: int | None = None,
) -> None:
    """Serves the page of a space on an open socket until the process is interrupted.

    Args:
        library, space, quality: what is shown.
        model: for heat-maps.
        listening: as of guard.listen.
        folder: whose first pass is completed meanwhile; None if nothing is left to do.
        workers: reading processes for that.
    """
    explorer = Explorer(library, space, quality, lambda: model)
    if folder is not None:
        explorer.refine(folder, workers)
    serve(explorer, listening)
