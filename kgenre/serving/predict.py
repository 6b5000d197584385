"""tf.data pipelines: from a table of tracks to batches of waveforms.

Decoded audio is kept up to a given number of bytes and never evicted: over passes that visit every
track once, a cache that drops its oldest entry would drop each just before its next use. What is not
kept is decoded again by seeking to the window that is wanted. Shuffling is done on pairs of (track,
position), so it holds no audio at all.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from kgenre.audio import decode as audio
from kgenre.audio.facts import TrackFacts
from kgenre.audio.reader import TrackReader


def slice_batches(reader: TrackReader, paths, batch_size: int, workers: int = 2):
    """All slices of all tracks: tf.data of (track number (batch,), last of its track (batch,), waveform (batch, clip)).

    Tracks are decoded side by side as streams, so memory does not grow with their length; slices of
    one track come in order. A track that fails may have no last slice, and is in `reader.failures`.
    """
    import tensorflow as tf

    types = ((), tf.int64), ((), tf.bool), ((reader.spec.slice_samples,), tf.float32)
    signature = tuple(tf.TensorSpec(*each) for each in types)

    def read(number):
        for piece, last in audio.with_last(reader.slices(paths[number])):
            yield number, last, piece.samples

    def slices(number):
        return tf.data.Dataset.from_generator(read, args=(number,), output_signature=signature)

    dataset = tf.data.Dataset.range(len(paths))
    dataset = dataset.interleave(slices, cycle_length=workers, num_parallel_calls=workers, deterministic=True)
    return dataset.batch(batch_size).prefetch(2)


log = logging.getLogger(__name__)


# (slices, clip) -> probabilities (slices, classes), embeddings (slices, d)
SliceModel = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class TrackPrediction:
    """What the model says of one track, and what the reader knows of it."""

    path: str
    facts: TrackFacts
    slice_probabilities: np.ndarray  # (slices, classes)
    slice_embeddings: np.ndarray  # (slices, d)

    @property
    def seconds(self) -> float:
        return self.facts.seconds

    @property
    def probabilities(self) -> np.ndarray:
        """Mean over slices, (classes,)."""
        return self.slice_probabilities.mean(axis=0)

    @property
    def embedding(self) -> np.ndarray:
        """Mean over slices, (d,)."""
        return self.slice_embeddings.mean(axis=0)


def predict_tracks(
    predict: SliceModel,
    reader: TrackReader,
    paths: Sequence[str],
    batch_size: int = 32,
    workers: int = 2,
    advance: Callable[[], None] = lambda: None,
) -> Iterator[TrackPrediction]:
    """Classifies tracks, each as soon as its last slice is known; `reader.failures` has the others."""
    parts: dict[int, list] = {}
    for numbers, lasts, windows in slice_batches(reader, paths, batch_size, workers):
        for number, last, *answer in zip(numbers.numpy(), lasts.numpy(), *predict(windows)):
            parts.setdefault(number, []).append(answer)
            if last:
                answers = parts.pop(number)
                advance()
                if paths[number] not in reader.failures:
                    yield _track_result(paths[number], reader, answers)


def _track_result(path: str, reader: TrackReader, answers: list) -> TrackPrediction:
    probabilities, embeddings = (np.stack(column) for column in zip(*answers))
    return TrackPrediction(path, reader.facts[path], probabilities, embeddings)
