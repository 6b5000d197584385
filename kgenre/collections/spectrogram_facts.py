"""What a collection of spectrograms says of itself: frames a second, value range."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kgenre.audio.arrays import open_arrays
from kgenre.audio.inputs import ARRAYS, SPECTROGRAMS
from kgenre.core.errors import KgenreError

FACTS, MANIFEST = "spectrograms.json", "manifest.csv"  # that `kgenre features` writes beside the spectrograms
IMAGE_RANGE = (0.0, 255.0)  # of its images


@dataclass(frozen=True)
class SpectrogramFacts:
    """What a collection says of its spectrograms; None where it does not say.

    frames_per_second: float.
    value_range: the values that become 0 and 1 in the image that a network sees.
    parents: {genre: its parent} of a tree of genres.
    """

    frames_per_second: float | None = None
    value_range: tuple[float, float] | None = None
    parents: Mapping[str, str] = field(default_factory=dict)


def collection_facts(data: str) -> SpectrogramFacts:
    """What the collection that `--data` names says of its spectrograms.

    Raises:
        KgenreError: it says what cannot be.
    """
    place = Path(data.removeprefix(f"{SPECTROGRAMS}:")).expanduser()
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
    parents = told.get("parents") or {}
    if not (isinstance(parents, dict) and all(isinstance(name, str) for pair in parents.items() for name in pair)):
        raise KgenreError(f"{file}: `parents` must be genres and their parents. Received: {parents}.")
    return SpectrogramFacts(rate and float(rate), values and (float(values[0]), float(values[1])), parents)


def _is_number(value) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
