"""A mixture: several models that answer side by side, their embeddings joined.

Models of one slice length see the same slices. Of models of several lengths, the answer is given for the shortest
slices: each has, of a longer slice, the answer of the one that its middle lies in, or their mean where slices overlap.
A song shorter than a slice is repeated to fill it, for each length by itself.
"""

import copy
import hashlib
import itertools
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from kgenre.audio.fetched import FetchingReader
from kgenre.audio.open_reader import Reader
from kgenre.audio.slicing import SliceSpec
from kgenre.core.errors import KgenreError
from kgenre.model.aggregate import SliceOutputs
from kgenre.model.tasks import make_task
from kgenre.serving.model import Model
from kgenre.serving.predict import TrackPrediction, predict_tracks

AT_A_TIME = 8  # tracks that each member predicts before the next does


class Mixture(Model):
    """Embeddings of the members side by side, and their labels.

    A label that several members with a multi-label task have is given its mean probability. The genres of a
    single-label task are no part of the answer: they sum to 1, and are not comparable with tags.

    Args:
        members: models that take waveforms.
        name: as people call it.

    Raises:
        KgenreError: fewer than two members, one of them twice, or one that takes spectrograms.
    """

    def __init__(self, members: Sequence[Model], name: str):
        check_members(members, name)
        self.members, self.name = tuple(members), name
        self.identity = hashlib.sha256(" ".join(member.identity for member in members).encode()).hexdigest()[:16]
        self.leaky = "; ".join(dict.fromkeys(member.leaky for member in members if member.leaky))
        tagging = [member.labels if member.task.several else () for member in members]
        labels = tuple(dict.fromkeys(itertools.chain(*tagging)))
        self.task = make_task("multi", labels)
        self._means = label_means(tagging, labels)
        self.slice_spec = min((member.slice_spec for member in members), key=lambda spec: spec.slice_seconds)

    def __call__(self, slices: np.ndarray) -> SliceOutputs:
        if not self.answers_slices:
            raise KgenreError(
                f"{self.name}: its members take slices of several lengths, which whole tracks alone can give. Use "
                "`kgenre predict` or `kgenre embed`, or members of one length."
            )
        return self.join([member(slices) for member in self.members])

    def limit_threads(self, threads: int) -> None:
        for member in self.members:
            member.limit_threads(threads)

    def in_background(self) -> "Mixture":
        """The mixture of its members' background versions; see Model."""
        twin = copy.copy(self)
        twin.members = tuple(member.in_background() for member in self.members)
        return twin

    @property
    def answers_slices(self) -> bool:
        """Whether all members take the same slices."""
        return all(member.slice_spec == self.slice_spec for member in self.members)

    def join(self, outputs: Sequence[SliceOutputs]) -> SliceOutputs:
        """The mixture's answer for slices, of those of its members for the same slices."""
        every = [part.probabilities for part, member in zip(outputs, self.members) if member.task.several]
        probabilities = np.concatenate(every, axis=1) if every else np.zeros((len(outputs[0].embeddings), 0), "float32")
        embeddings = np.concatenate([part.embeddings for part in outputs], axis=1)
        return SliceOutputs((probabilities @ self._means).astype("float32"), embeddings)

    def predict_tracks(
        self,
        reader: Reader,
        paths: Sequence[str],
        batch_size: int = 32,
        workers: int = 2,
        advance: Callable[[], None] = lambda: None,
    ) -> Iterator[TrackPrediction]:
        """As `serving.predict.predict_tracks`, which calls it; each length of slices is read by itself."""
        readers = {self.slice_spec: reader}
        for member in self.members:
            readers.setdefault(member.slice_spec, FetchingReader(member.slice_spec, reader.policy))
        for batch in (paths[i : i + AT_A_TIME] for i in range(0, len(paths), AT_A_TIME)):
            found = [
                {
                    one.path: one
                    for one in predict_tracks(member, readers[member.slice_spec], batch, batch_size, workers)
                }
                for member in self.members
            ]
            for path in batch:
                advance()
                if all(path in predictions for predictions in found):
                    yield self._joined([predictions[path] for predictions in found], reader.facts[path])
                else:
                    causes = (own.failures[path] for own in readers.values() if path in own.failures)
                    reader.failures[path] = next(causes)

    def _joined(self, predictions: Sequence[TrackPrediction], facts) -> TrackPrediction:
        """One track's prediction, of those of the members."""
        outputs = []
        for member, prediction in zip(self.members, predictions):
            spec = member.slice_spec
            weights = alignment(facts.starts, self.slice_spec, prediction.facts.starts, spec)
            outputs.append(SliceOutputs(*(weights @ part for part in prediction.slices)))
        return TrackPrediction(predictions[0].path, facts, self.join(outputs), self.task)


def check_members(members: Sequence[Model], name: str) -> None:
    """Raises KgenreError unless these models can be mixed."""
    names = [member.name for member in members]
    if len(set(names)) < 2 or len(set(names)) < len(names):
        raise KgenreError(f"{name}: a mixture needs two or more different models. Received: {', '.join(names)}.")
    for member in members:
        if member.slice_spec.bins:
            raise KgenreError(
                f"{name}: a mixture takes audio. Received: {member.name}, which takes spectrograms. Leave it out."
            )


def label_means(labels_of: Sequence[Sequence[str]], labels: Sequence[str]) -> np.ndarray:
    """The matrix from all members' probabilities side by side to the mean of each label: (all, labels)."""
    every = list(itertools.chain(*labels_of))
    means = np.array([[own == label for label in labels] for own in every], "float64").reshape(len(every), len(labels))
    return means / np.maximum(means.sum(axis=0), 1)


def alignment(starts, spec: SliceSpec, other_starts, other_spec: SliceSpec) -> np.ndarray:
    """The share that each other slice has in the answer for each slice: float32 (slices, other slices), rows sum to 1.

    Of the other slices that the middle of a slice lies in, each has the same share; where it lies in none, as in tracks
    of which not all slices are read, the nearest has all.

    Args:
        starts, other_starts: in seconds.
    """
    middle = np.asarray(starts)[:, None] + spec.slice_seconds / 2
    other = np.asarray(other_starts)[None, :] + other_spec.slice_seconds / 2
    distance = np.abs(middle - other)
    covers = distance <= other_spec.slice_seconds / 2
    nearest = distance == distance.min(axis=1, keepdims=True)
    chosen = np.where(covers.any(axis=1, keepdims=True), covers, nearest).astype("float32")
    return chosen / chosen.sum(axis=1, keepdims=True)
