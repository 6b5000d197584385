"""What happens around the steps of a student's training: as of any training, but valid tracks are the teacher's."""

import math

import keras
import numpy as np

from kgenre.audio.open_reader import Reader
from kgenre.core.agreement import explained_together
from kgenre.model.transfer import HEAD
from kgenre.serving.keras_model import KerasModel
from kgenre.serving.predict import predict_tracks
from kgenre.training.batch_statistics import BatchStatistics
from kgenre.training.callback import TrainingCallback


class StudentCallback(TrainingCallback):
    """As TrainingCallback, with the loss and the R2 of valid tracks against the teacher's answers for them.

    Args, beside those of TrainingCallback:
        truth: {path: (embedding (d,), probabilities (labels,))} of the valid tracks.
        tag_weight: of the labels' loss.
        valid_reader: of the valid tracks.
    """

    def __init__(self, *arguments, tag_weight: float, valid_reader: Reader):
        super().__init__(*arguments)
        self.tag_weight, self.valid_reader = tag_weight, valid_reader

    def on_train_begin(self, logs=None):
        network = keras.Model(self.model.input, self.model.get_layer(HEAD).output)
        self.slice_model = KerasModel(network, self.task, self.slice_spec)
        self.statistics = BatchStatistics(self.model)

    def line(self, row: dict) -> str:
        mark = "  best so far" if self.state.best == self.state.epochs else ""
        train, valid = (f"loss {row[f'{of}loss']:.3f}  R2 {row[f'{of}r2']:.3f}" for of in ("", "valid_"))
        rate = self.steps * self.training.batch_size / row["seconds"]
        head = f"epoch {self.state.epochs:3d}/{self.training.epochs}"
        return f"{head}  {train}  valid tracks: {valid}  {row['seconds']:.0f} s, {rate:.0f} slices/s{mark}"

    def validate(self) -> dict[str, float]:
        sizes, paths = (self.training.batch_size, self.limits.workers), list(self.truth)
        with self.progress.task("validating", len(paths), "tracks") as advance:
            results = predict_tracks(self.slice_model, self.valid_reader, paths, *sizes, advance)
            pairs = [(self.truth[result.path], (result.embedding, result.probabilities)) for result in results]
        self.reader.failures.update(self.valid_reader.failures)
        if not pairs:
            return {"valid_loss": math.nan, "valid_r2": math.nan}
        truth, found = (tuple(map(np.stack, zip(*side))) for side in zip(*pairs))
        error = float(((truth[0] - found[0]) ** 2).mean())
        return {
            "valid_loss": error + self.tag_weight * cross_entropy(truth[1], found[1], self.task.several),
            "valid_r2": explained_together(truth[0], found[0]) if len(pairs) > 1 else 1 - error,
        }


def cross_entropy(truth: np.ndarray, found: np.ndarray, several: bool) -> float:
    """Mean over tracks of the labels' loss as it is in training, of probabilities (tracks, labels)."""
    found = np.clip(found.astype("float64"), 1e-7, 1 - 1e-7)
    if several:
        return float(-(truth * np.log(found) + (1 - truth) * np.log1p(-found)).mean())
    return float(-(truth * np.log(found)).sum(axis=1).mean())
