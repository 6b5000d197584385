"""The prediction of tracks as work for an engine; its parts hold records (serving.answers)."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kgenre.audio.fetched import FetchingReader
from kgenre.audio.open_reader import reader_versions
from kgenre.audio.policy import ReadPolicy
from kgenre.core.errors import KgenreError
from kgenre.core.urls import is_url
from kgenre.engines.records import RecordWork, read_records
from kgenre.engines.work import Failure, Items, Results
from kgenre.model.answer_settings import AnswerSettings
from kgenre.serving.answers import track_record
from kgenre.serving.model import Model
from kgenre.serving.model_source import ModelSource
from kgenre.serving.predict import track_answers


@dataclass(frozen=True)
class Answering:
    """How tracks are answered. unsure_below: as of AnswerSettings. tags, by_slice: whether a record has them."""

    policy: ReadPolicy
    unsure_below: float | None = None
    tags: bool = False
    by_slice: bool = False


class PredictWork(RecordWork):
    """Gives a record of each track.

    Args:
        source: the model, opened.
        answering: how.
        workers: decoding threads in the process of the command.
    """

    kind = "predictions"

    def __init__(self, source: ModelSource, answering: Answering, workers: int):
        self.source, self.answering, self.workers = source, answering, workers
        self.folder = os.getcwd()  # that names of files are relative to, which is another one in a worker
        self.settings = _settings(source.open(), answering)

    def open(self, threads: int | None = None) -> Callable[[Items], Results]:
        model, answering = self.source.open(threads), self.answering
        if (own := _settings(model, answering)) != self.settings:
            names = [name for name in own if own[name] != self.settings[name]]
            raise KgenreError(
                f"A worker has another {names[0]}: {own[names[0]]}, where the command has {self.settings[names[0]]}. "
                "Install the same versions of kgenre, of the decoders and of the model there."
            )
        model.unsure = AnswerSettings(unsure_below=answering.unsure_below).rule or model.unsure

        def results(items: Items) -> Results:
            reader = FetchingReader(model.slice_spec, answering.policy)
            names: dict[str, list[str]] = {}  # a song may be named twice, relative and absolute
            for name in items:
                names.setdefault(name if is_url(name) else os.path.join(self.folder, name), []).append(name)
            for path, answer in track_answers(model, reader, list(names), threads or self.workers):
                for name in names[path]:
                    yield name, Failure(answer) if isinstance(answer, str) else _record(model, answer, answering, name)

        return results


def _record(model: Model, prediction, answering: Answering, path: str) -> dict:
    tags = model.tags(prediction.slices) if answering.tags else None
    record = {**track_record(prediction, tags), "path": path}
    return record if answering.by_slice else {name: value for name, value in record.items() if name != "by_slice"}


def _settings(model: Model, answering: Answering) -> dict:
    policy = answering.policy
    return {
        "identity": model.identity,
        "decoder_versions": reader_versions(model.slice_spec, policy.decoder),
        "slices_per_track": policy.slices_per_track,
        "unsure_below": answering.unsure_below,
        "tags": answering.tags,
        "by_slice": answering.by_slice,
    }


def records_of(files: list[Path]) -> list[dict]:
    """The records of all parts, in order; those of tracks that failed left out."""
    found = (read_records(file) for file in files)
    return [record for records in found for record in records.values() if not isinstance(record, Failure)]
