"""A .tflite file as a serving.Model: answers without TensorFlow, by LiteRT and XNNPACK."""

import copy
import os
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from kgenre.core import packages
from kgenre.core.errors import KgenreError
from kgenre.model.aggregate import SliceOutputs
from kgenre.model.unsure import rule_from
from kgenre.serving.litert_file import read_metadata
from kgenre.serving.metadata import task_and_spec
from kgenre.serving.model import Model

SUFFIX = ".tflite"
SIGNATURE = "serving_default"
OUTPUTS = ("probabilities", "embedding")  # in the order of SliceOutputs
MOST_THREADS = 8  # each has an interpreter, of 30 MB for the default model


class LitertModel(Model):
    """An exported .tflite file with what it says of itself. Any thread may call it, and any child of a fork.

    Slices are answered side by side, each on one core by an interpreter of its own: that has a sixth more throughput
    than one interpreter with all cores, which wait for each other at the end of each layer.

    Its identity is that of the SavedModel of the same weights, with which it agrees to 1e-4, so that the vectors of
    both may be mixed; a quantized file has an identity of its own.

    Args:
        path: the file.
        name: as people call it; the path if not given.
        threads: slices that are answered at once; as many as this process may use cores, at most MOST_THREADS, if
            not given.

    Raises:
        KgenreError: no .tflite file of kgenre's at the path.
    """

    def __init__(self, path, name: str | None = None, threads: int | None = None):
        self.path, self.name, self.threads = (
            Path(path),
            name or str(path),
            threads or min(available_cores(), MOST_THREADS),
        )
        metadata = read_metadata(self.path)
        self.task, self.slice_spec = task_and_spec(metadata)
        self.identity, self.leaky = metadata["identity"], metadata.get("leaky", "")
        self.unsure = rule_from(metadata.get("unsure"))
        self._begin()
        _models.add(self)

    def _begin(self) -> None:
        """Forgets threads and interpreters; new ones come with the first slices."""
        self._of_thread = threading.local()
        self._threads = ThreadPoolExecutor(self.threads, thread_name_prefix="litert")

    def limit_threads(self, threads: int) -> None:
        self.threads = threads
        self._begin()

    def in_background(self) -> "LitertModel":
        """With threads and interpreters of its own, started by the first call; see Model."""
        twin = copy.copy(self)
        twin._begin()
        _models.add(twin)
        return twin

    def _runner(self):
        """The signature's runner of this thread; made when its first slice comes."""
        if not hasattr(self._of_thread, "runner"):
            self._of_thread.runner = self._new_runner()
        return self._of_thread.runner

    def _new_runner(self):
        check_installed()
        from ai_edge_litert.interpreter import Interpreter

        try:
            interpreter = Interpreter(str(self.path), num_threads=1)
            interpreter.allocate_tensors()
            return interpreter.get_signature_runner(SIGNATURE)
        except (ValueError, RuntimeError) as error:
            raise KgenreError(f"{self.path}: not a readable .tflite file ({str(error).splitlines()[0]}).") from error

    def __call__(self, slices: np.ndarray) -> SliceOutputs:
        slices = np.asarray(slices, "float32")
        answers = list(self._threads.map(self._answer, slices))
        if not answers:
            sizes = self._threads.submit(lambda: self._runner().get_output_details()).result()
            return SliceOutputs(*(np.zeros((0, sizes[name]["shape"][1]), "float32") for name in OUTPUTS))
        return SliceOutputs(*(np.concatenate([answer[name] for answer in answers]) for name in OUTPUTS))

    def _answer(self, piece: np.ndarray) -> dict:
        return self._runner()(**{self.slice_spec.input: piece[np.newaxis]})


_models: weakref.WeakSet[LitertModel] = weakref.WeakSet()


def _begin_in_child() -> None:
    """A forked child has the pools of its parent without their threads, and would wait for these for ever."""
    for model in list(_models):
        model._begin()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_in_child)


def installed() -> bool:
    """Whether LiteRT can be imported; it is not imported."""
    return packages.installed("ai_edge_litert")


def check_installed() -> None:
    """Raises KgenreError where there is no LiteRT."""
    if not installed():
        raise KgenreError("LiteRT is not installed. Install it with `pip install ai-edge-litert`.")


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
