"""spectrograms: spectrograms of the user's, in a folder of genre folders or in an .npz of arrays."""

from pathlib import Path

from kgenre.audio.inputs import ARRAYS, SPECTROGRAM, SPECTROGRAM_SUFFIXES, SPECTROGRAMS
from kgenre.collections.datasets.dataset import Dataset, Tracks
from kgenre.core.errors import KgenreError
from kgenre.core.progress import Progress


def load(place: Path, progress: Progress) -> Tracks:
    """The tracks of an .npz; or of a folder, by its manifest.csv, or else by the names of its folders, GENRE/NAME.png.

    Raises:
        KgenreError: nothing of that kind, or a table that is not as it must be.
    """
    from kgenre.collections.datasets.array_tables import read_arrays
    from kgenre.collections.spectrogram_facts import FACTS, MANIFEST, collection_facts
    from kgenre.collections.tables import read_manifest

    if place.suffix.lower() == ARRAYS:
        return read_arrays(place)
    if not place.is_dir():
        raise KgenreError(
            f"{place}: no such folder. `--data` takes {SPECTROGRAMS}:DIR, with DIR/GENRE/NAME.npy or .png, or FILE.npz."
        )
    if (place / MANIFEST).is_file():
        return Tracks(read_manifest(place / MANIFEST), collection_facts(str(place)).parents)
    if (place / FACTS).is_file():
        raise KgenreError(
            f"{place}: {FACTS} without {MANIFEST}: `kgenre features` was stopped. Give its command again; it goes on."
        )
    return Tracks(_read_folder(place.resolve()))


def _read_folder(folder: Path):
    import pandas as pd

    from kgenre.audio.walk import find_files
    from kgenre.collections.tables import COLUMNS, finish_table

    names = [(file, file.relative_to(folder).parts) for file in find_files(folder, SPECTROGRAM)]
    rows = [{"path": str(file), "genre": genre, "album": "/".join(rest[:-1])} for file, (genre, *rest) in names if rest]
    if not rows:
        raise KgenreError(
            f"{folder}: no spectrograms in folders below it. A collection is a folder of genre folders: "
            f"GENRE/NAME with one of {', '.join(sorted(SPECTROGRAM_SUFFIXES))}."
        )
    return finish_table(pd.DataFrame(rows).reindex(columns=COLUMNS).astype("string").fillna(""), str(folder))


DATASET = Dataset(
    description="spectrograms by genre, GENRE/NAME.png or .npy, or an .npz of arrays",
    citation="none: your own",
    licence="that of your music",
    size="no download",
    load=load,
    needs_folder=True,
)
