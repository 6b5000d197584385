"""Collections of spectrograms: a folder of images or arrays, or an .npz of arrays; and what they say of themselves."""

import json
import math
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from kgenre.audio.arrays import open_arrays
from kgenre.audio.inputs import ARRAYS, SPECTROGRAM, SPECTROGRAM_SUFFIXES, SPECTROGRAMS
from kgenre.audio.walk import find_files
from kgenre.collections.array_tables import read_arrays
from kgenre.collections.datasets.dataset import Tracks
from kgenre.collections.tables import COLUMNS, finish_table, read_manifest
from kgenre.core.errors import KgenreError

FACTS, MANIFEST = "spectrograms.json", "manifest.csv"  # that `kgenre features` writes beside the spectrograms


@dataclass(frozen=True)
class SpectrogramFacts:
    """What a collection says of its spectrograms; None where it does not say.

    frames_per_second: float.
    value_range: the values that become 0 and 1 in the image that a network sees.
    """

    frames_per_second: float | None = None
    value_range: tuple[float, float] | None = None


def read_spectrograms(place: Path) -> Tracks:
    """The tracks of an .npz; or of a folder, by its manifest.csv, or else by the names of its folders, GENRE/NAME.png.

    Raises:
        KgenreError: nothing of that kind, or a table that is not as it must be.
    """
    if place.suffix.lower() == ARRAYS:
        return read_arrays(place)
    if not place.is_dir():
        raise KgenreError(
            f"{place}: no such folder. `--data` takes {SPECTROGRAMS}:DIR, with DIR/GENRE/NAME.npy or .png, or FILE.npz."
        )
    if (place / MANIFEST).is_file():
        return Tracks(read_manifest(place / MANIFEST))
    if (place / FACTS).is_file():
        raise KgenreError(
            f"{place}: {FACTS} without {MANIFEST}: `kgenre features` was stopped. Give its command again; it goes on."
        )
    return Tracks(_read_folder(place.resolve()))


def _read_folder(folder: Path) -> pd.DataFrame:
    names = [(file, file.relative_to(folder).parts) for file in find_files(folder, SPECTROGRAM)]
    rows = [{"path": str(file), "genre": genre, "album": "/".join(rest[:-1])} for file, (genre, *rest) in names if rest]
    if not rows:
        raise KgenreError(
            f"{folder}: no spectrograms in folders below it. A collection is a folder of genre folders: "
            f"GENRE/NAME with one of {', '.join(sorted(SPECTROGRAM_SUFFIXES))}."
        )
    return finish_table(pd.DataFrame(rows).reindex(columns=COLUMNS).astype("string").fillna(""), str(folder))


def collection_facts(data: str) -> SpectrogramFacts:
    """What the collection that `--data` names says of its spectrograms.

    Raises:
        KgenreError: it says what cannot be.
    """
    place = Path(data.removeprefix(f"{SPECTROGRAMS}:"))
    if place.suffix.lower() == ARRAYS:
        columns = open_arrays(place).columns
        told = {name: columns[name].tolist() for name in ("frames_per_second", "value_range") if name in columns}
        return _facts(place, told)
    file = (place if place.is_dir() else place.parent) / FACTS
    if not file.is_file():
        return SpectrogramFacts()
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise KgenreError(f"{file}: not readable ({error}). Remove it, or write the spectrograms again.") from error
    return _facts(file, told)


def _facts(file: Path, told) -> SpectrogramFacts:
    """Checks what a file says: {"frames_per_second": number, "value_range": [low, high]}, either of which may lack."""
    told = told if isinstance(told, dict) else {}
    rate, values = told.get("frames_per_second"), told.get("value_range")
    if rate is not None and not (_is_number(rate) and rate > 0):
        raise KgenreError(f"{file}: `frames_per_second` must be a positive number. Received: {rate}.")
    if values is not None and not (
        isinstance(values, list) and len(values) == 2 and all(map(_is_number, values)) and values[0] < values[1]
    ):
        raise KgenreError(f"{file}: `value_range` must be two ascending numbers. Received: {values}.")
    return SpectrogramFacts(rate and float(rate), values and (float(values[0]), float(values[1])))


def _is_number(value) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
