"""What happens around the steps of a training: progress, validation on whole tracks, the state, the end."""

import contextlib
import math
import time
from collections.abc import Callable, Iterable

import keras

from kgenre.audio.open_reader import Reader
from kgenre.audio.reader import check_bad_share
from kgenre.core.errors import KgenreError
from kgenre.core.progress import Progress
from kgenre.model.build import reseed
from kgenre.model.tasks import Task
from kgenre.serving.keras_model import KerasModel
from kgenre.training.batch_statistics import BatchStatistics
from kgenre.training.board import Board
from kgenre.training.plan import TrainingPlan
from kgenre.training.settings import RunSettings
from kgenre.training.state import TrainingState
from kgenre.training.validation import validate


class TrainingCallback(keras.callbacks.Callback):
    """Shows progress, measures batch statistics, validates on whole tracks, saves the state, stops when patience ends.

    Args:
        truth: {path: target} of the valid tracks.
        unaugmented: epoch, from 0 -> some batches of its slices without augmentation.
    """

    def __init__(
        self,
        settings: RunSettings,
        task: Task,
        state: TrainingState,
        plan: TrainingPlan,
        reader: Reader,
        truth: dict,
        unaugmented: Callable[[int], Iterable],
        progress: Progress,
    ):
        super().__init__()
        self.board = Board(state.run / "logs")
        self.training, self.limits = settings.training, settings.reader
        self.task, self.slice_spec = task, settings.slice_spec
        self.state, self.steps, self.reader, self.truth = state, plan.steps, reader, truth
        self.unaugmented = unaugmented
        self.n_files = plan.n_tracks + len(truth)
        self.progress, self.shown = progress, contextlib.ExitStack()

    def on_train_begin(self, logs=None):
        self.slice_model = KerasModel(self.model, self.task, self.slice_spec)
        self.statistics = BatchStatistics(self.model)

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch, self.began = epoch, time.monotonic()
        self.title = f"epoch {epoch + 1}/{self.training.epochs}"
        self.advance = self.shown.enter_context(self.progress.task(self.title, self.steps, "steps"))

    def on_train_batch_begin(self, batch, logs=None):
        if batch == 0:  # not before: PyTorch's iterator draws from the same generator as its dropout
            reseed(self.model, self.training.seed, self.epoch)

    def on_train_batch_end(self, batch, logs=None):
        loss = float(logs["loss"])
        if not math.isfinite(loss):
            raise KgenreError(
                f"The loss became {loss} at step {batch + 1}. Lower --learning-rate"
                + (" or train with --precision float32." if self.training.precision != "float32" else ".")
            )
        self.advance(1, f"{self.title}, loss {loss:.3f}")

    def on_epoch_end(self, epoch, logs=None):
        self.shown.close()
        check_bad_share(self.reader.failures, self.n_files, self.limits.max_bad_share)
        self.statistics.measure(self.unaugmented(epoch))
        logs.update(self.validate())
        metric = self.state.metric
        row = {name: float(logs[name]) for name in ("loss", metric, "valid_loss", f"valid_{metric}")}
        row["learning_rate"] = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        row["seconds"] = round(time.monotonic() - self.began, 2)
        self.state.add(row, self.model, self.training.patience)
        self.board.add(epoch, row)
        self.progress.line(self.line(row))
        self.model.stop_training = self.state.stopped

    def on_train_end(self, logs=None):
        why = f"no better epoch for {self.training.patience}" if self.state.stopped else "all epochs done"
        self.progress.line(f"stopped after epoch {self.state.epochs} ({why}); keeping epoch {self.state.best}")

    def line(self, row: dict) -> str:
        mark = "  best so far" if self.state.best == self.state.epochs else ""
        metric = self.state.metric
        name = metric.replace("_", " ")
        train = f"loss {row['loss']:.3f}  {name} {row[metric]:.1%}"
        valid = f"loss {row['valid_loss']:.3f}  {name} {row[f'valid_{metric}']:.1%}"
        head = f"epoch {self.state.epochs:3d}/{self.training.epochs}"
        return f"{head}  {train}  valid tracks: {valid}  {row['seconds']:.0f} s{mark}"

    def validate(self) -> dict[str, float]:
        sizes = (self.training.batch_size, self.limits.workers)
        with self.progress.task("validating", len(self.truth), "tracks") as advance:
            return validate(self.slice_model, self.reader, self.truth, *sizes, advance)
