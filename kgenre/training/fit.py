"""Fits a model: epochs, validation on whole tracks, best weights, and a state that survives a kill."""

import keras
import numpy as np

from kgenre.audio.reader import TrackReader
from kgenre.augment import build_augmentations
from kgenre.core.progress import SILENT, Progress
from kgenre.model.build import build_model, load_model
from kgenre.model.settings import Config
from kgenre.training.batches import training_batches
from kgenre.training.callback import TrainingCallback
from kgenre.training.plan import TrainingPlan
from kgenre.training.run import Run
from kgenre.training.state import TrainingState


def fit(config: Config, run: Run, progress: Progress = SILENT) -> None:
    """Trains on the run's tracks from its last whole epoch on, and leaves model.keras behind."""
    labels, tracks = run.load_labels(), run.load_tracks()
    rows = {split: tracks[tracks["split"] == split] for split in ("train", "valid")}
    number = {label: i for i, label in enumerate(labels)}
    reader = TrackReader(config.slice_spec, int(config.cache_gib * 2**30))
    train_labels = [number[genre] for genre in rows["train"]["genre"]]
    plan = training_plan(config, train_labels)
    state = TrainingState(run)
    if state.epochs:
        model = load_model(state.checkpoint(state.epochs), compile=True)
    else:
        model = compiled_model(config, len(labels), plan.steps)
    if state.epochs < config.epochs and not state.stopped:
        dataset = batches(config, reader, list(rows["train"]["path"]), train_labels, len(labels), plan, state.epochs)
        truth = {path: number[genre] for path, genre in zip(rows["valid"]["path"], rows["valid"]["genre"])}
        board = keras.callbacks.TensorBoard(str(run / "logs"), write_graph=False)
        model.fit(
            dataset,
            initial_epoch=state.epochs,
            epochs=config.epochs,
            steps_per_epoch=plan.steps,
            callbacks=[TrainingCallback(config, state, plan, reader, truth, progress), board],
            shuffle=False,  # the plan has shuffled already
            verbose=0,
        )
        progress.failures(reader.failures)
        run.add_bad_files(reader.failures)
    state.finish(config, len(labels))


def training_plan(config: Config, labels: list[int]) -> TrainingPlan:
    """The config's plan of epochs for train tracks of these label numbers."""
    genres = tuple(labels) if config.balanced else ()
    return TrainingPlan(len(labels), config.crops_per_track, config.batch_size, config.seed, genres)


def batches(
    config: Config, reader: TrackReader, paths, labels, n_classes: int, plan: TrainingPlan, first_epoch: int = 0
):
    """Training batches with the config's augmentation, as `compiled_model` of the same config takes them."""
    of_window, of_batch = build_augmentations(config, "window"), build_augmentations(config, "batch")
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
    kind = (
        losses.CategoricalCrossentropy if build_augmentations(config, "batch") else losses.SparseCategoricalCrossentropy
    )
    model.compile(
        optimizer,
        kind(from_logits=True),
        metrics=["accuracy"],
        # On the CPU, XLA makes TensorFlow's step 1.4 times as slow (convpool).
        jit_compile=False if keras.backend.backend() == "tensorflow" else "auto",
    )
    return model
