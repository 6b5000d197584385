"""What the two ways of asking have in common: one question, its retries, its deadline, and one line for each fault."""

import abc
import itertools
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from kgenre.core.errors import KgenreError
from kgenre.serving.clients.settings import ClientSettings

log = logging.getLogger(__name__)

# Seconds before each retry: 7.5 s in all, after which an address counts as a wrong one, or a server as gone.
WAITS = (0.5, 1.0, 2.0, 4.0)
CHECK_SECONDS = 1.0  # between two calls of what may end a request early

# gRPC's names of faults, and TOO_LARGE, which gRPC calls RESOURCE_EXHAUSTED as it does a full server. What to do then.
FULL, AWAY, LATE, TOO_LARGE = "RESOURCE_EXHAUSTED", "UNAVAILABLE", "DEADLINE_EXCEEDED", "TOO_LARGE"
REFUSED, UNKNOWN_MODEL, UNSUITED = "INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION"
BROKEN = "INTERNAL"
RETRIED = (FULL, AWAY, LATE)
NEXT_STEPS = {
    FULL: "Ask again later, or start more servers.",
    AWAY: "Is the address right, and the server running? By itself TF Serving has REST at port 8501 and gRPC at 8500, "
    "http and grpc rather than https and grpcs.",
    LATE: "Allow it more time with --timeout-seconds, or send less at once with --max-message-mib.",
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


class ModelReplaced(KgenreError):
    """A server has another model at the same address than before."""


@dataclass(frozen=True)
class Address:
    """Where a model is: the whole of its url, and its parts. Version and label are None where the newest is asked.

    login: user and password. They are in no other part, for these are shown.
    """

    url: str
    scheme: str
    netloc: str
    name: str
    version: str | None = None
    label: str | None = None
    login: tuple[str, str] | None = field(default=None, repr=False)


def no_check() -> None:
    """Nothing ends a request early."""


class Transport(abc.ABC):
    """Asks a model's signatures; from several threads at once, too.

    VALUE_BYTES: of a number in a message, at most.
    patient: whether a server that has answered before is asked again until the time of a request is over, for it may
        be loading a model after a restart.
    """

    VALUE_BYTES: int

    def __init__(self, address: Address, settings: ClientSettings):
        self.address, self.settings, self.patient = address, settings, False
        self._has_answered = False

    def ask(
        self, signature: str, inputs: dict[str, np.ndarray], check: Callable[[], None] = no_check
    ) -> dict[str, np.ndarray]:
        """The outputs of a signature; texts as NumPy's strings.

        Args:
            inputs: float32 or int32, of one first dimension, the batch.
            check: called before each attempt and about once a second; what it raises ends all of it.

        Raises:
            ServingError: no answer, after the retries, or none within the time.
        """
        request, deadline = self.encode(signature, inputs), time.monotonic() + self.settings.timeout_seconds
        last = WAITS[-1] if self.patient and self._has_answered else None
        for number, wait in enumerate(itertools.chain(WAITS, itertools.repeat(last))):
            check()
            try:
                outputs = self.send(request, max(0.0, deadline - time.monotonic()), check)
                self._has_answered = True
                return outputs
            except ServingError as error:
                if error.code not in RETRIED or wait is None:
                    raise
                wait = max(wait, error.wait)
                if time.monotonic() + wait >= deadline:
                    raise
                if number == 0:
                    left = deadline - time.monotonic()
                    left = left if last else min(left, sum(WAITS))
                    log.info("%s: no answer yet (%s); asking again for %.0f s.", self.address.url, error.code, left)
            _sleep(wait, check)

    @abc.abstractmethod
    def encode(self, signature: str, inputs: dict[str, np.ndarray]):
        """The request as `send` takes it."""

    @abc.abstractmethod
    def send(self, request, seconds: float, check: Callable[[], None]) -> dict[str, np.ndarray]:
        """Sends it once, and waits for `seconds` at most. Raises ServingError, and what `check` raises."""

    def fault(self, code: str, reason: str, wait: float = 0.0) -> ServingError:
        return ServingError(self.address.url, code, reason, wait)

    def late(self) -> ServingError:
        return self.fault(LATE, f"no answer within {self.settings.timeout_seconds:g} s")


def _sleep(seconds: float, check: Callable[[], None]) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(left, CHECK_SECONDS))
        check()
