"""Fits a model: epochs, validation on whole tracks, best weights, and a state that survives a kill."""

import dataclasses
import json
import math
import time
from collections.abc import Callable

import keras
import numpy as np
import pandas as pd

from kgenre import cli
from kgenre.augment import built
from kgenre.config import Config
from kgenre.errors import KgenreError
from kgenre.inference import SlicePredictor, classify
from kgenre.metrics import draw_curves
from kgenre.model import build_model, load_model, reseed, slice_model
from kgenre.pipeline import TrackReader, TrainingPlan, check_bad_share, training_batches
from kgenre.run import Run, write_beside, write_text


class State:
    """What is known after the last whole epoch. state.json names the checkpoint that belongs to it.

    Files are written in an order that leaves a valid state at any moment: the epoch's checkpoint, then
    state.json in one rename, then the removal of checkpoints that it no longer names.
    """

    def __init__(self, run: Run):
        self.run, self.history, self.best, self.stopped = run, [], 0, False
        path = run / "state.json"
        if path.is_file():
            saved = json.loads(path.read_text(encoding="utf-8"))
            self.history, self.best, self.stopped = saved["history"], saved["best"], saved["stopped"]

    @property
    def epochs(self) -> int:
        return len(self.history)

    def checkpoint(self, epoch: int):
        return self.run / "checkpoints" / f"epoch-{epoch:04d}.keras"

    def add(self, row: dict, model: keras.Model, patience: int) -> None:
        """Takes in an epoch. Better is a higher valid accuracy, or an equal one at a lower loss."""
        row = {"epoch": self.epochs + 1, **row}
        if not self.history or _rank(row) > _rank(self.history[self.best - 1]):
            self.best = row["epoch"]
        self.history.append(row)
        self.stopped = self.epochs - self.best >= patience
        self.checkpoint(1).parent.mkdir(exist_ok=True)
        write_beside(self.checkpoint(self.epochs), model.save)
        saved = {"history": self.history, "best": self.best, "stopped": self.stopped}
        self.run.save_json("state.json", saved)
        write_text(self.run / "history.csv", self.table().to_csv(index=False))
        self._remove_except(self.best, self.epochs)

    def table(self) -> pd.DataFrame:
        table = pd.DataFrame(self.history)
        return table.assign(best=table["epoch"] == self.best)

    def finish(self, config: Config, n_classes: int) -> None:
        """Makes the best epoch's weights the run's model, in float32 and without the optimizer's state.

        Weights are float32 under every precision. A network that computes in half precision rounds otherwise
        on each machine and in each graph, so what is served would not be what was evaluated.
        """
        draw_curves(self.table(), self.run / "curves.png")
        trained = load_model(self.checkpoint(self.best))
        # Starting weights would be fetched only to be replaced.
        model = build_model(dataclasses.replace(config, precision="float32", weights="none"), n_classes)
        model.set_weights(trained.get_weights())
        write_beside(self.run / "model.keras", model.save)

    def _remove_except(self, *epochs: int) -> None:
        for path in self.checkpoint(1).parent.glob("*"):
            if path not in [self.checkpoint(epoch) for epoch in epochs]:
                path.unlink()


def _rank(row: dict) -> tuple[float, float]:
    if math.isnan(row["valid_accuracy"]):  # no valid tracks: the last epoch is as good as any
        return (0.0, row["epoch"])
    return (row["valid_accuracy"], -row["valid_loss"])


