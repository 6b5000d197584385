"""Collections of tracks, and the one way from `--data` to a table of tracks."""

from pathlib import Path

from kgenre.collections.datasets import DATASETS
from kgenre.core.errors import KgenreError, check_known
from kgenre.core.progress import SILENT, Progress


def load_collection(data: str, folder: Path = Path("data"), seed: int = 0, progress: Progress = SILENT):
    """Tracks of a named dataset, a folder of genre folders, or a manifest.

    Returns:
        Collection, with every track in a split.

    Raises:
        KgenreError: nothing of that name, or nothing usable in it.
    """
    from kgenre.collections.splits import with_split
    from kgenre.collections.tables import read_folder, read_manifest

    path = Path(data)
    if data in DATASETS:
        table = read_manifest(DATASETS[data].prepare(folder, progress))
    elif data and path.is_dir():
        table = read_folder(path)
    elif path.is_file() and path.suffix.lower() in (".csv", ".parquet"):
        table = read_manifest(path)
    elif path.exists() or len(path.parts) > 1 or path.suffix:
        rule = "is neither a folder nor a .csv or .parquet manifest" if path.exists() else "no such folder or file"
        raise KgenreError(f"{data}: {rule}. `data` is a name ({', '.join(DATASETS)}), a folder, or a manifest.")
    else:
        check_known("data", data, DATASETS, where="`data` is a name, a folder, or a .csv or .parquet manifest: ")
    return with_split(data, table, seed)
