"""Single-label classification: a track has exactly one genre."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from kgenre.core.calibration import LEAST_PROBABILITY, calibration_metrics, log_losses
from kgenre.core.metrics import track_metrics
from kgenre.model.tasks.fit_temperature import fit_temperature


@dataclass(frozen=True)
class SingleLabel:
    """Softmax over the labels, cross-entropy, and the genre of the highest probability as the answer.

    labels: names of the genres, in the order of the outputs; empty for a model that only gives embeddings.
    """

    labels: tuple[str, ...]
    name: ClassVar[str] = "single"
    several: ClassVar[bool] = False
    parameters: ClassVar[tuple[str, ...]] = ()
    metrics: ClassVar[tuple[str, ...]] = ("accuracy", "balanced_accuracy", "macro_f1", "top3_accuracy", "log_loss")

    def activation(self):
        from keras import layers

        return layers.Softmax(dtype="float32", name="probabilities")

    def probabilities(self, scores: np.ndarray) -> np.ndarray:
        from scipy.special import softmax

        return softmax(scores, axis=-1).astype("float32")

    def scores(self, probabilities: np.ndarray) -> np.ndarray:
        return np.log(np.maximum(np.asarray(probabilities, "float64"), LEAST_PROBABILITY))

    def temperature(self, targets: np.ndarray, scores: np.ndarray, counts: np.ndarray) -> float:
        return fit_temperature(self, targets, scores, counts)

    def targets(self, tracks) -> np.ndarray:
        """Label numbers, int64 (tracks,)."""
        number = {label: i for i, label in enumerate(self.labels)}
        return np.array([number[genre] for genre in tracks["genre"]], "int64")

    def shares(self, targets: np.ndarray) -> np.ndarray:
        return np.eye(len(self.labels), dtype="float32")[targets]

    def strata(self, targets: np.ndarray) -> np.ndarray:
        return targets

    def loss(self, mixed: bool, positive_weights: np.ndarray | None = None):
        from keras import losses

        kind = losses.CategoricalCrossentropy if mixed else losses.SparseCategoricalCrossentropy
        return kind(from_logits=True)

    def slice_metric(self, mixed: bool):
        """Accuracy; of shares against the heavier label."""
        from keras import metrics

        kind = metrics.CategoricalAccuracy if mixed else metrics.SparseCategoricalAccuracy
        return kind(name="accuracy")

    def track_loss(self, targets: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
        return log_losses(targets, probabilities)

    def main(self, probabilities: np.ndarray) -> np.ndarray:
        """Label numbers, int64 (...,); of equal probabilities the first."""
        return np.asarray(probabilities).argmax(axis=-1)

    def chosen(self, probabilities: np.ndarray) -> np.ndarray:
        return np.arange(len(self.labels)) == self.main(probabilities)[..., None]

    def score(self, targets: np.ndarray, probabilities: np.ndarray) -> float:
        return float((self.main(probabilities) == targets).mean())

    def evaluate(self, targets: np.ndarray, probabilities: np.ndarray) -> dict:
        metrics = track_metrics(targets, probabilities, list(self.labels))
        return {**metrics, **calibration_metrics(targets, probabilities)}

    def tuned(self, targets: np.ndarray, probabilities: np.ndarray) -> "SingleLabel":
        return self  # the highest probability needs no threshold
