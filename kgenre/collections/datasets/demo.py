"""demo: composed songs of eight genres, made on the spot (kgenre/collections/demo/)."""

from pathlib import Path

from kgenre.core.progress import Progress

DESCRIPTION = "8 composed genres of 16 songs, made on the spot in under a minute"
LICENCE = "made by this package: CC0"


def prepare(folder: Path, progress: Progress) -> Path:
    """Composes the collection in `folder`/demo where it is missing; returns its manifest."""
    from kgenre.collections.demo.files import make_demo

    with progress.task("composing the demo collection", None, "songs") as advance:
        make_demo(folder / "demo", progress=lambda done, total: advance(total=total))
    return folder / "demo" / "manifest.csv"
