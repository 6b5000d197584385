"""Prediction of whole tracks: what predict, evaluate, embed and training's validation share."""

import contextlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kgenre.audio.decode import with_last
from kgenre.audio.decoders import AudioError
from kgenre.audio.facts import TrackFacts
from kgenre.audio.open_reader import Reader, open_reader
from kgenre.audio.policy import DEFAULT_POLICY, ReadPolicy
from kgenre.core.parallel import interleave
from kgenre.model.aggregate import NOT_FINITE, SliceOutputs, aggregate
from kgenre.model.tasks import Task, chosen_labels
from kgenre.model.unsure import UnsureRule, is_unsure

if TYPE_CHECKING:
    from kgenre.serving.model import Model


@dataclass(frozen=True)
class TrackPrediction:
    """What a model gives for one track.

    path: the file.
    facts: what the reader knows of the track: seconds, starts of the slices, level, what is odd about it.
    slices: SliceOutputs of its slices.
    task: the model's, with its labels.
    rule: the model's, by which it is unsure; None without one.
    """

    path: str
    facts: TrackFacts
    slices: SliceOutputs
    task: Task
    rule: UnsureRule | None = None

    @property
    def seconds(self) -> float:
        return self.facts.seconds

    @property
    def probabilities(self) -> np.ndarray:
        """float32 (classes,)."""
        return aggregate(self.slices.probabilities)

    @property
    def embedding(self) -> np.ndarray:
        """float32 (d,)."""
        return aggregate(self.slices.embeddings)

    @property
    def genre(self) -> str:
        """The one genre that stands for the answer."""
        return self.task.labels[int(self.task.main(self.probabilities))]

    @property
    def genres(self) -> tuple[str, ...]:
        """All genres of the answer, the most probable first: one of a single-label task."""
        return chosen_labels(self.task, self.probabilities)

    @property
    def unsure(self) -> bool:
        """Whether none of the genres may fit; `genre` and `genres` are then the most probable ones all the same."""
        return bool(is_unsure(self.rule, self.probabilities, self.embedding))

    def top(self, n: int | None = 3) -> dict[str, float]:
        """The `n` most probable genres, all for None, {genre: probability}, the highest first."""
        order = np.argsort(-self.probabilities, kind="stable")[:n]
        return {self.task.labels[i]: float(self.probabilities[i]) for i in order}


def predict_tracks(
    model: "Model",
    reader: Reader,
    paths: Sequence[str],
    batch_size: int = 32,
    workers: int = 2,
    advance: Callable[[], None] = lambda: None,
) -> Iterator[TrackPrediction]:
    """Predicts tracks, each as soon as its last slice is known; `reader.failures` has the others, with the cause.

    Args:
        model: serving.Model.
        reader: as `open_reader` gives for the model's slice spec.
        paths: files.
        batch_size: slices the model is given at a time.
        workers: decoding threads.
        advance: called for each track, at the end for those that gave no slice.
    """
    if not model.answers_slices:
        yield from model.predict_tracks(reader, paths, batch_size, workers, advance)
        return
    counted = 0
    parts: dict[int, list] = {}
    for numbers, lasts, slices in slice_batches(reader, paths, batch_size, workers):
        for number, last, *outputs in zip(numbers.tolist(), lasts.tolist(), *model(slices)):
            parts.setdefault(number, []).append(outputs)
            if last:
                rows = parts.pop(number)
                counted += 1
                advance()
                path = paths[number]
                if path not in reader.failures:
                    outputs = SliceOutputs(*map(np.stack, zip(*rows)))
                    if outputs.finite():
                        yield TrackPrediction(path, reader.facts[path], outputs, model.task, model.unsure)
                    else:
                        reader.failures[path] = NOT_FINITE
    for _ in range(len(paths) - counted):
        advance()


def track_answers(
    model: "Model", reader: Reader, paths: Sequence[str], workers: int = 2
) -> Iterator[tuple[str, TrackPrediction | str]]:
    """As `predict_tracks`, with the tracks that fail among the others: (path, prediction or why there is none)."""
    told = 0
    with contextlib.closing(predict_tracks(model, reader, paths, workers=workers)) as predictions:
        for prediction in predictions:
            failed = list(reader.failures.items())[told:]
            told += len(failed)
            yield from failed
            yield prediction.path, prediction
    yield from list(reader.failures.items())[told:]


def predict_track(model: "Model", path, policy: ReadPolicy = DEFAULT_POLICY, batch_size: int = 32) -> TrackPrediction:
    """Predicts one file in this thread.

    Raises:
        AudioError: the file cannot be used, or the model's answer is not finite, with the cause.
    """
    path = str(path)
    reader, rows = open_reader(model.slice_spec, policy=policy), []
    if not model.answers_slices:
        for prediction in model.predict_tracks(reader, [path], batch_size, workers=1):
            return prediction
        raise AudioError(path, reader.failures[path])
    pieces = reader.slices(path)
    while batch := list(itertools.islice(pieces, batch_size)):
        rows.append(model(np.stack([piece.samples for piece in batch])))
    if path in reader.failures:
        raise AudioError(path, reader.failures[path])
    outputs = SliceOutputs(*map(np.concatenate, zip(*rows)))
    if not outputs.finite():
        raise AudioError(path, NOT_FINITE)
    return TrackPrediction(path, reader.facts[path], outputs, model.task, model.unsure)


def slice_batches(reader: Reader, paths: Sequence[str], batch_size: int, workers: int = 2) -> Iterator[tuple]:
    """All slices of all tracks: (track number (batch,), whether last (batch,), slices (batch, ...)) of NumPy.

    Tracks are decoded side by side as streams, in threads, so memory does not grow with their length; slices of
    one track come in order, and those of all tracks in the same order each time. A track that fails may have no
    last slice, and is in `reader.failures`.
    """

    def read(number: int) -> Iterator[tuple]:
        for piece, last in with_last(reader.slices(paths[number])):
            yield number, last, piece.samples

    pieces = interleave(read, range(len(paths)), workers, ahead=batch_size)
    with contextlib.closing(pieces):
        while batch := list(itertools.islice(pieces, batch_size)):
            numbers, lasts, slices = zip(*batch)
            yield np.array(numbers), np.array(lasts), np.stack(slices)
