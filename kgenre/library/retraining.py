"""A genre head retrained on the user's corrections: logistic regression on the stored embeddings.

The network stays as it is; only the last layer is fitted again, in seconds. It learns from slices of the corrected
tracks, and from slices of some other tracks with the genre that the model predicts for them (anchors), so that
three corrections do not make it forget eight genres. A genre that the model does not know can be taught: the new
head has the model's labels and the new ones.
"""

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from kgenre.collections.grouping import grouped_folds
from kgenre.core.errors import KgenreError
from kgenre.core.heads import fit_logistic, fit_standardized
from kgenre.library.head import Head
from kgenre.model.aggregate import aggregate
from kgenre.model.tasks import Task

TRAINING_SLICES_PER_TRACK = 10  # of a corrected track: more slices of the same song add little
SLICES_PER_ANCHOR = 3
ANCHORS = 1000  # tracks without a correction that keep the head near the model
FOLDS = 5
INVERSE_PENALTY = 0.1  # of the kernel, for standardized embeddings


@dataclass(frozen=True)
class RetrainReport:
    """The result of a retraining.

    Accuracies are shares of the evaluated tracks; None where no track can be evaluated.

    labelled: tracks whose genre is given.
    evaluated: those of genres that are given for at least two groups; without its own group a head could not know
        the genre of the others.
    before: accuracy of the model.
    after: accuracy of heads that were fitted without the group of the track that they predict.
    """

    labelled: int
    evaluated: int
    before: float | None
    after: float | None


@dataclass(frozen=True)
class LabelledSlices:
    """Slices to fit a head to.

    x: float32 (slices, d), embeddings. y: int64 (slices,), numbers of the labels. weights: float64 (slices,).
    tracks: int64 (slices,), ids.
    """

    x: np.ndarray
    y: np.ndarray
    weights: np.ndarray
    tracks: np.ndarray

    def of(self, tracks: np.ndarray) -> "LabelledSlices":
        """The slices of some tracks."""
        rows = np.isin(self.tracks, tracks)
        return LabelledSlices(self.x[rows], self.y[rows], self.weights[rows], self.tracks[rows])


def retrain(
    slices: Iterable[tuple],
    task: Task,
    genres: Mapping[int, str],
    groups: Mapping[int, str],
    seed: int = 0,
) -> tuple[Head, RetrainReport]:
    """Fits a head to the tracks whose genre is given, and evaluates it by cross-validation.

    Args:
        slices: (id, starts, embeddings, probabilities) of every track, as Library.all_slices yields.
        task: the model's, of one genre a track.
        genres: {track id: genre}, corrections and other trusted genres.
        groups: {track id: album, or whatever keeps tracks together}; no fold divides a group.
        seed: of the choice of slices and anchors.

    Raises:
        KgenreError: a model of several genres a track, no genre is given, no track with a genre is analysed, or all
            tracks are of one genre.
    """
    if not genres:
        raise KgenreError("Retraining needs at least one correction. Select tracks and correct their genre first.")
    if task.several:
        raise KgenreError(
            "Retraining is for models of one genre a track. Received: a model of several. The corrections are kept."
        )
    names = (*task.labels, *sorted(set(genres.values()) - set(task.labels)))
    number = {name: i for i, name in enumerate(names)}
    numbers = {track: number[name] for track, name in genres.items()}
    labelled, anchors, predicted = collect(slices, numbers, task, seed)
    if len(labelled.y) == 0:
        raise KgenreError("None of the corrected tracks is analysed by this model. Run `kgenre explore DIR` first.")
    head = fit_head(names, labelled, anchors)
    tracks = np.unique(labelled.tracks)
    truth = np.array([number[genres[track]] for track in tracks.tolist()])
    before = np.array([predicted[track] for track in tracks.tolist()])
    albums = np.array([groups.get(track, str(track)) for track in tracks.tolist()])
    evaluated = _genre_has_several(truth, albums)
    after = cross_validate(names, labelled, anchors, tracks, truth, albums) if evaluated.any() else None
    if after is None:
        return head, RetrainReport(len(tracks), 0, None, None)
    accuracies = [float((answers == truth)[evaluated].mean()) for answers in (before, after)]
    return head, RetrainReport(len(tracks), int(evaluated.sum()), *accuracies)


