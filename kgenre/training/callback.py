"""Fits a model: epochs, validation on whole tracks, best weights, and a state that survives a kill."""

import math
import time

import keras

from kgenre import cli
from kgenre.audio.reader import TrackReader, check_bad_share
from kgenre.core.errors import KgenreError
from kgenre.model.build import reseed
from kgenre.model.settings import Config
from kgenre.training.plan import TrainingPlan
from kgenre.training.run import Run
from kgenre.training.state import State
from kgenre.training.validation import slice_predictor, validate


def report_failures(failures: dict[str, str], run: Run) -> None:
    """Lists the files that failed while training and adds them to run.json."""
    cli.list_failures(failures)
    facts = run.load_facts()
    run.save_json("run.json", {**facts, "bad_files": {**facts["bad_files"], **failures}})


class Watch(keras.callbacks.Callback):
    """Shows progress, validates on whole tracks, saves the state and stops when patience ends."""

    def __init__(self, config: Config, state: State, plan: TrainingPlan, reader: TrackReader, truth: dict, bar):
        super().__init__()
        self.config, self.state, self.steps, self.reader, self.truth = config, state, plan.steps, reader, truth
        self.n_files = plan.n_tracks + len(truth)
        self.bar = bar

    def on_train_begin(self, logs=None):
        self.predict = slice_predictor(self.model)

    def on_epoch_begin(self, epoch, logs=None):
        reseed(self.model, self.config.seed, epoch)
        self.began = time.monotonic()
        self.title = f"epoch {epoch + 1}/{self.config.epochs}"
        self.task = self.bar.add_task(self.title, total=self.steps, unit="steps")

    def on_train_batch_end(self, batch, logs=None):
        loss = float(logs["loss"])
        if not math.isfinite(loss):
            raise KgenreError(
                f"The loss became {loss} at step {batch + 1}. Lower --learning-rate"
                + (" or train with --precision float32." if self.config.precision != "float32" else ".")
            )
        self.bar.update(self.task, completed=batch + 1, description=f"{self.title}, loss {loss:.3f}")

    def on_epoch_end(self, epoch, logs=None):
        self.bar.remove_task(self.task)
        check_bad_share(self.reader.failures, self.n_files, self.config.max_bad_share)
        logs.update(self.validate())
        row = {name: float(logs[name]) for name in ("loss", "accuracy", "valid_loss", "valid_accuracy")}
        row["learning_rate"] = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        row["seconds"] = round(time.monotonic() - self.began, 2)
        self.state.add(row, self.model, self.config.patience)
        self.bar.console.print(self.line(row))
        self.model.stop_training = self.state.stopped

    def on_train_end(self, logs=None):
        why = f"no better epoch for {self.config.patience}" if self.state.stopped else "all epochs done"
        self.bar.console.print(f"stopped after epoch {self.state.epochs} ({why}); keeping epoch {self.state.best}")

    def line(self, row: dict) -> str:
        mark = "  best so far" if self.state.best == self.state.epochs else ""
        train = f"loss {row['loss']:.3f}  accuracy {row['accuracy']:.1%}"
        valid = f"loss {row['valid_loss']:.3f}  accuracy {row['valid_accuracy']:.1%}"
        head = f"epoch {self.state.epochs:3d}/{self.config.epochs}"
        return f"{head}  {train}  valid tracks: {valid}  {row['seconds']:.0f} s{mark}"

    def validate(self) -> dict[str, float]:
        task = self.bar.add_task("validating", total=len(self.truth), unit="tracks")
        sizes = (self.config.batch_size, self.config.workers)
        figures = validate(self.predict, self.reader, self.truth, *sizes, lambda: self.bar.advance(task))
        self.bar.remove_task(task)
        return figures
