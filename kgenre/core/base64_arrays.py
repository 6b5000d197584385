"""Arrays as text, for JSON."""

import base64

import numpy as np


def packed(values, kind: str) -> str:
    """The bytes of values as numbers of a NumPy type, such as "<f4", in base64."""
    return base64.b64encode(np.asarray(values).astype(kind).tobytes()).decode()


def unpacked(text: str, kind: str) -> np.ndarray:
    """What `packed` was given, (n,).

    Raises:
        ValueError: no base64, or bytes of no whole number of values.
    """
    return np.frombuffer(base64.b64decode(text), kind)
