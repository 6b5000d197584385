"""A model that TensorFlow Serving serves, as a serving.Model.

Slices are sent, rather than songs: a long song is then in as many requests as it needs, several short ones share one,
and everything else is as with any model. Slices of a song follow each other and are the song, unless the model has
slices that overlap; what is sent twice is less than one slice of a song, 1 % of four minutes for slices of 5.94 s.
"""

import math
import time
from collections.abc import Callable

import numpy as np

from kgenre.core.errors import KgenreError
from kgenre.model.aggregate import SliceOutputs
from kgenre.model.unsure import rule_from
from kgenre.serving.clients.about import About, read_about
from kgenre.serving.clients.open_transport import open_transport
from kgenre.serving.clients.settings import ClientSettings
from kgenre.serving.clients.transport import REFUSED, UNSUITED, ModelReplaced, ServingError, no_check
from kgenre.serving.exporters.saved_model.signatures import ABOUT_ROWS, LENGTHS, masked_name
from kgenre.serving.model import Model

ROW_BYTES, REQUEST_BYTES = 100, 500  # names, shapes and lengths of a slice, and of a request
CONFIRM_SECONDS = 10.0  # between two questions whether the model is still the same
TOLERANCE = 1e-3  # of probabilities, which a sum of float16 may bring beyond 0 and 1


class TfServingModel(Model):
    """A model of kgenre's at an address as `open_transport` takes.

    Args:
        patient: whether a server that has answered and goes away is waited for until a request's time is over.

    Attributes:
        slices_at_once: slices that one request has at most.

    Raises:
        KgenreError: no such address, nothing answers there, it is no model of kgenre's, or a message may not be as
            large as a slice of it.
    """

    waits = True

    def __init__(self, url: str, settings: ClientSettings | None = None, patient: bool = False):
        settings = settings or ClientSettings()
        self._url = url
        self._transport = open_transport(url, settings)
        self._transport.patient = patient
        self.name = self._transport.address.url
        about = self._ask_about()
        self.task, self.slice_spec = about.make_task(), about.spec
        self.identity = f"{self.name} {about.weights_revision} {about.front_end_revision}"
        self.leaky, self.unsure = about.leaky, rule_from(about.unsure)
        self._about, self._confirmed = about, time.monotonic()
        slice_bytes = math.prod(self.slice_spec.shape) * self._transport.VALUE_BYTES + ROW_BYTES
        self.slices_at_once = (settings.max_message_bytes - REQUEST_BYTES) // slice_bytes
        if self.slices_at_once < 1:
            raise KgenreError(
                f"--max-message-mib must hold a slice of {self.name}, {slice_bytes / 2**20:.3g} MiB. "
                f"Received: {settings.max_message_mib:g}."
            )

    def __call__(self, slices: np.ndarray) -> SliceOutputs:
        return self.ask(slices, no_check)

    def ask(self, slices: np.ndarray, check: Callable[[], None]) -> SliceOutputs:
        size = self.slices_at_once
        parts = [self._answer(slices[at : at + size], check) for at in range(0, len(slices), size)]
        if time.monotonic() - self._confirmed > CONFIRM_SECONDS:
            self.confirm(check)
        return SliceOutputs(*map(np.concatenate, zip(*parts)))

    def confirm(self, check: Callable[[], None] = no_check) -> None:
        """Asks whether the server still has the model that it had, for its answers bear no names.

        Raises:
            ModelReplaced: it has another one, from now on or for CONFIRM_SECONDS at most.
        """
        self._confirmed = time.monotonic()
        if self._ask_about(check) != self._about:
            self._confirmed = -math.inf  # every thread is to know
            raise ModelReplaced(
                f"{self.name}: the model was replaced while it was asked. The last answers may be of either: run again."
            )

    def renewed(self) -> "TfServingModel":
        """The model that the server has now."""
        return TfServingModel(self._url, self._transport.settings, self._transport.patient)

    def _ask_about(self, check: Callable[[], None] = no_check) -> About:
        """What the model says of itself. Of rows, for TF Serving's REST interface calls no signature without inputs."""
        try:
            found = self._transport.ask(ABOUT_ROWS, {"row": np.zeros(1, "int32")}, check)
        except ServingError as error:
            if error.code in (REFUSED, UNSUITED):
                raise KgenreError(f"{self.name}: not a model that kgenre exported ({error}).") from error
            raise
        return read_about(self.name, {name: values[0].tolist() for name, values in found.items() if np.size(values)
                                      and np.ndim(values)})  # fmt: skip

    def _answer(self, slices: np.ndarray, check: Callable[[], None]) -> SliceOutputs:
        """Each slice as a track of its own, whose answer is the slice's.

        Their lengths are told although they are equal: a server that joins requests of several clients fills shorter
        ones up.
        """
        spec = self.slice_spec
        lengths = np.full(len(slices), spec.slice_samples, "int32")
        found = self._transport.ask(masked_name(spec), {spec.input: slices, LENGTHS[spec.input]: lengths}, check)
        outputs = [_floats(found.get(name, ())) for name in ("probabilities", "embedding")]
        shapes = [output.shape for output in outputs]
        if shapes[0] != (len(slices), len(self.labels)) or len(shapes[1]) != 2 or shapes[1][0] != len(slices):
            self.confirm(check)
            raise KgenreError(
                f"{self.name}: {len(slices)} slices must have {len(self.labels)} probabilities and an embedding each. "
                f"Received: the shapes {shapes[0]} and {shapes[1]}. Is it a model that kgenre exported?"
            )
        probabilities, embeddings = outputs
        if not ((probabilities >= -TOLERANCE) & (probabilities <= 1 + TOLERANCE)).all():  # NaN is neither
            raise KgenreError(
                f"{self.name}: probabilities must be in [0, 1]. Received: {probabilities.min():g} to "
                f"{probabilities.max():g}. Export the model again, or look at the server's log."
            )
        return SliceOutputs(probabilities.clip(0, 1), embeddings)


def _floats(values) -> np.ndarray:
    """Values as float32; none of a type that has no numbers."""
    values = np.asarray(values)
    with np.errstate(over="ignore"):
        return values.astype("float32") if values.dtype.kind in "if" else np.empty(0, "float32")
