"""The genre head learnt anew from what the listener corrected: logistic regression on the stored embeddings.

The network stays as it is; only the last layer is fitted again, in seconds. It learns from slices of the
corrected tracks, and beside them from some of the others with the genre that the model gives them, so
that three corrections do not make it forget eight genres. A genre that the model has no name for may be
taught: the new head has the model's labels and the new ones.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from kgenre.core.errors import KgenreError
from kgenre.library.records import Space
from kgenre.library.store import Library

SLICES_PER_TRACK = 10  # of a track that is learnt from: more of the same song say little more
ANCHORS = 1000  # uncorrected tracks that keep the head near the model
FOLDS = 5
INVERSE_PENALTY = 0.1  # of the weights; of vectors scaled to unit variance
ROWS_AT_ONCE = 8192


@dataclass(frozen=True)
class Head:
    """Embeddings -> probabilities: softmax of a linear map.

    labels: names of the genres. weights: (d, classes), of embeddings as they are. biases: (classes,).
    """

    labels: tuple[str, ...]
    weights: np.ndarray
    biases: np.ndarray

    def __call__(self, embeddings: np.ndarray) -> np.ndarray:
        """(..., d) -> (..., classes), float32."""
        from scipy.special import softmax

        return softmax(embeddings @ self.weights + self.biases, axis=-1).astype("float32")


class Prediction(NamedTuple):
    """Genres of all tracks that a space holds.

    labels: names. ids: int64 (n,), ascending. probabilities: float32 (n, classes), mean over a track's slices.
    """

    labels: tuple[str, ...]
    ids: np.ndarray
    probabilities: np.ndarray


@dataclass(frozen=True)
class Report:
    """What came of a retraining. Accuracies are shares of the tracks that could be judged, None where there are none.

    known: tracks whose genre was told. judged: those whose genre was told of another album too, for no head could
    learn it else. before: the model's own answers. after: answers of heads that were fitted without the album of the
    track that they answer for.
    """

    known: int
    judged: int
    before: float | None
    after: float | None


@dataclass(frozen=True)
class LabelledSlices:
    """Slices to learn from. x: float32 (rows, d); y: label numbers; weights; tracks: id of the track of each."""

    x: np.ndarray
    y: np.ndarray
    weights: np.ndarray
    tracks: np.ndarray


def retrain(
    slices: Iterable[tuple], labels: tuple[str, ...], known: Mapping[int, str], groups: Mapping[int, str], seed: int = 0
) -> tuple[Head, Report]:
    """Fits a head to the known tracks and to as many others as the model sees them.

    Args:
        slices: of every track (id, starts, embeddings, probabilities), as Library.all_slices gives.
        labels: names of the model's classes.
        known: {track id: genre}, corrections and what else is trusted.
        groups: {track id: album, or what else keeps tracks together}; a group is judged as a whole.
        seed: of the draw of slices and of other tracks.

    Raises:
        KgenreError: nothing is known, or all known tracks and all others are of one genre.
    """
    if not known:
        raise KgenreError("There is no correction to learn from. Select tracks and give them a genre first.")
    names = (*labels, *sorted(set(known.values()) - set(labels)))
    number = {name: i for i, name in enumerate(names)}
    lessons, anchors, answers = collect(slices, {track: number[name] for track, name in known.items()}, seed)
    if len(lessons.y) == 0:
        raise KgenreError("None of the corrected tracks has been listened to by this model. Scan the folder first.")
    head = fit_head(names, lessons, anchors)
    tracks = np.unique(lessons.tracks)
    truth = np.array([number[known[track]] for track in tracks.tolist()])
    before = np.array([answers[track] for track in tracks.tolist()])
    albums = [groups.get(track, str(track)) for track in tracks.tolist()]
    several = {
        genre for genre in truth.tolist() if len({album for album, one in zip(albums, truth) if one == genre}) > 1
    }
    counted = np.isin(truth, list(several))
    after = cross_validate(names, lessons, anchors, tracks, truth, albums) if several else None
    if after is None:
        return head, Report(len(tracks), 0, None, None)
    shares = [float((answers == truth)[counted].mean()) for answers in (before, after)]
    return head, Report(len(tracks), int(counted.sum()), *shares)


def collect(
    slices: Iterable[tuple], known: Mapping[int, int], seed: int
) -> tuple[LabelledSlices, LabelledSlices, dict[int, int]]:
    """Slices of the known tracks, slices of anchors, and what the model says of the known ones."""
    rng = np.random.default_rng(seed)
    lessons, pool, answers, seen = [], [], {}, 0
    for track, _, embeddings, probabilities in slices:
        mean = probabilities.mean(axis=0)
        rows = rng.permutation(len(embeddings))[:SLICES_PER_TRACK]
        if track in known:
            answers[track] = int(mean.argmax())
            lessons.append((track, embeddings[rows], known[track], 1.0))
            continue
        seen += 1  # a sample of equal chances from a stream: the newest replaces one of those held
        place = len(pool) if len(pool) < ANCHORS else int(rng.integers(seen))
        pool[place : place + 1] = [(track, embeddings[rows[:3]], int(mean.argmax()), float(mean.max()))] * (
            place < ANCHORS
        )
    return _lessons(lessons), _lessons(pool), answers


def _lessons(parts: list[tuple]) -> LabelledSlices:
    if not parts:
        return LabelledSlices(
            np.zeros((0, 0), "float32"), *(np.zeros(0, kind) for kind in ("int64", "float64", "int64"))
        )
    counts = [len(part[1]) for part in parts]
    weights = [part[3] / count for part, count in zip(parts, counts)]  # a track's slices share its weight
    columns = ([part[2] for part in parts], weights, [part[0] for part in parts])
    return LabelledSlices(
        np.concatenate([part[1] for part in parts]), *(np.repeat(column, counts) for column in columns)
    )


def fit_head(names: tuple[str, ...], lessons: LabelledSlices, anchors: LabelledSlices) -> Head:
    """Logistic regression; the anchors weigh together as much as the lessons."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler
    from threadpoolctl import threadpool_limits

    parts = [part for part in (lessons, anchors) if len(part.y)]
    x = np.concatenate([part.x for part in parts])
    y = np.concatenate([part.y for part in parts])
    weights = np.concatenate([part.weights / part.weights.sum() for part in parts]) * len(lessons.y)
    present = np.unique(y)
    if len(present) < 2:
        raise KgenreError(f"All tracks are {names[present[0]]}: nothing to tell apart. Correct some to another genre.")
    scaler = StandardScaler().fit(x)
    model = LogisticRegression(C=INVERSE_PENALTY, max_iter=200)
    with threadpool_limits(1):  # matrices so small that threads waiting for each other took 50 times as long
        model.fit(scaler.transform(x), y, sample_weight=weights)
    signs = np.array([[-0.5], [0.5]]) if len(present) == 2 else np.ones((len(present), 1))  # of two, one row is kept
    coefficients = signs * model.coef_ / scaler.scale_
    biases = signs[:, 0] * model.intercept_ - coefficients @ scaler.mean_
    every, constant = np.zeros((x.shape[1], len(names)), "float32"), np.full(len(names), -np.inf, "float32")
    every[:, present], constant[present] = coefficients.T, biases
    return Head(names, every, constant)


