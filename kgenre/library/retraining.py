"""A genre head retrained on the user's corrections: a small change of the model's own head, fitted in seconds.

The network stays as it is. What is fitted is added to the logarithms of the model's probabilities, so that without
corrections the head is the model's. It learns from slices of the corrected tracks, and from slices of some other
tracks (anchors) with all the probabilities that the model gives them. The nearer an anchor is to a corrected track, the
less it weighs, so that a correction changes what is near it and little else. docs/library.md has what was measured. A
genre that the model does not know can be taught: the new head has the model's labels and the new ones.
"""

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import softmax

from kgenre.collections.grouping import grouped_folds
from kgenre.core.errors import KgenreError
from kgenre.core.heads import fit_change, fit_standardized
from kgenre.library.head import Head, own_scores
from kgenre.model.aggregate import aggregate
from kgenre.model.tasks import Task

TRAINING_SLICES_PER_TRACK = 10  # of a corrected track: more slices of the same song add little
SLICES_PER_ANCHOR = 3
ANCHORS = 1000  # tracks without a correction that hold the head near the model
FOLDS = 5
# Chosen on songs by artists that no head knew (python -m benchmarks.corrections): of these a correction is learnt, and
# changes the fewest other tracks.
TEMPERATURE = 0.3  # of the scores that are fitted: a track that has just crossed a border is not pushed far beyond it
PENALTY = 0.05  # of the change, see fit_change
CORRECTION_WEIGHT = 5.0  # of a corrected track; of an anchor it is its farness, up to 1


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
class Slices:
    """Slices to fit a head to.

    x: float32 (slices, d), embeddings. own: float32 (slices, classes), the model's scores over TEMPERATURE. targets:
    float32 (slices, classes), what their softmax should become. weights: float64 (slices,). tracks: int64 (slices,),
    ids.
    """

    x: np.ndarray
    own: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    tracks: np.ndarray

    def of(self, tracks: np.ndarray) -> "Slices":
        """The slices of some tracks."""
        rows = np.isin(self.tracks, tracks)
        return Slices(*(column[rows] for column in vars(self).values()))

    def __add__(self, other: "Slices") -> "Slices":
        return Slices(*(np.concatenate(columns) for columns in zip(vars(self).values(), vars(other).values())))


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
        KgenreError: a model of several genres a track, no genre is given, or no track with a genre is analysed.
    """
    if not genres:
        raise KgenreError("Retraining needs at least one correction. Select recordings and correct their genre first.")
    if task.several:
        raise KgenreError(
            "Retraining is for models of one genre a track. Received: a model of several. The corrections are kept."
        )
    names = (*task.labels, *sorted(set(genres.values()) - set(task.labels)))
    number = {name: i for i, name in enumerate(names)}
    numbers = {track: number[name] for track, name in genres.items()}
    labelled, anchors, predicted = collect(slices, numbers, names, seed)
    head = fit_head(names, labelled, anchors)
    tracks = np.unique(labelled.tracks)
    truth = np.array([numbers[track] for track in tracks.tolist()])
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
    slices: Iterable[tuple], numbers: Mapping[int, int], names: tuple[str, ...], seed: int
) -> tuple[Slices, Slices | None, dict[int, int]]:
    """Slices of labelled tracks, slices of anchors, and the label that the model predicts for each labelled track.

    Args:
        slices: as of `retrain`.
        numbers: {track id: number of its label}.
        names: of the labels, the model's first.
        seed: of the choice of slices and anchors.
    """
    rng = np.random.default_rng(seed)
    labelled, anchors, predicted, n_others = [], [], {}, 0
    for track, _, embeddings, probabilities in slices:
        rows = rng.permutation(len(embeddings))
        if track in numbers:
            predicted[track] = int(aggregate(probabilities).argmax())
            rows = rows[:TRAINING_SLICES_PER_TRACK]
            labelled.append((track, embeddings[rows], probabilities[rows]))
            continue
        n_others += 1  # reservoir sampling: each of the tracks so far is kept with the same probability
        place = len(anchors) if len(anchors) < ANCHORS else int(rng.integers(n_others))
        if place < ANCHORS:
            rows = rows[:SLICES_PER_ANCHOR]
            anchors[place : place + 1] = [(track, embeddings[rows], probabilities[rows])]
    if not labelled:
        raise KgenreError("None of the corrected recordings is analysed by this model. Run `kgenre explore DIR` first.")
    own = _slices(labelled, len(names), CORRECTION_WEIGHT)
    targets = np.eye(len(names), dtype="float32")[[numbers[track] for track in own.tracks.tolist()]]
    return replace(own, targets=targets), _slices(anchors, len(names), 1.0) if anchors else None, predicted


def _slices(parts: list[tuple], n_classes: int, weight: float) -> Slices:
    """Of (track, embeddings, probabilities) of each track, whose slices share the weight; targets are the model's."""
    tracks, embeddings, probabilities = zip(*parts)
    counts = [len(part) for part in embeddings]
    own = own_scores(np.concatenate(probabilities), n_classes) / np.float32(TEMPERATURE)
    weights = np.repeat(weight / np.array(counts), counts)
    return Slices(np.concatenate(embeddings), own, softmax(own, axis=1), weights, np.repeat(tracks, counts))


def fit_head(names: tuple[str, ...], labelled: Slices, anchors: Slices | None) -> Head:
    """The smallest change of the model's head that gives the labelled slices their genre and leaves the anchors."""
    from threadpoolctl import threadpool_limits

    every = labelled
    if anchors is not None:
        every += replace(anchors, weights=anchors.weights * farness(anchors.x, labelled.x))
    fit = functools.partial(fit_change, scores=every.own, penalty=PENALTY)
    with threadpool_limits(1):  # with matrices this small, threads that wait for each other took 50 times as long
        change = fit_standardized(fit, every.x, every.targets, every.weights)
    kernel, bias = (TEMPERATURE * part.astype("float32") for part in change)
    return Head(names, kernel, bias, len(np.unique(labelled.tracks)))


def farness(x: np.ndarray, others: np.ndarray) -> np.ndarray:
    """How far embeddings are from the nearest of some others: (n,), 0 to 1, of standardized ones (1 - cosine) ** 2.

    Args:
        x: (n, d), whose farness is given. others: (m, d).
    """
    every = np.concatenate([x, others])
    mean, deviation = every.mean(axis=0), every.std(axis=0) + 1e-6
    one, other = ((part - mean) / deviation for part in (x, others))
    one, other = (part / (np.linalg.norm(part, axis=1, keepdims=True) + 1e-6) for part in (one, other))
    return np.clip(1 - (one @ other.T).max(axis=1), 0, 1) ** 2


def cross_validate(
    names, labelled: Slices, anchors: Slices | None, tracks: np.ndarray, truth: np.ndarray, groups: np.ndarray
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
        head = fit_head(names, labelled.of(tracks[fit_rows]), anchors)
        for row in evaluated_rows:
            own = labelled.of(tracks[row : row + 1])
            predicted[row] = aggregate(head.probabilities(own.x, TEMPERATURE * own.own)).argmax()
    return predicted if folds else None
