"""The model interface: what every caller may rely on, wherever a model comes from.

A SavedModel, a Keras model in training, VGGish, and later a LiteRT file or a remote server implement it.
Callers never ask which one they have.
"""

import abc
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from kgenre.audio.inputs import WAVEFORM
from kgenre.audio.policy import DEFAULT_POLICY, ReadPolicy
from kgenre.audio.slicing import SliceSpec
from kgenre.model.aggregate import SliceOutputs, aggregate
from kgenre.model.tasks import Task
from kgenre.model.unsure import UnsureRule
from kgenre.serving.tags import TagLayer, ranked

if TYPE_CHECKING:
    from kgenre.serving.predict import TrackPrediction


# Of audio that a network is given at once: the first map of the taggers takes 1.5 MB per second of audio, and larger
# batches are no faster on a CPU.
AT_ONCE_SECONDS = 100
MODELS = "A model is a run folder, a SavedModel folder, a .tflite file or a name such as default"  # what --model takes


def slices_at_once(spec: SliceSpec) -> int:
    """How many slices of audio a network is given at once: AT_ONCE_SECONDS, or one that is longer."""
    return max(1, int(AT_ONCE_SECONDS // spec.slice_seconds))


def answer_in_parts(answer: Callable[[np.ndarray], SliceOutputs], slices: np.ndarray, spec: SliceSpec) -> SliceOutputs:
    """What `answer` gives for slices, asked for a few at a time; spectrograms, which are small, all at once."""
    if spec.input != WAVEFORM:
        return answer(slices)
    size = slices_at_once(spec)
    parts = [answer(slices[i : i + size]) for i in range(0, max(1, len(slices)), size)]
    return SliceOutputs(*map(np.concatenate, zip(*parts)))


class Model(abc.ABC):
    """Slices in, probabilities and embeddings out.

    name: as people call it.
    identity: hash of all that its answers depend on; vectors of two identities are never mixed.
    task: its labels, and what is decided from its probabilities; without labels where it only gives embeddings.
    slice_spec: the slices that it expects.
    leaky: what makes metrics of its training too high, to be told beside its answers; "" if nothing is known to.
    unsure: by which rule a track's answer is "unsure" rather than a genre; None for a model that never is.
    answers_slices: whether it answers slices by themselves; else whole tracks alone, by a `predict_tracks` of its own.
    tag_layer: what gives tags of its embeddings; None if nothing does.
    waits: whether it waits for another machine rather than computes, so that several threads should ask it at once.
    """

    name: str
    identity: str
    task: Task
    slice_spec: SliceSpec
    leaky: str = ""
    unsure: UnsureRule | None = None
    tag_layer: TagLayer | None = None
    answers_slices: bool = True
    waits: bool = False

    @abc.abstractmethod
    def __call__(self, slices: np.ndarray) -> SliceOutputs:
        """float32 (n, *slice_spec.shape), mono in [-1, 1] or spectrograms -> n rows of SliceOutputs."""

    def ask(self, slices: np.ndarray, check: Callable[[], None]) -> SliceOutputs:
        """As calling it.

        Args:
            check: called before, and about once a second while another machine is waited for; what it raises ends that.
        """
        check()
        return self(slices)

    def in_background(self) -> "Model":
        """The same model for work in the background of other calls.

        If it computes in threads of its own, they are started by its first call, so that they have the priority of the
        calling thread. A model that uses the process's threads returns itself.
        """
        return self

    def limit_threads(self, threads: int) -> None:  # noqa: B027  most models use those of the process
        """Has it compute with this many threads, before its first call."""

    def confirm(self, check: Callable[[], None] = lambda: None) -> None:  # noqa: B027  most models cannot change
        """Raises ModelReplaced where the answers since it was opened may be those of another model."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the genres, in the order of the probabilities."""
        return self.task.labels

    @property
    def tag_names(self) -> tuple[str, ...]:
        """Names of its tags: those of its layer of tags, or its labels where a track may have several; () if none."""
        if self.tag_layer is not None:
            return self.tag_layer.labels
        return self.labels if self.task.several else ()

    def tag_probabilities(self, slices: SliceOutputs) -> np.ndarray:
        """Of its tags in a track, given its answers for the track's slices: float32 (tags,) in [0, 1]."""
        if self.tag_layer is not None:
            return self.tag_layer.probabilities(slices.embeddings)
        return aggregate(slices.probabilities) if self.task.several else np.zeros(0, "float32")

    def tags(self, slices: SliceOutputs) -> dict[str, float] | None:
        """{tag: probability}, the most probable first, of a track; None of a model without tags."""
        return ranked(self.tag_names, self.tag_probabilities(slices)) if self.tag_names else None

    def predict(self, path, policy: ReadPolicy = DEFAULT_POLICY) -> "TrackPrediction":
        """The prediction for one audio file, or for one spectrogram of a model that takes these.

        Args:
            path: the file.
            policy: how it is read; `ReadPolicy(None)` reads all of a very long file.

        Raises:
            AudioError: the file cannot be used, with the cause.
        """
        from kgenre.serving.predict import predict_track

        return predict_track(self, path, policy)
