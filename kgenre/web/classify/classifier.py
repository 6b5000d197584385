"""From an upload to its answer: slices of a decoding process through the model, in batches."""

import contextlib
import threading
from collections.abc import Callable, Iterator

import numpy as np

from kgenre.audio.decoders import AudioError
from kgenre.audio.track import Slice
from kgenre.core.errors import KgenreError
from kgenre.library.scan.protocol import Done
from kgenre.library.scan.worker_pool import CHECK_SECONDS
from kgenre.model.aggregate import NOT_FINITE, SliceOutputs
from kgenre.serving.answers import track_record
from kgenre.serving.model import Model
from kgenre.serving.predict import TrackPrediction
from kgenre.web.classify.decoding import DecodingPool
from kgenre.web.classify.reading import Started

BATCH_SLICES = 32
OK, LOADING, AWAY = "ok", "loading", "away"


class Classifier:
    """A model with the processes that decode for it.

    Args:
        model: serving.Model that takes waveforms and names genres.
        pool: DecodingPool for the model's slices.
        tags: embeddings (slices, d) -> {tag: probability}, for models that have tags.

    Attributes:
        state: OK; LOADING until the model has answered once; AWAY where it did not answer the last time.
    """

    def __init__(self, model: Model, pool: DecodingPool, tags: Callable[[np.ndarray], dict] | None = None):
        self.model, self.pool, self.tags, self.state = model, pool, tags, LOADING
        self._lock = threading.Lock()  # not every runtime answers two threads at once

    @property
    def ready(self) -> bool:
        """Whether the model has answered once."""
        return self.state != LOADING

    def check(self) -> bool:
        """Whether it can classify; a model that did not answer last time is asked again."""
        if self.state == AWAY:
            with contextlib.suppress(KgenreError):
                self._answer([np.zeros(self.model.slice_spec.shape, "float32")])
        return self.state == OK

    def start(self) -> None:
        """Loads the model and starts the processes."""
        outputs = self._answer([np.zeros(self.model.slice_spec.shape, "float32")])
        if self.tags is not None:
            self.tags(outputs.embeddings)
        self.pool.start()
        self.state = OK

    def predict(self, path: str, name: str, check: Callable[[], None]) -> Iterator[float | dict]:
        """Classifies a file. Yields the share that is done, now and then; at last the answer, as `track_record`.

        Args:
            path: of the file.
            name: what the answer calls it.
            check: called about once a second; what it raises ends the work.

        Raises:
            AudioError: the file cannot be used, with the cause.
        """
        slices, batch, rows, facts = 1, [], [], None
        for message in self.pool.messages(path, check):
            if isinstance(message, Started):
                slices = message.slices
            elif isinstance(message, Slice):
                batch.append(message.samples)
            elif isinstance(message, Done):
                facts = message.facts
            if batch and (len(batch) == BATCH_SLICES or facts is not None):
                rows.append(self._answer(batch, check))
                batch = []
                yield min(1.0, sum(len(row.probabilities) for row in rows) / slices)
        outputs = SliceOutputs(*map(np.concatenate, zip(*rows)))
        if not outputs.finite():
            raise AudioError(name, NOT_FINITE)
        tags = None if self.tags is None else self.tags(outputs.embeddings)
        yield track_record(TrackPrediction(name, facts, outputs, self.model.task), tags)

    def _answer(self, slices: list[np.ndarray], check: Callable[[], None] = lambda: None) -> SliceOutputs:
        check()
        while not self._lock.acquire(timeout=CHECK_SECONDS):
            check()
        try:
            outputs = self.model(np.stack(slices))
        except KgenreError:
            self.state = AWAY
            raise
        finally:
            self._lock.release()
        if self.state == AWAY:
            self.state = OK
        return outputs
