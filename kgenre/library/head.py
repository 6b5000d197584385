"""The genre head of a space: the model's own, or one that was retrained on corrections and is stored in the library."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from kgenre.library.records import Space
from kgenre.library.store import Library
from kgenre.model.aggregate import aggregate_tracks
from kgenre.model.tasks import DEFAULT_TASK, Task, make_task
from kgenre.model.unsure import UnsureRule, is_unsure, rule_from

ROWS_AT_ONCE = 8192  # slices that a head is applied to in one product


@dataclass(frozen=True)
class Head:
    """Genre probabilities of embeddings, one genre a track: of the scores embeddings @ kernel + bias.

    labels: names of the genres. kernel: float32 (d, classes). bias: float32 (classes,), -inf for a genre that no
    slice had.
    """

    labels: tuple[str, ...]
    kernel: np.ndarray
    bias: np.ndarray

    def __call__(self, embeddings: np.ndarray) -> np.ndarray:
        """Embeddings (..., d) -> probabilities (..., classes), float32."""
        return self.task.probabilities(embeddings @ self.kernel + self.bias)

    @property
    def task(self) -> Task:
        return make_task(DEFAULT_TASK, self.labels)


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

    A retrained head is never unsure: the model's rule is of the model's own probabilities.

    Args:
        only: ids of the tracks; None for all.
    """
    if head is None:
        with library.reading():
            ids, probabilities = library.probabilities(space, only)
            return Prediction(space.task, ids, probabilities, _unsure(library, space, probabilities, only))
    ids, probabilities = track_probabilities(head, library.all_slices(space, only))
    return Prediction(head.task, ids, probabilities, np.zeros(len(ids), bool))


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
        means.append(aggregate_tracks(head(np.concatenate(batch)), [len(part) for part in batch]))
        batch.clear()

    for track, _, embeddings, _ in slices:
        ids.append(track)
        batch.append(embeddings)
        rows += len(embeddings)
        if rows >= ROWS_AT_ONCE:
            apply_to_batch()
            rows = 0
    apply_to_batch()
    return np.array(ids, "int64"), np.concatenate(means or [np.zeros((0, len(head.labels)), "float32")])


def save_head(library: Library, space: Space, head: Head | None) -> None:
    """Stores the head to use for a space; None goes back to the model's own."""
    values = None
    if head is not None:
        bias = [None if np.isinf(value) else float(value) for value in head.bias]  # JSON has no infinity
        values = {"labels": list(head.labels), "kernel": head.kernel.tolist(), "bias": bias}
    library.set_meta(_meta_name(space), values)


def load_head(library: Library, space: Space) -> Head | None:
    """The retrained head of a space; None if the model's own is in use."""
    values = library.meta(_meta_name(space))
    if values is None:
        return None
    bias = [-np.inf if value is None else value for value in values["bias"]]
    return Head(tuple(values["labels"]), np.array(values["kernel"], "float32"), np.array(bias, "float32"))


def _rule_name(space: Space) -> str:
    return f"rule of space {space.id}"


def _meta_name(space: Space) -> str:
    return f"head of space {space.id}"
