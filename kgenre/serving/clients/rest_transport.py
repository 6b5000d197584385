"""TF Serving's REST interface, in its row format, which KServe's V1 protocol has too.

Numbers travel as JSON with nine digits, which keep every bit of a float32: 13 bytes for its four.
"""

import json
import time

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
CHUNK_BYTES = 1 << 16


class RestTransport(Transport):
    VALUE_BYTES = 16  # "-1.23456789e-10,"

    def __init__(self, address: Address, settings: ClientSettings):
        import requests

        super().__init__(address, settings)
        self._session = requests.Session()

    def encode(self, signature: str, inputs: dict[str, np.ndarray]) -> bytes:
        names = [json.dumps(name) for name in inputs]
        rows = [
            "{" + ",".join(f"{name}:{_json(value)}" for name, value in zip(names, row)) + "}"
            for row in zip(*inputs.values())
        ]
        return f'{{"signature_name":{json.dumps(signature)},"instances":[{",".join(rows)}]}}'.encode()

    def send(self, request: bytes, seconds: float) -> dict[str, np.ndarray]:
        import requests

        late = self.fault(transport.LATE, f"no answer within {self.settings.timeout:g} s")
        if seconds <= 0:
            raise late
        deadline = time.monotonic() + seconds
        try:
            with self._session.post(
                f"{self.address.url}:predict", data=request, timeout=seconds, stream=True, allow_redirects=False,
                headers={"Content-Type": "application/json"},
            ) as response:  # fmt: skip
                body = b""
                for chunk in response.iter_content(CHUNK_BYTES):
                    body += chunk
                    if time.monotonic() > deadline:  # the timeout of requests is of each wait, not of all
                        raise late
        except requests.Timeout as error:
            raise late from error
        except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError) as error:
            raise self.fault(transport.AWAY, f"no answer ({innermost_cause(error)})") from error
        except requests.RequestException as error:  # an address that is none
            raise self.fault(transport.BROKEN, innermost_cause(error)) from error
        if response.status_code != 200:
            status = response.status_code
            code, asked = CODES.get(status, transport.BROKEN), response.headers.get("Retry-After", "")
            wait = float(asked) if asked.isdecimal() else 0.0
            raise self.fault(code, f"status {status}, {_reason(body) or response.reason}", wait)
        return self._outputs(body)

    def _outputs(self, body: bytes) -> dict[str, np.ndarray]:
        """{"predictions": [{name: value, ...} of each row]}; a signature of one output has values without names."""
        try:
            rows = json.loads(body)["predictions"]
            if not isinstance(rows[0], dict):
                return {"": np.array(rows)}
            return {name: np.array([row[name] for row in rows]) for name in rows[0]}
        except (ValueError, LookupError, TypeError) as error:
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
    except (ValueError, LookupError, TypeError):
        return body[:100].decode(errors="replace")