def _genre_has_several(truth: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Whether the genre of each track has tracks in at least two groups, bool (tracks,)."""
    n_groups = {genre: len(set(groups[truth == genre])) for genre in set(truth.tolist())}
    return np.array([n_groups[genre] > 1 for genre in truth.tolist()])


def collect(
    slices: Iterable[tuple], numbers: Mapping[int, int], task: Task, seed: int
) -> tuple[LabelledSlices, LabelledSlices, dict[int, int]]:
    """Slices of labelled tracks, slices of anchors, and the label that the model predicts for each labelled track.

    Args:
        slices: as of `retrain`.
        numbers: {track id: number of its label}.
        task: the model's, which decides the label that it predicts.
        seed: of the choice of slices and anchors.
    """
    rng = np.random.default_rng(seed)
    labelled, anchors, predicted, n_others = [], [], {}, 0
    for track, _, embeddings, probabilities in slices:
        mean = aggregate(probabilities)
        answer = int(task.main(mean))
        rows = rng.permutation(len(embeddings))
        if track in numbers:
            predicted[track] = answer
            labelled.append((track, embeddings[rows[:TRAINING_SLICES_PER_TRACK]], numbers[track], 1.0))
            continue
        n_others += 1  # reservoir sampling: each of the tracks so far is kept with the same probability
        place = len(anchors) if len(anchors) < ANCHORS else int(rng.integers(n_others))
        if place < ANCHORS:
            anchor = (track, embeddings[rows[:SLICES_PER_ANCHOR]], answer, float(mean.max()))
            anchors[place : place + 1] = [anchor]
    return _labelled_slices(labelled), _labelled_slices(anchors), predicted


def _labelled_slices(parts: list[tuple]) -> LabelledSlices:
    """Of (track, embeddings, label, weight) of each track; its slices share the weight."""
    if not parts:
        columns = (np.zeros(0, kind) for kind in ("int64", "float64", "int64"))
        return LabelledSlices(np.zeros((0, 0), "float32"), *columns)
    counts = [len(part[1]) for part in parts]
    weights = [part[3] / count for part, count in zip(parts, counts)]
    columns = ([part[2] for part in parts], weights, [part[0] for part in parts])
    x = np.concatenate([part[1] for part in parts])
    return LabelledSlices(x, *(np.repeat(column, counts) for column in columns))


def fit_head(names: tuple[str, ...], labelled: LabelledSlices, anchors: LabelledSlices) -> Head:
    """Logistic regression of standardized embeddings; all anchors together weigh as much as all labelled slices.

    Raises:
        KgenreError: all slices are of one genre.
    """
    from threadpoolctl import threadpool_limits

    parts = [part for part in (labelled, anchors) if len(part.y)]
    x = np.concatenate([part.x for part in parts])
    y = np.concatenate([part.y for part in parts])
    weights = np.concatenate([part.weights / part.weights.sum() for part in parts]) * len(labelled.y)
    if len(set(y.tolist())) < 2:
        raise KgenreError(f"A head needs two genres. Received: all tracks are {names[y[0]]}. Correct some to another.")
    fit = functools.partial(fit_logistic, n_classes=len(names), inverse_penalty=INVERSE_PENALTY, max_iterations=200)
    with threadpool_limits(1):  # with matrices this small, threads that wait for each other took 50 times as long
        kernel, bias = fit_standardized(fit, x, y, weights)
    return Head(names, kernel.astype("float32"), bias.astype("float32"))


def cross_validate(
    names, labelled: LabelledSlices, anchors: LabelledSlices, tracks: np.ndarray, truth: np.ndarray, groups: np.ndarray
) -> np.ndarray | None:
    """Predicts each labelled track by a head that was fitted without the track's group.

    Args:
        names: of the labels.
        labelled, anchors: slices, as of `fit_head`.
        tracks, truth, groups: id, number of the label and group of each labelled track, (tracks,).

    Returns:
        Numbers of labels int64 (tracks,); None where there are fewer than two groups.
    """
    predicted = np.full(len(tracks), -1, "int64")
    folds = grouped_folds(truth, groups, FOLDS, seed=0)
    for fit_rows, evaluated_rows in folds:
        part = labelled.of(tracks[fit_rows])
        try:
            head = fit_head(names, part, anchors)
        except KgenreError:  # one genre is left to learn from, so that is the prediction
            predicted[evaluated_rows] = part.y[0]
            continue
        for row in evaluated_rows:
            predicted[row] = head.task.main(aggregate(head(labelled.x[labelled.tracks == tracks[row]])))
    return predicted if folds else None
