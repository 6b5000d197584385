"""Collections of tracks, and the one way from `--data` to a table of tracks."""

from pathlib import Path

from kgenre.collections.datasets import DATASETS
from kgenre.collections.settings import DATA
from kgenre.core.errors import KgenreError, check_known
from kgenre.core.progress import SILENT, Progress


def load_collection(data: str, folder: Path = Path("data"), seed: int = 0, progress: Progress = SILENT):
    """The tracks of a named dataset, of a folder of genre folders, or of a manifest, each in a split.

    Args:
        data: a key of DATASETS, a folder, or the path of a manifest.
        folder: where named datasets are kept.
        seed: of the split, where the tracks have none yet.

    Returns:
        collections.splits.Collection.

    Raises:
        KgenreError: nothing of that name, or no usable tracks in it.
    """
    from kgenre.collections.splits import with_split

    return with_split(data, _read_table(data, folder, progress), seed)


def _read_table(data: str, folder: Path, progress: Progress):
    from kgenre.collections.tables import read_folder, read_manifest

    path = Path(data)
    if data in DATASETS:
        return _read_dataset(data, folder, progress)
    if data and path.is_dir():
        return read_folder(path)
    if path.is_file() and path.suffix.lower() in (".csv", ".parquet"):
        return read_manifest(path)
    if path.exists() or len(path.parts) > 1 or path.suffix:
        rule = "is neither a folder nor a .csv or .parquet file" if path.exists() else "no such folder or file"
        raise KgenreError(f"{data}: {rule}. `--data` takes {DATA}.")
    check_known("data", data, DATASETS, where=f"`--data` takes {DATA}: ")


def _read_dataset(name: str, folder: Path, progress: Progress):
    """The manifest of a dataset, without the tracks that its declaration lists as faulty."""
    from kgenre.collections.tables import read_manifest

    dataset = DATASETS[name]
    table = read_manifest(dataset.prepare(folder, progress))
    faulty = table["track_id"].isin(dataset.known_faults)
    if faulty.any():
        progress.line(f"{name}: tracks left out because of known faults: {faulty.sum()}")
    return table[~faulty].reset_index(drop=True)
