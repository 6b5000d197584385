"""A feature of every track of a collection, written as spectrograms that --data spectrograms:DIR reads."""

import functools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from kgenre.audio.decoders import AudioError, decoder_versions
from kgenre.audio.inputs import is_spectrogram
from kgenre.audio.local_file import local_file
from kgenre.audio.policy import AUTO
from kgenre.audio.signature import signature
from kgenre.audio.track import read_samples
from kgenre.collections.feature_formats import FORMATS
from kgenre.collections.feature_names import file_names, keep_own, read_sources, utf8
from kgenre.collections.spectrogram_facts import FACTS, IMAGE_RANGE, MANIFEST
from kgenre.collections.splits import Collection
from kgenre.core.errors import KgenreError
from kgenre.core.files import is_part, make_output_folder, remove_parts, write_beside, write_json, write_text
from kgenre.core.parallel import map_in_processes
from kgenre.core.progress import SILENT, Progress
from kgenre.engines.folder import PartsFolder, parts_of
from kgenre.engines.plan import Plan
from kgenre.engines.records import RecordWork
from kgenre.engines.run import computed, own_items
from kgenre.engines.settings import EngineSettings
from kgenre.engines.work import Failure, Items, Results
from kgenre.features import FEATURES

MAX_SECONDS = 300.0  # of a longer track it is the beginning: memory must not grow with an audio book
# Of the facts, what may be another one when a folder is gone on with.
FREE = ("parents", "decoder_versions")
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
            "settings": dict(self.settings),
            "file_format": self.format,
            "max_seconds": MAX_SECONDS,
            "decoder": self.decoder,
            "decoder_versions": decoder_versions(self.decoder),
            "frames_per_second": self.sample_rate / settings.hop_length,
            "value_range": list(IMAGE_RANGE if self.format == "png" else row.value_range(settings)),
            "bins": [name if isinstance(name, str) else round(float(name), 3) for name in bins],
        }


class FeatureWork(RecordWork):
    """Writes the feature of each track into a folder; its parts tell which could not be used.

    Args:
        files: what is written.
        out: the folder, which all workers share.
        workers: processes, where the command computes.
    """

    kind = "features"

    def __init__(self, files: FeatureFiles, out: Path, workers: int):
        self.files, self.out, self.workers = files, out.absolute(), workers
        self.settings = files.facts()

    def open(self, threads: int | None = None) -> Callable[[Items], Results]:
        if (own := self.files.facts()) != self.settings:
            raise KgenreError(
                f"A worker has another decoder: {own['decoder_versions']}. Install the same versions there."
            )
        workers = 1 if threads else self.workers  # TensorFlow has threads of its own

        def results(items: Items) -> Results:
            jobs = []
            for path, (name, *_) in items.items():
                if _is_written(path, self.out / name):
                    yield path, name
                else:
                    jobs.append((path, str(self.out / name), self.files))
            for (path, *_), cause in map_in_processes(_write_feature, jobs, workers, BROKEN):
                yield path, Failure(cause) if cause else items[path][0]

        return results

    def lost(self, items: Items) -> list[str]:
        return [str(self.out / name) for name, *_ in items.values() if not (self.out / name).is_file()]


