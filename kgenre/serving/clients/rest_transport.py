"""TF Serving's REST interface, in its row format, which KServe's V1 protocol has too.

Numbers travel as JSON with nine digits, which keep every bit of a float32: 13 bytes for its four.
"""

import collections
import json
from collections.abc import Callable

import numpy as np

from kgenre.core.transfer import innermost_cause
from kgenre.serving.clients import transport
from kgenre.serving.clients.settings import ClientSettings
from kgenre.serving.clients.transport import Address, Transport

CODES = {  # of HTTP statuses
    400: transport.REFUSED,
    404: transport.UNKNOWN_MODEL,
    412: transport.UNSUITED,
    413: transport.TOO_LARGE,
    429: transport.FULL,
    502: transport.AWAY,
    503: transport.AWAY,
    504: transport.LATE,
}
FORMATS = {"f": "%.9g", "i": "%d"}
KINDS = "ifU"  # of NumPy's types: numbers and texts
# What reading JSON of any kind raises; RecursionError where it is too deep.
NO_PREDICTIONS = (ValueError, LookupError, TypeError, OverflowError, RecursionError)


class RestTransport(Transport):
    VALUE_BYTES = 16  # "-1.23456789e-10,"

    def __init__(self, address: Address, settings: ClientSettings):
        from kgenre.serving.clients.http_session import HttpSession  # takes its time, which no request should lose

        super().__init__(address, settings)
        self._open = HttpSession
        self._free = collections.deque()  # sessions that no thread has now

    def encode(self, signature: str, inputs: dict[str, np.ndarray]) -> bytes:
        names = [json.dumps(name) for name in inputs]
        rows = [
            "{" + ",".join(f"{name}:{_json(value)}" for name, value in zip(names, row)) + "}"
            for row in zip(*inputs.values())
        ]
        return f'{{"signature_name":{json.dumps(signature)},"instances":[{",".join(rows)}]}}'.encode()

    def send(self, request: bytes, seconds: float, check: Callable[[], None]) -> dict[str, np.ndarray]:
        import requests

        if seconds <= 0:
            raise self.late()
        session, url = self._session(), f"{self.address.url}:predict"
        try:
            answer = session.post(url, request, seconds, check, self.address.login)
        except TimeoutError as error:
            raise self.late() from error
        except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError) as error:
            raise self.fault(transport.AWAY, f"no answer ({innermost_cause(error)})") from error
        except requests.RequestException as error:  # an address that is none
            raise self.fault(transport.BROKEN, innermost_cause(error)) from error
        self._free.append(session)
        if answer.status != 200:
            code, asked = CODES.get(answer.status, transport.BROKEN), answer.headers.get("Retry-After", "")
            wait = float(asked) if asked.isdecimal() else 0.0
            raise self.fault(code, f"status {answer.status}, {_reason(answer.body) or answer.reason}", wait)
        return self._outputs(answer.body)

    def _session(self):
        try:
            return self._free.pop()
        except IndexError:
            return self._open()

    def _outputs(self, body: bytes) -> dict[str, np.ndarray]:
        """{"predictions": [{name: value, ...} of each row]}; a signature of one output has values without names."""
        try:
            rows = json.loads(body)["predictions"]
            columns = (
                {name: [row[name] for row in rows] for name in rows[0]} if isinstance(rows[0], dict) else {"": rows}
            )
            outputs = {name: np.array(column) for name, column in columns.items()}
            if any(values.dtype.kind not in KINDS for values in outputs.values()):
                raise TypeError("values that are neither numbers nor texts")
            return outputs
        except NO_PREDICTIONS as error:
            text = body[:100].decode(errors="replace")
            raise self.fault(transport.BROKEN, f"answered with something else than predictions: {text}") from error


def _json(value) -> str:
    if np.ndim(value) == 0:
        return FORMATS[value.dtype.kind] % value
    if np.ndim(value) > 1:
        return f"[{','.join(map(_json, value))}]"
    return f"[{','.join(map(FORMATS[value.dtype.kind].__mod__, value.tolist()))}]"


def _reason(body: bytes) -> str:
    """What the server says of a fault."""
    try:
        return str(json.loads(body)["error"])
    except NO_PREDICTIONS:
        return body[:100].decode(errors="replace")
