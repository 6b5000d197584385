"""A .tflite file as a serving.Model: answers without TensorFlow, by LiteRT and XNNPACK."""

import functools
import importlib.util
import os
import threading
from pathlib import Path

import numpy as np

from kgenre.core.errors import KgenreError
from kgenre.model.aggregate import SliceOutputs
from kgenre.serving.litert_file import read_metadata
from kgenre.serving.metadata import task_and_spec
from kgenre.serving.model import Model

SUFFIX = ".tflite"
SIGNATURE = "serving_default"


class LitertModel(Model):
    """An exported .tflite file with what it says of itself. Any thread may call it; one at a time is answered.

    Its identity is that of the SavedModel of the same weights, with which it agrees to 1e-4, so that the vectors of
    both may be mixed; a quantized file has an identity of its own.

    Args:
        path: the file.
        name: as people call it; the path if not given.
        threads: of LiteRT; one for each core that this process may use if not given.

    Raises:
        KgenreError: no .tflite file of kgenre's at the path.
    """

    def __init__(self, path, name: str | None = None, threads: int | None = None):
        self.path, self.name, self.threads = Path(path), name or str(path), threads or available_cores()
        metadata = read_metadata(self.path)
        self.task, self.slice_spec = task_and_spec(metadata)
        self.identity, self.leaky = metadata["identity"], metadata.get("leaky", "")
        self._lock = threading.Lock()

    @functools.cached_property
    def _answer(self):
        """The signature's runner; made when the first slice comes."""
        check_installed()
        from ai_edge_litert.interpreter import Interpreter

        try:
            interpreter = Interpreter(str(self.path), num_threads=self.threads)
            interpreter.allocate_tensors()
            return interpreter.get_signature_runner(SIGNATURE)
        except (ValueError, RuntimeError) as error:
            raise KgenreError(f"{self.path}: not a readable .tflite file ({str(error).splitlines()[0]}).") from error

    def __call__(self, slices: np.ndarray) -> SliceOutputs:
        slices = np.asarray(slices, "float32")
        with self._lock:
            answers = [self._answer(**{self.slice_spec.input: slices[i : i + 1]}) for i in range(len(slices))]
            sizes = self._answer.get_output_details()
        return SliceOutputs(*(self._rows(answers, name, sizes) for name in ("probabilities", "embedding")))

    @staticmethod
    def _rows(answers: list[dict], name: str, sizes: dict) -> np.ndarray:
        empty = np.zeros((0, sizes[name]["shape"][1]), "float32")
        return np.concatenate([empty, *(answer[name] for answer in answers)])


def installed() -> bool:
    """Whether LiteRT can be imported; it is not imported."""
    return importlib.util.find_spec("ai_edge_litert") is not None


def check_installed() -> None:
    """Raises KgenreError where there is no LiteRT."""
    if not installed():
        raise KgenreError("LiteRT is not installed. Install it with `pip install ai-edge-litert`.")


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
