"""A feature of every track of a collection, written as spectrograms that --data spectrograms:DIR reads."""

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from kgenre.audio.decoders import AudioError, decoder_versions
from kgenre.audio.inputs import is_spectrogram
from kgenre.audio.policy import AUTO
from kgenre.audio.track import read_samples
from kgenre.collections.feature_formats import FORMATS
from kgenre.collections.feature_names import file_names, keep_own, read_sources, utf8
from kgenre.collections.spectrogram_facts import FACTS, IMAGE_RANGE, MANIFEST
from kgenre.collections.splits import Collection
from kgenre.core.errors import KgenreError
from kgenre.core.files import make_output_folder, write_beside, write_json, write_text
from kgenre.core.parallel import map_in_processes
from kgenre.core.progress import SILENT, Progress
from kgenre.features import FEATURES

MAX_SECONDS = 300.0  # of a longer track it is the beginning: memory must not grow with an audio book
TREE = "parents"  # the one of the facts that no file depends on
BROKEN = (
    "A process that computes features ended early, perhaps out of memory. Give the command again: it continues where "
    "it stopped. --workers 1 needs the least."
)


@dataclass(frozen=True)
class FeatureFiles:
    """What is written.

    feature: a row of FEATURES.
    sample_rate: Hz.
    settings: of the feature, {name: value}.
    format: a key of FORMATS.
    decoder: of the audio.
    """

    feature: str
    sample_rate: int
    settings: Mapping[str, object]
    format: str
    decoder: str = AUTO

    def facts(self) -> dict:
        """What spectrograms.json says: all that the files depend on, and what a model needs to know of them."""
        row = FEATURES[self.feature]
        settings = row.settings(**self.settings)
        bins = row.bins(self.sample_rate, settings)
        return {
            "feature": self.feature,
            "sample_rate_hz": self.sample_rate,
            **self.settings,
            "format": self.format,
            "max_seconds": MAX_SECONDS,
            "decoder": decoder_versions(self.decoder),
            "frames_per_second": self.sample_rate / settings.hop_length,
            "value_range": list(IMAGE_RANGE if self.format == "png" else row.value_range(settings)),
            "bins": [name if isinstance(name, str) else round(float(name), 3) for name in bins],
        }


def write_features(
    collection: Collection, files: FeatureFiles, out: Path, workers: int, progress: Progress = SILENT
) -> dict[str, str]:
    """Writes the feature of each track to out/GENRE/NAME, spectrograms.json, and at the end manifest.csv.

    What an earlier call has written stays, unless its track has changed since.

    Args:
        workers: processes.

    Returns:
        {path: cause} of the tracks that could not be used; they are not in the manifest.

    Raises:
        KgenreError: the folder holds something else, or no track can be used.
    """
    table, facts = collection.table, {**files.facts(), TREE: dict(collection.parents)}
    if any(map(is_spectrogram, table["path"])):
        raise KgenreError(f"{collection.name}: holds spectrograms already; features are computed from audio.")
    _prepare(out, facts)
    sources = read_sources(out)
    names = file_names(table, FORMATS[files.format].suffix, sources)
    keep_own(out, names, sources)
    todo = [path for path in table["path"] if not _is_written(path, out / names[path])]
    for folder in {out / Path(name).parent for name in names.values()}:
        make_output_folder(folder)
    jobs, failures = [(path, str(out / names[path]), files) for path in todo], {}
    with progress.task(files.feature, len(table), "tracks", len(table) - len(todo)) as advance:
        for (path, *_), cause in map_in_processes(_write_feature, jobs, workers, BROKEN):
            advance()
            if cause:
                failures[path] = cause
    written = table[~table["path"].isin(failures)]
    if not len(written):
        raise KgenreError(f"{collection.name}: no track can be used. First: {next(iter(failures.values()))}")
    write_text(out / MANIFEST, _manifest(written, names).to_csv(index=False))
    return failures


def _manifest(written: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    """The table with the new files; an id that is no more than the name of the song's file is that of the new one.

    Else two songs "01 - Intro", whose files have different names here, would count as one recording.
    """
    files = written["path"].map(names)
    stems = written["path"].map(lambda path: Path(path).stem)
    ids = written["track_id"].where(written["track_id"] != stems, files.map(lambda name: Path(name).stem))
    texts = {column: utf8(values) for column, values in {**written, "track_id": ids}.items()}
    return written.assign(**{**texts, "path": files})


def _prepare(out: Path, facts: dict) -> None:
    """Makes the folder, or checks that what it holds was written with the same settings."""
    make_output_folder(out)
    file = out / FACTS
    if file.is_file():
        try:
            held = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise KgenreError(f"{file}: not readable ({error}). Name another folder with --out.") from error
        changed = [name for name in {**held, **facts} if held.get(name) != facts.get(name) and name != TREE]
        if changed:
            name = changed[0]
            raise KgenreError(
                f"{out}: holds spectrograms with {name}={held.get(name)}. Received: {name}={facts.get(name)}. "
                "Name another folder with --out."
            )
    elif any(out.iterdir()):
        raise KgenreError(f"{out}: is not empty, and holds no {FACTS} of `kgenre features`. Name another --out.")
    (out / MANIFEST).unlink(missing_ok=True)  # it tells that all is there
    write_json(file, facts)


def _is_written(path: str, file: Path) -> bool:
    try:
        return file.stat().st_mtime_ns >= Path(path).stat().st_mtime_ns
    except OSError:
        return False


def _write_feature(path: str, file: str, files: FeatureFiles) -> str | None:
    """Writes one file; why it could not, or None. Run in a process of its own."""
    try:
        samples = read_samples(path, files.sample_rate, MAX_SECONDS, files.decoder).samples
    except AudioError as error:
        return error.cause
    import keras

    layer = _layer(files.feature, files.sample_rate, tuple(files.settings.items()))
    values = keras.ops.convert_to_numpy(layer(samples[None]))[0].T  # (bins, frames)
    if not np.isfinite(values).all():
        return "NaN or infinite values in its feature."
    row = FEATURES[files.feature]
    low, high = row.value_range(row.settings(**files.settings))
    write_beside(file, lambda part: FORMATS[files.format].write(part, values, low, high))
    return None


@functools.lru_cache(maxsize=1)
def _layer(feature: str, sample_rate: int, settings: tuple):
    row = FEATURES[feature]
    return row.build(sample_rate, row.settings(**dict(settings)))