def fit(config: Config, run: Run) -> None:
    """Trains on the run's tracks from its last whole epoch on, and leaves model.keras behind."""
    labels, tracks = run.load_labels(), run.load_tracks()
    rows = {split: tracks[tracks["split"] == split] for split in ("train", "valid")}
    number = {label: i for i, label in enumerate(labels)}
    reader = TrackReader(config.sample_rate_hz, config.clip_samples, config.hop_samples, int(config.cache_gib * 2**30))
    train_labels = [number[genre] for genre in rows["train"]["genre"]]
    plan = training_plan(config, train_labels)
    state = State(run)
    if state.epochs:
        model = load_model(state.checkpoint(state.epochs), compile=True)
    else:
        model = compiled_model(config, len(labels), plan.steps)
    if state.epochs < config.epochs and not state.stopped:
        dataset = batches(config, reader, list(rows["train"]["path"]), train_labels, len(labels), plan, state.epochs)
        truth = {path: number[genre] for path, genre in zip(rows["valid"]["path"], rows["valid"]["genre"])}
        board = keras.callbacks.TensorBoard(str(run / "logs"), write_graph=False)
        with cli.progress() as bar:
            model.fit(
                dataset,
                initial_epoch=state.epochs,
                epochs=config.epochs,
                steps_per_epoch=plan.steps,
                callbacks=[Watch(config, state, plan, reader, truth, bar), board],
                shuffle=False,  # the plan has shuffled already
                verbose=0,
            )
        report_failures(reader.failures, run)
    state.finish(config, len(labels))


def training_plan(config: Config, labels: list[int]) -> TrainingPlan:
    """The config's plan of epochs for train tracks of these label numbers."""
    genres = tuple(labels) if config.balanced else ()
    return TrainingPlan(len(labels), config.crops_per_track, config.batch_size, config.seed, genres)


def batches(
    config: Config, reader: TrackReader, paths, labels, n_classes: int, plan: TrainingPlan, first_epoch: int = 0
):
    """Training batches with the config's augmentation, as `compiled_model` of the same config takes them."""
    of_window, of_batch = built(config, "window"), built(config, "batch")
    if of_batch:  # which mix labels
        labels = np.eye(n_classes)[labels]
    return training_batches(reader, paths, labels, plan, first_epoch, config.workers, of_window, of_batch)


def compiled_model(config: Config, n_classes: int, steps: int) -> keras.Model:
    """A new model with Adam and cross-entropy on its logits; of shares of the classes where labels are mixed.

    Accuracy is then against the heavier label.
    """
    model = build_model(config, n_classes)
    rate = config.learning_rate
    if config.schedule == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(rate, config.epochs * steps)
    optimizer = keras.optimizers.Adam(rate)
    if config.precision == "mixed_float16":  # small gradients would vanish
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    losses = keras.losses
    kind = losses.CategoricalCrossentropy if built(config, "batch") else losses.SparseCategoricalCrossentropy
    model.compile(
        optimizer,
        kind(from_logits=True),
        metrics=["accuracy"],
        # On the CPU, XLA makes TensorFlow's step 1.4 times as slow (convpool).
        jit_compile=False if keras.backend.backend() == "tensorflow" else "auto",
    )
    return model


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


def slice_predictor(model: keras.Model) -> SlicePredictor:
    """What `classify` asks of a model that is being trained; it follows the weights as they change."""
    import tensorflow as tf

    network = slice_model(model)
    signature = [tf.TensorSpec(model.input.shape, tf.float32)]
    graph = tf.function(lambda windows: network(windows, training=False), input_signature=signature)
    return lambda windows: [output.numpy() for output in graph(windows)]


def validate(
    predict: SlicePredictor,
    reader: TrackReader,
    truth: dict[str, int],
    batch_size: int,
    workers: int,
    advance: Callable[[], None] = lambda: None,
) -> dict[str, float]:
    """Cross-entropy and accuracy of the mean over slices.

    Args:
        predict: SlicePredictor, as `slice_predictor` gives it.
        truth: {path: label number} of the tracks to classify.

    Returns:
        valid_loss and valid_accuracy; NaN where there are no tracks.
    """
    results = classify(predict, reader, list(truth), batch_size, workers, advance)
    pairs = [(truth[result.path], result.probabilities) for result in results]
    if not pairs:
        return {"valid_loss": math.nan, "valid_accuracy": math.nan}
    own = np.array([probabilities[label] for label, probabilities in pairs])
    hits = np.array([probabilities.argmax() == label for label, probabilities in pairs])
    return {"valid_loss": float(-np.log(np.maximum(own, 1e-12)).mean()), "valid_accuracy": float(hits.mean())}
