"""demo: composed songs of eight genres, rendered on this machine (kgenre/collections/demo/)."""

from pathlib import Path

from kgenre.collections.datasets.dataset import Dataset, Tracks
from kgenre.core.progress import Progress


def load(folder: Path, progress: Progress) -> Tracks:
    """The collection in `folder`, composed first if it is missing."""
    from kgenre.collections.demo.files import make_demo
    from kgenre.collections.tables import read_manifest

    make_demo(folder, progress=progress)
    return Tracks(read_manifest(folder / "manifest.csv"))


DATASET = Dataset(
    description="8 composed genres of 16 songs, made on the spot in under a minute",
    citation="none: composed by this package",
    licence="made by this package: CC0",
    tracks=128,
    size="no download",
    labels=("ambient", "blues", "chiptune", "classical", "hiphop", "house", "metal", "reggae"),
    load=load,
)
