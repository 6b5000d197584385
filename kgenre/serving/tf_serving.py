"""A model that TensorFlow Serving serves, as a serving.Model: asked over its REST interface.

Slices travel as JSON numbers, which keep every bit of a float32 but are five times its size: the network between should
be a fast one.
"""

import json
import time
from urllib.parse import urlsplit

import numpy as np

from kgenre.core.errors import KgenreError
from kgenre.model.aggregate import SliceOutputs
from kgenre.serving.metadata import task_and_spec
from kgenre.serving.model import Model

SLICES_AT_ONCE = 8  # 5 MB of JSON for slices of 3 s at 16 kHz
TIMEOUT_SECONDS = 60.0
ATTEMPTS, FIRST_WAIT_SECONDS = 4, 0.5  # while TF Serving starts, loads a version or is full
BUSY = frozenset((429, 502, 503, 504))


class TfServingModel(Model):
    """A model of kgenre's at an address like http://localhost:8501/v1/models/genres, or .../versions/2 below it.

    Raises:
        KgenreError: no such address, nothing answers there, or it is no model of kgenre's.
    """

    def __init__(self, url: str):
        import requests

        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or "/v1/models/" not in parts.path:
            raise KgenreError(
                f"A model of TF Serving is an address like http://localhost:8501/v1/models/genres. Received: {url}."
            )
        self.name, self._session = url.rstrip("/"), requests.Session()
        # about_rows rather than about: TF Serving's REST interface does not call signatures without inputs.
        about = {name: values[0] for name, values in self._ask("about_rows", {"row": [0]}).items()}
        try:
            self.task, self.slice_spec = task_and_spec(about)
        except KeyError as error:
            raise KgenreError(f"{url}: not a model that kgenre exported: it does not tell {error}.") from error
        self.identity = f"{self.name} {about.get('weights_revision', '')} {about.get('front_end_revision', '')}"

    def __call__(self, slices: np.ndarray) -> SliceOutputs:
        parts = [self._answer(slices[at : at + SLICES_AT_ONCE]) for at in range(0, len(slices), SLICES_AT_ONCE)]
        return SliceOutputs(*map(np.concatenate, zip(*parts)))

    def _answer(self, slices: np.ndarray) -> SliceOutputs:
        """Each slice as a track of its own, whose answer is the slice's."""
        found = self._ask("serving_default", {self.slice_spec.input: slices.tolist()})
        return SliceOutputs(*(np.array(found[name], "float32") for name in ("probabilities", "embedding")))

    def _ask(self, signature: str, inputs: dict) -> dict:
        import requests

        body = json.dumps({"signature_name": signature, "inputs": inputs})
        for attempt in range(1, ATTEMPTS + 1):
            try:
                answer = self._session.post(f"{self.name}:predict", data=body, timeout=TIMEOUT_SECONDS)
                reason = "" if answer.ok else f"status {answer.status_code}, {_error_of(answer)}"
                if answer.status_code not in BUSY:
                    break
            except (requests.ConnectionError, requests.Timeout) as error:
                reason = f"no answer ({type(error).__name__})"
            if attempt < ATTEMPTS:
                time.sleep(FIRST_WAIT_SECONDS * 2 ** (attempt - 1))
        if reason:
            raise KgenreError(f"{self.name}: TF Serving: {reason}. Is the address right, and the model loaded?")
        outputs = answer.json()["outputs"]
        return outputs if isinstance(outputs, dict) else {"": outputs}  # a signature of one output has no names


def _error_of(answer) -> str:
    try:
        return str(answer.json().get("error", ""))[:300]
    except ValueError:
        return answer.text[:100]
