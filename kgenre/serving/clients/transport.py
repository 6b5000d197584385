"""What the two ways of asking have in common: one question, its retries, its deadline, and one line for each fault."""

import abc
import itertools
import time
from dataclasses import dataclass

import numpy as np

from kgenre.core.errors import KgenreError
from kgenre.serving.clients.settings import ClientSettings

# Seconds before each retry: 7.5 s in all, after which an address counts as a wrong one, or a server as gone.
WAITS = (0.5, 1.0, 2.0, 4.0)

# gRPC's names of faults, and TOO_LARGE, which gRPC calls RESOURCE_EXHAUSTED as it does a full server. What to do then.
FULL, AWAY, LATE, TOO_LARGE = "RESOURCE_EXHAUSTED", "UNAVAILABLE", "DEADLINE_EXCEEDED", "TOO_LARGE"
REFUSED, UNKNOWN_MODEL, UNSUITED = "INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION"
BROKEN = "INTERNAL"
RETRIED = (FULL, AWAY, LATE)
NEXT_STEPS = {
    FULL: "Ask again later, or start more servers.",
    AWAY: "Is the address right, and the server running?",
    LATE: "Allow it more time with --timeout, or send less at once with --max-message-mib.",
    TOO_LARGE: "Send less at once with --max-message-mib.",
    REFUSED: "Is it a model that kgenre exported?",
    UNSUITED: "Is it a model that kgenre exported?",
    UNKNOWN_MODEL: "Are its name, version and label right, and is it loaded?",
}
OTHER_STEP = "Its log may tell more."


class ServingError(KgenreError):
    """A fault of a server or of the way to it.

    code: a key of NEXT_STEPS, or another name of gRPC's.
    wait: seconds for which the server asks to be left alone.
    """

    def __init__(self, address: str, code: str, reason: str, wait: float = 0.0):
        reason = " ".join(reason.split())[:300].rstrip(".") or "no message"
        super().__init__(f"{address}: TF Serving: {code}, {reason}. {NEXT_STEPS.get(code, OTHER_STEP)}")
        self.code, self.wait = code, wait


@dataclass(frozen=True)
class Address:
    """Where a model is: the whole of its url, and its parts. Version and label are None where the newest is asked."""

    url: str
    scheme: str
    netloc: str
    name: str
    version: str | None = None
    label: str | None = None


class Transport(abc.ABC):
    """Asks a model's signatures.

    VALUE_BYTES: of a number in a message, at most.
    patient: whether a server that has answered before is asked again until the time of a request is over, for it may
        be loading a model after a restart.
    """

    VALUE_BYTES: int

    def __init__(self, address: Address, settings: ClientSettings):
        self.address, self.settings, self.patient = address, settings, False
        self._has_answered = False

    def ask(self, signature: str, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The outputs of a signature; texts as NumPy's strings.

        Args:
            inputs: float32 or int32, of one first dimension, the batch.

        Raises:
            ServingError: no answer, after the retries, or none within the time.
        """
        request, deadline = self.encode(signature, inputs), time.monotonic() + self.settings.timeout
        last = WAITS[-1] if self.patient and self._has_answered else None
        for wait in itertools.chain(WAITS, itertools.repeat(last)):
            try:
                outputs = self.send(request, deadline - time.monotonic())
                self._has_answered = True
                return outputs
            except ServingError as error:
                if error.code not in RETRIED or wait is None:
                    raise
                wait = max(wait, error.wait)
                if time.monotonic() + wait >= deadline:
                    raise
            time.sleep(wait)

    @abc.abstractmethod
    def encode(self, signature: str, inputs: dict[str, np.ndarray]):
        """The request as `send` takes it."""

    @abc.abstractmethod
    def send(self, request, seconds: float) -> dict[str, np.ndarray]:
        """Sends it once, and waits for `seconds` at most. Raises ServingError."""

    def fault(self, code: str, reason: str, wait: float = 0.0) -> ServingError:
        return ServingError(self.address.url, code, reason, wait)
