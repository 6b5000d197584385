"""The genre head of a space: the model's own, or one that was retrained on corrections and is stored in the library."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from kgenre.core.base64_arrays import packed, unpacked
from kgenre.library.records import Space
from kgenre.library.store import Library
from kgenre.model.aggregate import aggregate_tracks
from kgenre.model.tasks import DEFAULT_TASK, Task, make_task
from kgenre.model.unsure import UnsureRule, is_unsure, rule_from

ROWS_AT_ONCE = 8192  # slices that a head is applied to in one product
LEAST_PROBABILITY = 1e-4  # of the model, for any genre: no correction has to overcome a score of -27
UNKNOWN_PROBABILITY = 0.01  # that a genre begins with which the model does not know


@dataclass(frozen=True)
class Head:
    """A change of the model's own head, one genre a track. Its scores: log(probabilities) + embeddings @ kernel + bias.

    labels: names of the genres: the model's, and then those that it does not know. kernel: float32 (d, classes).
    bias: float32 (classes,). learned_from: how many tracks it was fitted to.
    """

    labels: tuple[str, ...]
    kernel: np.ndarray
    bias: np.ndarray
    learned_from: int

    def __call__(self, embeddings: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
        """Embeddings (slices, d) and the model's probabilities (slices, its classes) -> (slices, classes), float32."""
        return self.probabilities(embeddings, own_scores(probabilities, len(self.labels)))

    def probabilities(self, embeddings: np.ndarray, own: np.ndarray) -> np.ndarray:
        """The same of the model's scores, as of `own_scores`."""
        return self.task.probabilities(own + embeddings @ self.kernel + self.bias)

    @property
    def task(self) -> Task:
        return make_task(DEFAULT_TASK, self.labels)


def own_scores(probabilities: np.ndarray, n_classes: int) -> np.ndarray:
    """Logarithms of a model's probabilities (slices, its classes), and of further genres': (slices, n_classes)."""
    further = np.full((len(probabilities), n_classes - probabilities.shape[1]), UNKNOWN_PROBABILITY)
    return np.log(np.column_stack([np.maximum(probabilities, LEAST_PROBABILITY), further])).astype("float32")


class Prediction(NamedTuple):
    """Genres of all tracks of a space.

    task: of the model, or of the retrained head. ids: int64 (n,), ascending. probabilities: float32 (n, classes),
    aggregated over a track's slices. unsure: bool (n,), whether none of the genres may fit.
    """

    task: Task
    ids: np.ndarray
    probabilities: np.ndarray
    unsure: np.ndarray

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the genres."""
        return self.task.labels


def predict(library: Library, space: Space, head: Head | None, only: Collection[int] | None = None) -> Prediction:
    """The genres of all tracks by a head, or by the model itself where `head` is None.

    Args:
        only: ids of the tracks; None for all.
    """
    with library.reading():
        ids, own = library.probabilities(space, only)
        if head is None:
            return Prediction(space.task, ids, own, _unsure(library, space, own, only))
        ids, probabilities = track_probabilities(head, library.all_slices(space, only))
        unsure = _unsure(library, space, probabilities, only) & is_same_answer(space, own, probabilities)
        return Prediction(head.task, ids, probabilities, unsure)


def is_same_answer(space: Space, own: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Whether a retrained head's genre is the model's, bool (...,): only there its answer may be unsure as the model's.

    Args:
        own: of the model, (..., its classes).
        probabilities: of the head, (..., classes), the model's first.
    """
    return space.task.main(own) == space.task.main(probabilities)


def _unsure(library: Library, space: Space, probabilities: np.ndarray, only) -> np.ndarray:
    """The model's rule, with the embeddings of some thousand tracks at a time, or without where it needs none."""
    rule = load_rule(library, space)
    if rule is None or rule.distance is None:
        return is_unsure(rule, probabilities, np.empty(0))
    unsure = np.zeros(len(probabilities), bool)
    done = 0
    for ids, embeddings in library.vector_blocks(space, only):
        part = slice(done, done + len(ids))
        unsure[part] = is_unsure(rule, probabilities[part], embeddings)
        done += len(ids)
    return unsure


def save_rule(library: Library, space: Space, rule: UnsureRule | None) -> None:
    """Stores by which rule the model of a space is unsure."""
    values = None if rule is None else rule.values()
    if library.meta(_rule_name(space)) != values:
        library.set_meta(_rule_name(space), values)


def load_rule(library: Library, space: Space) -> UnsureRule | None:
    """By which rule the model of a space is unsure; None without one."""
    return rule_from(library.meta(_rule_name(space)))


def track_probabilities(head: Head, slices: Iterable[tuple]) -> tuple[np.ndarray, np.ndarray]:
    """A head's probabilities of tracks, aggregated over their slices.

    Args:
        head: the head.
        slices: (id, starts, embeddings, probabilities) of each track, as Library.all_slices yields.

    Returns:
        Ids int64 (n,) and probabilities float32 (n, classes).
    """
    ids, means, batch, rows = [], [], [], 0

    def apply_to_batch() -> None:
        if not batch:
            return
        embeddings, probabilities = (np.concatenate(parts) for parts in zip(*batch))
        means.append(aggregate_tracks(head(embeddings, probabilities), [len(part) for part, _ in batch]))
        batch.clear()

    for track, _, embeddings, probabilities in slices:
        ids.append(track)
        batch.append((embeddings, probabilities))
        rows += len(embeddings)
        if rows >= ROWS_AT_ONCE:
            apply_to_batch()
            rows = 0
    apply_to_batch()
    return np.array(ids, "int64"), np.concatenate(means or [np.zeros((0, len(head.labels)), "float32")])


def save_heads(library: Library, space: Space, heads: Sequence[Head]) -> None:
    """Stores the retrained heads of a space, the last in use; none for the model's own."""
    kept = [
        {
            "labels": list(head.labels),
            "kernel": packed(head.kernel, "<f4"),
            "bias": packed(head.bias, "<f4"),
            "learned_from": head.learned_from,
        }
        for head in heads
    ]
    library.set_meta(_meta_name(space), kept)


def load_heads(library: Library, space: Space) -> tuple[Head, ...]:
    """The retrained heads of a space, oldest first: the last is in use, the others are what undoing goes back to."""
    return tuple(_head(values) for values in library.meta(_meta_name(space), []))


def load_head(library: Library, space: Space) -> Head | None:
    """The retrained head that is in use; None for the model's own."""
    return next(reversed(load_heads(library, space)), None)


def _head(values: dict) -> Head:
    bias = unpacked(values["bias"], "<f4")
    kernel = unpacked(values["kernel"], "<f4").reshape(-1, len(bias))
    return Head(tuple(values["labels"]), kernel, bias, values["learned_from"])


def _rule_name(space: Space) -> str:
    return f"rule of space {space.id}"


def _meta_name(space: Space) -> str:
    return f"heads of space {space.id}"
