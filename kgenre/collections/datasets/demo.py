"""demo: composed songs of eight genres, rendered on this machine (kgenre/collections/demo/)."""

from pathlib import Path

from kgenre.collections.datasets.dataset import Dataset
from kgenre.core.progress import Progress


def prepare(folder: Path, progress: Progress) -> Path:
    """Composes the collection in `folder`/demo if it is missing; returns the path of its manifest."""
    from kgenre.collections.demo.files import make_demo

    make_demo(folder / "demo", progress=progress)
    return folder / "demo" / "manifest.csv"


DATASET = Dataset(
    description="8 composed genres of 16 songs, made on the spot in under a minute",
    citation="none: composed by this package",
    licence="made by this package: CC0",
    size="no download",
    labels=("ambient", "blues", "chiptune", "classical", "hiphop", "house", "metal", "reggae"),
    prepare=prepare,
)