def write_features(
    collection: Collection,
    files: FeatureFiles,
    out: Path,
    workers: int,
    progress: Progress = SILENT,
    engine: EngineSettings | None = None,
) -> tuple[dict[str, str], int]:
    """Writes the feature of each track to out/GENRE/NAME, spectrograms.json, and at the end manifest.csv.

    What an earlier call has written stays, unless its track has changed since.

    Args:
        workers: processes.
        engine: where it is computed, and which part of it; without manifest.csv where that is not all.

    Returns:
        {path: cause} of the tracks that could not be used; they are not in the manifest. And the number of the others.

    Raises:
        KgenreError: the folder holds something else, or no track can be used.
    """
    table, facts, engine = (
        collection.table,
        {**files.facts(), "parents": dict(collection.parents)},
        engine or EngineSettings(),
    )
    if any(map(is_spectrogram, table["path"])):
        raise KgenreError(f"{collection.name}: holds spectrograms already; features are computed from audio.")
    _prepare(out, facts)
    sources = read_sources(out)
    names = file_names(table, FORMATS[files.format].suffix, sources)
    items = {path: [names[path], *(signature(path) or ())] for path in table["path"]}
    work, folder = FeatureWork(files, out, workers), PartsFolder(parts_of(engine, out), FeatureWork.suffix)
    own = {path: names[path] for path in own_items(work, items, engine)}  # others' may be there since this moment
    keep_own(out, own, {**sources, **{name: path for path, name in names.items() if path not in own}})
    for directory in {out / Path(name).parent for name in names.values()}:
        make_output_folder(directory)
    rows = {name: list(table[name].astype(object)) for name in table}
    about = {"table": rows, "name": collection.name, "out": str(out.resolve())}
    with computed(work, items, folder, engine, progress, files.feature, about) as parts:
        if engine.is_whole:
            _finish(table, names, parts.failures, out, collection.name)
            for directory in {out, *((out / name).parent for name in names.values())}:
                remove_parts(directory)
    return parts.failures, parts.items - len(parts.failures)


def merge_features(plan: Plan, failures: dict[str, str], out: Path) -> None:
    """Writes the manifest of features that parts K/N wrote.

    Raises:
        KgenreError: the folder is another one, or no track can be used.
    """
    table = pd.DataFrame(plan.about["table"], dtype=object).astype("string").fillna("")
    names = {path: data[0] for path, data in plan.items.items()}
    if not (out / FACTS).is_file():
        raise KgenreError(f"{out}: holds no {FACTS}. Name the --out of `kgenre features`.")
    _check_held(out, plan.settings)
    _finish(table, names, failures, out, plan.about["name"])


def _finish(table: pd.DataFrame, names: Mapping[str, str], failures: Mapping[str, str], out: Path, title: str) -> None:
    written = table[~table["path"].isin(failures)]
    if not len(written):
        raise KgenreError(f"{title}: no track can be used. First: {next(iter(failures.values()))}")
    write_text(out / MANIFEST, _manifest(written, names).to_csv(index=False))


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
        _check_held(out, facts)
    elif not all(map(is_part, out.iterdir())):
        raise KgenreError(f"{out}: is not empty, and holds no {FACTS} of `kgenre features`. Name another --out.")
    (out / MANIFEST).unlink(missing_ok=True)  # it tells that all is there
    write_json(file, facts)


def _check_held(out: Path, facts: dict) -> None:
    """Raises KgenreError where the spectrograms of a folder are of other settings."""
    file = out / FACTS
    try:
        held = json.loads(file.read_text(encoding="utf-8"))
        held, facts = ({**own["settings"], **own, "settings": None} for own in (held, facts))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise KgenreError(f"{file}: not readable ({error!r}). Name another folder with --out.") from error
    for name in facts:
        if held.get(name) != facts.get(name) and name not in FREE:
            raise KgenreError(
                f"{out}: holds spectrograms with {name}={held.get(name)}. Received: {name}={facts.get(name)}. "
                "Name another folder with --out."
            )


def _is_written(path: str, file: Path) -> bool:
    held, now = signature(file), signature(path)
    return held is not None and now is not None and held[1] >= now[1]


def _write_feature(path: str, file: str, files: FeatureFiles) -> str | None:
    """Writes one file; why it could not, or None. Run in a process of its own."""
    try:
        with local_file(path) as copy:
            samples = read_samples(copy, files.sample_rate, MAX_SECONDS, files.decoder).samples
    except AudioError as error:
        return error.cause
    except KgenreError as error:  # it cannot be fetched
        return str(error)
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
