"""Multi-label classification: a track has any number of genres."""

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from kgenre.core.calibration import LEAST_PROBABILITY_OF_SEVERAL, calibration_metrics, log_losses
from kgenre.core.genres import split_genres
from kgenre.core.multi_label_metrics import best_threshold, mean_average_precision, multi_label_metrics
from kgenre.model.aggregate import aggregate_tracks
from kgenre.model.tasks.fit_temperature import fit_temperature

# Of a genre among the tracks that thresholds and temperatures are chosen on; rarer ones share one of each.
OWN_THRESHOLD_TRACKS = 5


@dataclass(frozen=True)
class MultiLabel:
    """A sigmoid for each label, binary cross-entropy, and as the answer all genres at or above their thresholds.

    Where none is, the answer is the most probable one. With a tree of genres, a genre brings its ancestors along.

    labels: names of the genres, in the order of the outputs.
    thresholds: of each label, in [0, 1]; 0.5 each if not given.
    parents: for each label the number of its parent, -1 for none; none at all if not given.
    """

    labels: tuple[str, ...]
    thresholds: tuple[float, ...] = ()
    parents: tuple[int, ...] = ()
    name: ClassVar[str] = "multi"
    several: ClassVar[bool] = True
    metrics: ClassVar[tuple[str, ...]] = ("mean_average_precision", "macro_roc_auc", "micro_f1", "macro_f1")
    parameters: ClassVar[tuple[str, ...]] = ("thresholds", "parents")

    def __post_init__(self):
        # Lists come from JSON, and float32 from a graph: the same task has the same numbers, wherever it was kept.
        thresholds = tuple(float(np.float32(value)) for value in self.thresholds)
        object.__setattr__(self, "thresholds", thresholds or (0.5,) * len(self.labels))
        object.__setattr__(self, "parents", tuple(map(int, self.parents)) or (-1,) * len(self.labels))

    def activation(self):
        from keras import layers

        return layers.Activation("sigmoid", dtype="float32", name="probabilities")

    def probabilities(self, scores: np.ndarray) -> np.ndarray:
        from scipy.special import expit

        return expit(scores).astype("float32")

    def scores(self, probabilities: np.ndarray) -> np.ndarray:
        from scipy.special import logit

        least = LEAST_PROBABILITY_OF_SEVERAL
        return logit(np.clip(np.asarray(probabilities, "float64"), least, 1 - least))

    def temperature(self, targets: np.ndarray, scores: np.ndarray, counts: np.ndarray) -> np.ndarray:
        """One for each label.

        Labels of fewer than OWN_THRESHOLD_TRACKS tracks share that of all labels together, unless it worsens them.
        """
        own = targets.sum(axis=0) >= OWN_THRESHOLD_TRACKS
        found = np.full(len(self.labels), fit_temperature(self, targets, scores, counts))
        if len(targets) and not own.all():
            losses = [
                self.track_loss(targets[:, ~own], aggregate_tracks(self.probabilities(scores[:, ~own] / t), counts))
                for t in (found[0], 1.0)
            ]
            found[~own] = found[0] if losses[0].mean() <= losses[1].mean() else 1.0
        for label in np.flatnonzero(own):
            column = np.s_[:, label : label + 1]
            found[label] = fit_temperature(self, targets[column], scores[column], counts)
        return found

    def targets(self, tracks) -> np.ndarray:
        """1 for each of a track's genres, else 0: float32 (tracks, classes). Genres that are no label are ignored."""
        number = {label: i for i, label in enumerate(self.labels)}
        targets = np.zeros((len(tracks), len(self.labels)), "float32")
        for row, text in enumerate(tracks["genres"]):
            targets[row, [number[genre] for genre in split_genres(text) if genre in number]] = 1
        return targets

    def shares(self, targets: np.ndarray) -> np.ndarray:
        return targets

    def strata(self, targets: np.ndarray) -> np.ndarray:
        """The rarest of a track's labels, int64 (tracks,)."""
        return np.where(targets > 0, targets.sum(axis=0), np.inf).argmin(axis=1)

    def loss(self, mixed: bool, positive_weights: np.ndarray | None = None):
        from keras import losses

        if positive_weights is None:
            return losses.BinaryCrossentropy(from_logits=True)
        from kgenre.model.tasks.weighted_loss import WeightedBinaryCrossentropy

        return WeightedBinaryCrossentropy(np.asarray(positive_weights).tolist())

    def slice_metric(self, mixed: bool):
        from keras import metrics

        n = len(self.labels)
        return metrics.AUC(curve="PR", multi_label=True, num_labels=n, from_logits=True, name=self.metrics[0])

    def track_loss(self, targets: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
        return log_losses(targets, probabilities)

    def main(self, probabilities: np.ndarray) -> np.ndarray:
        """The most probable label of the answer, int64 (...,); of equal probabilities the first."""
        return np.where(self.chosen(probabilities), probabilities, -1.0).argmax(axis=-1)

    def chosen(self, probabilities: np.ndarray) -> np.ndarray:
        # As the thresholds are: the 0.2 of one of five neighbours is below the 0.2 of float32.
        probabilities = np.asarray(probabilities, "float32")
        chosen = probabilities >= np.array(self.thresholds, "float32")
        none = ~chosen.any(axis=-1, keepdims=True)
        chosen |= none & (np.arange(len(self.labels)) == probabilities.argmax(axis=-1)[..., None])
        for label, parent in enumerate(self.parents):
            seen = {label}
            while parent >= 0 and parent not in seen:  # a circle ends where it closes
                chosen[..., parent] |= chosen[..., label]
                seen.add(parent)
                parent = self.parents[parent]
        return chosen

    def score(self, targets: np.ndarray, probabilities: np.ndarray) -> float:
        return mean_average_precision(targets, probabilities)

    def evaluate(self, targets: np.ndarray, probabilities: np.ndarray) -> dict:
        metrics = multi_label_metrics(targets, probabilities, self.chosen(probabilities), list(self.labels))
        return {**metrics, **calibration_metrics(targets, probabilities)}

    def tuned(self, targets: np.ndarray, probabilities: np.ndarray) -> "MultiLabel":
        """With the thresholds that maximise each label's F1 on these tracks.

        A label of fewer than OWN_THRESHOLD_TRACKS tracks gets the one that maximises the F1 of all labels together.
        """
        if len(targets) == 0:
            return self
        shared = best_threshold(targets.ravel(), probabilities.ravel())
        thresholds = [
            best_threshold(truth, p) if truth.sum() >= OWN_THRESHOLD_TRACKS else shared
            for truth, p in zip(targets.T, probabilities.T)
        ]
        return dataclasses.replace(self, thresholds=tuple(thresholds))