def cross_validate(
    names, lessons: LabelledSlices, anchors: LabelledSlices, tracks, truth, groups: list[str]
) -> np.ndarray | None:
    """Answer for each known track by a head that was fitted without its group; None of fewer than two groups."""
    from sklearn.model_selection import GroupKFold

    folds = min(FOLDS, len(set(groups)))
    if folds < 2:
        return None
    answers = np.zeros(len(tracks), "int64")
    for learn, judge in GroupKFold(folds).split(tracks, truth, groups):
        taught = np.isin(lessons.tracks, tracks[learn])
        part = LabelledSlices(lessons.x[taught], lessons.y[taught], lessons.weights[taught], lessons.tracks[taught])
        try:
            head = fit_head(names, part, anchors)
        except KgenreError:  # one genre is left to learn from, so that is the answer
            answers[judge] = part.y[0]
            continue
        for row in judge:
            answers[row] = head(lessons.x[lessons.tracks == tracks[row]]).mean(axis=0).argmax()
    return answers


def apply(head: Head, slices: Iterable[tuple]) -> tuple[np.ndarray, np.ndarray]:
    """Ids int64 (n,) and the mean probabilities of each track's slices, float32 (n, classes)."""
    ids, means, waiting, rows = [], [], [], 0

    def flush() -> None:
        if not waiting:
            return
        starts = np.cumsum([0] + [len(part) for part in waiting[:-1]])
        sums = np.add.reduceat(head(np.concatenate(waiting)), starts, axis=0)
        means.append(sums / np.array([len(part) for part in waiting])[:, None])
        waiting.clear()

    for track, _, embeddings, _ in slices:
        ids.append(track)
        waiting.append(embeddings)
        rows += len(embeddings)
        if rows >= ROWS_AT_ONCE:
            flush()
            rows = 0
    flush()
    return np.array(ids, "int64"), np.concatenate(means or [np.zeros((0, len(head.labels)))]).astype("float32")


def predict(library: Library, space: Space, head: Head | None) -> Prediction:
    """The genres of all tracks by a head, or by the model's own where there is none."""
    if head is None:
        return Prediction(space.labels, *library.probabilities(space))
    return Prediction(head.labels, *apply(head, library.all_slices(space)))


def keep(library: Library, space: Space, head: Head | None) -> None:
    """Puts a head in use for a space; None brings back the model's own."""
    values = None
    if head is not None:
        never = [None if np.isinf(bias) else float(bias) for bias in head.biases]  # JSON has no infinity
        values = {"labels": list(head.labels), "weights": head.weights.tolist(), "biases": never}
    library.set_meta(_name(space), values)


def kept(library: Library, space: Space) -> Head | None:
    """The head in use, None for the model's own."""
    values = library.meta(_name(space))
    if values is None:
        return None
    biases = [-np.inf if bias is None else bias for bias in values["biases"]]
    return Head(tuple(values["labels"]), np.array(values["weights"], "float32"), np.array(biases, "float32"))


def _name(space: Space) -> str:
    return f"head of space {space.id}"
