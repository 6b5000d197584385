"""Fits a model: epochs, validation on whole tracks, best weights, and a state that survives a kill."""

import keras

from kgenre.audio.reader import TrackReader
from kgenre.augment import build_augmentations
from kgenre.core.progress import SILENT, Progress
from kgenre.model.build import build_model, load_model
from kgenre.model.settings import Config
from kgenre.model.tasks import Task
from kgenre.training.batches import training_batches
from kgenre.training.callback import TrainingCallback
from kgenre.training.plan import TrainingPlan
from kgenre.training.run import Run
from kgenre.training.state import TrainingState


def fit(config: Config, run: Run, progress: Progress = SILENT) -> None:
    """Trains on the run's tracks from its last whole epoch on, and leaves model.keras behind."""
    task, tracks = run.load_task(), run.load_tracks()
    rows = {split: tracks[tracks["split"] == split] for split in ("train", "valid")}
    reader = TrackReader(config.slice_spec, int(config.cache_gib * 2**30))
    targets = {split: task.targets(rows[split]["genre"]) for split in rows}
    plan = training_plan(config, targets["train"])
    state = TrainingState(run)
    if state.epochs:
        model = load_model(state.checkpoint(state.epochs), compile=True)
    else:
        model = compiled_model(config, task, plan.steps)
    if state.epochs < config.epochs and not state.stopped:
        dataset = batches(config, task, reader, list(rows["train"]["path"]), targets["train"], plan, state.epochs)
        truth = dict(zip(rows["valid"]["path"], targets["valid"]))
        board = keras.callbacks.TensorBoard(str(run / "logs"), write_graph=False)
        model.fit(
            dataset,
            initial_epoch=state.epochs,
            epochs=config.epochs,
            steps_per_epoch=plan.steps,
            callbacks=[TrainingCallback(config, task, state, plan, reader, truth, progress), board],
            shuffle=False,  # the plan has shuffled already
            verbose=0,
        )
        progress.failures(reader.failures)
        run.add_bad_files(reader.failures)
    state.finish(config, len(task.labels))


def training_plan(config: Config, targets) -> TrainingPlan:
    """The config's plan of epochs for train tracks of these targets."""
    genres = tuple(targets) if config.balanced else ()
    return TrainingPlan(len(targets), config.crops_per_track, config.batch_size, config.seed, genres)


def batches(config: Config, task: Task, reader: TrackReader, paths, targets, plan: TrainingPlan, first_epoch: int = 0):
    """Training batches with the config's augmentation, as `compiled_model` of the same config takes them."""
    of_window, of_batch = build_augmentations(config, "window"), build_augmentations(config, "batch")
    if of_batch:  # which mix labels
        targets = task.shares(targets)
    return training_batches(reader, paths, targets, plan, first_epoch, config.workers, of_window, of_batch)


def compiled_model(config: Config, task: Task, steps: int) -> keras.Model:
    """A new model with Adam and the task's loss; of shares of the classes where an augmentation mixes labels.

    Accuracy is then against the heavier label.
    """
    model = build_model(config, len(task.labels))
    rate = config.learning_rate
    if config.schedule == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(rate, config.epochs * steps)
    optimizer = keras.optimizers.Adam(rate)
    if config.precision == "mixed_float16":  # small gradients would vanish
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    model.compile(
        optimizer,
        task.loss(mixed=bool(build_augmentations(config, "batch"))),
        metrics=["accuracy"],
        # On the CPU, XLA makes TensorFlow's step 1.4 times as slow (convpool).
        jit_compile=False if keras.backend.backend() == "tensorflow" else "auto",
    )
    return model
