"""Collections of tracks, and the one way from `--data` to a table of tracks."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from kgenre.audio.inputs import ARRAYS, SPECTROGRAMS
from kgenre.collections.datasets import DATASETS
from kgenre.collections.settings import DATA, CollectionOptions
from kgenre.core.errors import KgenreError, closest
from kgenre.core.progress import SILENT, Progress

if TYPE_CHECKING:
    from kgenre.audio.slicing import SliceSpec


def load_collection(
    data: str,
    folder: Path = Path("data"),
    seed: int = 0,
    progress: Progress = SILENT,
    options: CollectionOptions | None = None,
    slice_spec: "SliceSpec | None" = None,
    tracks=None,
):
    """The tracks of a named dataset, of a folder of genre folders, or of a manifest, each in a split.

    Args:
        data: a key of DATASETS, with its folder as NAME:DIR if it is not `folder`/NAME; a folder; or the path of a
            manifest.
        folder: where named datasets are kept.
        seed: of the split, where the tracks have none yet.
        progress: gets a line for each of the commonest causes why tracks were left out.
        options: CollectionOptions: which genres count, a file with artists, and the protocol of the split.
        slice_spec: SliceSpec of the network, whose slices the protocol random-slice deals.
        tracks: what `read_tracks` gave for `data`, so that it is not read again.

    Returns:
        collections.splits.Collection.

    Raises:
        KgenreError: nothing of that name, no usable tracks in it, or a protocol that it has no split for.
    """
    from kgenre.collections.splits import with_split

    options = options or CollectionOptions()
    tracks, task = labelled_tracks(data, folder, options, progress, tracks)
    own = (tracks.given_split, options, slice_spec, progress)
    collection = with_split(data, tracks.table, seed, task, tracks.parents, *own)
    return dataclasses.replace(collection, left_out=tracks.left_out)


def labelled_tracks(
    data: str,
    folder: Path = Path("data"),
    options: CollectionOptions | None = None,
    progress: Progress = SILENT,
    tracks=None,
):
    """What `load_collection` splits: collections.datasets.dataset.Tracks with the genres that count, and their task."""
    from kgenre.collections.artists import with_artists
    from kgenre.collections.labels import label
    from kgenre.collections.left_out import left_out_lines

    options = options or CollectionOptions()
    tracks = tracks or read_tracks(data, folder, progress)
    if options.artists:
        tracks = dataclasses.replace(tracks, table=with_artists(tracks.table, options.artists, data, progress))
    tracks, task = label(data, tracks, options)
    for line in left_out_lines(data, tracks.left_out):
        progress.line(line)
    return tracks, task


def find_dataset(data: str, folder: Path = Path("data")) -> tuple[str, Path] | None:
    """The name and the folder of the dataset that `--data` names; None where it names something else.

    Raises:
        KgenreError: the dataset's folder must be named, and is not.
    """
    if Path(data).suffix.lower() == ARRAYS and not data.startswith(f"{SPECTROGRAMS}:"):
        return SPECTROGRAMS, Path(data)
    name, colon, place = data.partition(":")
    if name not in DATASETS:
        return None
    if DATASETS[name].needs_folder and not place:
        raise KgenreError(f"{name}: needs the folder that holds it. Name it as --data {name}:DIR.")
    # The shell leaves NAME:~ alone.
    return name, Path(place).expanduser() if place else folder / (DATASETS[name].home or name)


def read_tracks(data: str, folder: Path = Path("data"), progress: Progress = SILENT):
    """All tracks of a collection with all their genres: collections.datasets.dataset.Tracks."""
    from kgenre.collections.datasets.dataset import Tracks
    from kgenre.collections.prepared import is_prepared, read_prepared
    from kgenre.collections.tables import read_folder, read_manifest

    path = Path(data)
    if dataset := find_dataset(data, folder):
        return _read_dataset(*dataset, progress)
    if data and path.is_dir():
        if is_prepared(path):
            return read_prepared(path)
        table, left_out = read_folder(path, progress)
        return Tracks(table, left_out=left_out)
    if path.is_file() and path.suffix.lower() in (".csv", ".parquet"):
        return Tracks(read_manifest(path, progress))
    if path.exists() or len(path.parts) > 1 or path.suffix:
        rule = "is neither a folder nor a .csv or .parquet file" if path.exists() else "no such folder or file"
        raise KgenreError(f"{data}: {rule}. `--data` takes {DATA}.")
    raise KgenreError(f"unknown data {data!r}.{closest(data, DATASETS)} `--data` takes {DATA}.")


def _read_dataset(name: str, folder: Path, progress: Progress):
    """The tracks of a dataset, without those that its declaration lists as faulty."""
    import dataclasses

    dataset = DATASETS[name]
    tracks = dataset.load(folder, progress)
    faults = tracks.table["track_id"].map(dataset.known_faults)
    faulty = faults.notna()
    left_out = dict(zip(tracks.table.loc[faulty, "track_id"], faults[faulty]))
    table = tracks.table[~faulty].reset_index(drop=True)
    return dataclasses.replace(tracks, table=table, left_out={**tracks.left_out, **left_out})
