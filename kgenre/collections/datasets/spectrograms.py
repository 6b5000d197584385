"""spectrograms: spectrograms of the user's, in a folder of genre folders or in an .npz of arrays."""

from pathlib import Path

from kgenre.collections.datasets.dataset import Dataset, Tracks
from kgenre.core.progress import Progress


def load(place: Path, progress: Progress) -> Tracks:
    """The tracks of a folder or of an .npz file."""
    from kgenre.collections.spectrograms import read_spectrograms

    return read_spectrograms(place)


DATASET = Dataset(
    description="a folder of spectrograms, GENRE/NAME.png or .npy, or an .npz of arrays",
    citation="none: your own",
    licence="that of your music",
    size="no download",
    load=load,
    needs_folder=True,
)
