"""A model that TensorFlow Serving serves, as a serving.Model.

Slices are sent, rather than songs: a long song is then in as many requests as it needs, several short ones share one,
and everything else is as with any model. Slices of a song follow each other and are the song, unless the model has
slices that overlap; what is sent twice is less than one slice of a song, 1 % of four minutes for slices of 5.94 s.
"""

from collections.abc import Callable

import numpy as np

from kgenre.core.errors import KgenreError
from kgenre.model.aggregate import SliceOutputs
from kgenre.serving.clients.open_transport import open_transport
from kgenre.serving.clients.settings import ClientSettings
from kgenre.serving.clients.transport import REFUSED, UNSUITED, ServingError, no_check
from kgenre.serving.exporters.saved_model.signatures import ABOUT_ROWS, LENGTHS, masked_name
from kgenre.serving.metadata import task_and_spec
from kgenre.serving.model import Model

ROW_BYTES, REQUEST_BYTES = 100, 500  # names, shapes and lengths of a slice, and of a request


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

    def __init__(self, url: str, settings: ClientSettings | None = None, patient: bool = False):
        settings = settings or ClientSettings()
        self._transport = open_transport(url, settings)
        self._transport.patient = patient
        self.name = self._transport.address.url
        about = self._about()
        try:
            self.task, self.slice_spec = task_and_spec(about)
        except KeyError as error:
            raise KgenreError(f"{url}: not a model that kgenre exported: it does not tell {error}.") from error
        self.identity = f"{self.name} {about.get('weights_revision', '')} {about.get('front_end_revision', '')}"
        slice_bytes = int(np.prod(self.slice_spec.shape)) * self._transport.VALUE_BYTES + ROW_BYTES
        self.slices_at_once = (settings.max_message_bytes - REQUEST_BYTES) // slice_bytes
        if self.slices_at_once < 1:
            raise KgenreError(
                f"--max-message-mib must hold a slice of {self.name}, {slice_bytes / 2**20:.3g} MiB. "
                f"Received: {settings.max_message_mib:g}."
            )

    def __call__(self, slices: np.ndarray, check: Callable[[], None] = no_check) -> SliceOutputs:
        """As serving.Model has it; from several threads at once, too.

        Args:
            check: called before each attempt of a request and about once a second; what it raises ends the work.
        """
        size = self.slices_at_once
        parts = [self._answer(slices[at : at + size], check) for at in range(0, len(slices), size)]
        return SliceOutputs(*map(np.concatenate, zip(*parts)))

    def _about(self) -> dict:
        """What the model says of itself. Of rows, for TF Serving's REST interface calls no signature without inputs."""
        try:
            found = self._transport.ask(ABOUT_ROWS, {"row": np.zeros(1, "int32")})
        except ServingError as error:
            if error.code in (REFUSED, UNSUITED):
                raise KgenreError(f"{self.name}: not a model that kgenre exported ({error}).") from error
            raise
        return {name: values[0].tolist() for name, values in found.items() if len(values)}

    def _answer(self, slices: np.ndarray, check: Callable[[], None]) -> SliceOutputs:
        """Each slice as a track of its own, whose answer is the slice's.

        Their lengths are told although they are equal: a server that joins requests of several clients fills shorter
        ones up.
        """
        spec = self.slice_spec
        lengths = np.full(len(slices), spec.slice_samples, "int32")
        found = self._transport.ask(masked_name(spec), {spec.input: slices, LENGTHS[spec.input]: lengths}, check)
        outputs = [np.asarray(found.get(name, ()), "float32") for name in ("probabilities", "embedding")]
        shapes = [output.shape for output in outputs]
        if shapes[0] != (len(slices), len(self.labels)) or len(shapes[1]) != 2 or shapes[1][0] != len(slices):
            raise KgenreError(
                f"{self.name}: {len(slices)} slices must have {len(self.labels)} probabilities and an embedding each. "
                f"Received: the shapes {shapes[0]} and {shapes[1]}. The model may have been replaced: run again."
            )
        return SliceOutputs(*outputs)
