"""From an upload to its answer: slices of a decoding process through the model, in batches."""

import contextlib
import logging
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
from kgenre.serving.clients.transport import ModelReplaced
from kgenre.serving.model import Model
from kgenre.serving.predict import TrackPrediction
from kgenre.web.classify.decoding import DecodingPool
from kgenre.web.classify.reading import Started

log = logging.getLogger(__name__)

BATCH_SLICES = 32
OK, LOADING, AWAY = "ok", "loading", "away"


def has_tags(model: Model) -> bool:
    """Whether a model's tags say more than its genres: those of one that gives several labels are its genres."""
    return not set(model.tag_names) <= set(model.labels)


class Classifier:
    """A model with the processes that decode for it.

    Args:
        model: serving.Model that takes waveforms and names genres.
        pool: DecodingPool for the model's slices.

    Attributes:
        state: OK; LOADING until the model has answered once; AWAY where it did not answer the last time.
    """

    def __init__(self, model: Model, pool: DecodingPool):
        self.model, self.pool, self.state = model, pool, LOADING
        self._lock = threading.Lock()  # not every runtime answers two threads at once

    @property
    def ready(self) -> bool:
        """Whether the model has answered once."""
        return self.state != LOADING

    def check(self) -> None:
        """Asks a model again that did not answer the last time."""
        if self.state == AWAY:
            with contextlib.suppress(KgenreError):
                self._try()

    def start(self) -> None:
        """Loads the model and starts the processes."""
        self._try()
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
        model, slices, batch, rows, facts = self.model, 1, [], [], None
        for message in self.pool.messages(path, check):
            if isinstance(message, Started):
                slices = message.slices
            elif isinstance(message, Slice):
                batch.append(message.samples)
            elif isinstance(message, Done):
                facts = message.facts
            if batch and (len(batch) == BATCH_SLICES or facts is not None):
                rows.append(self._answer(model, batch, check))
                batch = []
                yield min(1.0, sum(len(row.probabilities) for row in rows) / slices)
        with self._told(model):
            model.confirm(check)
        outputs = SliceOutputs(*map(np.concatenate, zip(*rows)))
        if not outputs.finite():
            raise AudioError(name, NOT_FINITE)
        tags = model.tags(outputs) if has_tags(model) else None
        yield track_record(TrackPrediction(name, facts, outputs, model.task, model.unsure), tags)

    def _try(self) -> SliceOutputs:
        """The answer to a slice of silence."""
        return self._answer(self.model, [np.zeros(self.model.slice_spec.shape, "float32")])

    def _answer(self, model: Model, slices: list[np.ndarray], check: Callable[[], None] = lambda: None) -> SliceOutputs:
        with self._told(model), self._turn(check):
            return model.ask(np.stack(slices), check)

    @contextlib.contextmanager
    def _turn(self, check: Callable[[], None]) -> Iterator[None]:
        """The model for this thread alone; for all of them, where it is another machine that computes."""
        if self.model.waits:
            yield
            return
        while not self._lock.acquire(timeout=CHECK_SECONDS):
            check()
        try:
            yield
        finally:
            self._lock.release()

    @contextlib.contextmanager
    def _told(self, model: Model) -> Iterator[None]:
        """Notes whether the model answers; where another has replaced it, that is asked from now on."""
        try:
            yield
        except ModelReplaced:
            with contextlib.suppress(KgenreError):
                self._renew(model)
            raise
        except KgenreError:
            self.state = AWAY
            raise
        if self.state == AWAY:
            self.state = OK

    def _renew(self, model: Model) -> None:
        renewed = model.renewed()
        if renewed.slice_spec != model.slice_spec or not renewed.labels:
            self.state = AWAY
            log.error("%s has other slices, or no genres, now. Start this server again.", model.name)
        elif self.model is model:
            self.model = renewed
