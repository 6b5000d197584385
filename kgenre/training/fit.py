"""Fits a model to the train tracks of a run."""

import functools
from collections.abc import Callable, Iterable

import keras
import numpy as np

from kgenre.audio.open_reader import Reader, open_reader
from kgenre.augment import build_augmentations
from kgenre.core.progress import SILENT, Progress
from kgenre.model.build import build_model, load_model
from kgenre.model.tasks import Task
from kgenre.model.transfer import copy_weights
from kgenre.training.backend import add_backend
from kgenre.training.batches import TrainingCrops
from kgenre.training.callback import TrainingCallback
from kgenre.training.devices import device_callbacks, device_scope
from kgenre.training.loaders import training_batches
from kgenre.training.optimizers import OPTIMIZERS
from kgenre.training.optimizers.optimizer import WITHOUT_DECAY
from kgenre.training.plan import TrainingPlan, training_plan
from kgenre.training.run import Run
from kgenre.training.settings import RunSettings
from kgenre.training.state import TrainingState

MAX_POSITIVE_WEIGHT = 20.0
N_STATISTICS_BATCHES = 16  # of 32 slices: accuracy stays within half a point of that of 128 batches (measured)


def fit(settings: RunSettings, run: Run, progress: Progress = SILENT) -> None:
    """Trains on the run's tracks from its last whole epoch on, and leaves model.keras behind."""
    with device_scope(settings.training.devices):
        state = _fit_epochs(settings, run, progress)
    state.finish(served_model(settings, len(run.load_labels())))


def _fit_epochs(settings: RunSettings, run: Run, progress: Progress) -> TrainingState:
    """The state after the last epoch."""
    task, tracks = run.load_task(), run.load_tracks()
    rows = {split: tracks[tracks["split"] == split] for split in ("train", "valid")}
    cache_bytes = int(settings.reader.cache_gib * 2**30)
    reader = open_reader(settings.slice_spec, cache_bytes, settings.reader.policy)
    if settings.training.deterministic:
        reader.keep_all_or_none([path for table in rows.values() for path in table["path"]])
    targets = {split: task.targets(rows[split]) for split in rows}
    plan = training_plan(settings, task.strata(targets["train"]), reader, list(rows["train"]["path"]), progress)
    state = TrainingState(run, task.metrics[0])
    model = trainable_model(settings, task, plan.steps, positive_weights(settings, targets["train"]), state)
    if state.epochs < settings.training.epochs and not state.stopped:
        add_backend(run)
        train = (list(rows["train"]["path"]), targets["train"], plan)
        dataset = batches(settings, task, reader, *train, state.epochs)
        unaugmented = functools.partial(unaugmented_slices, reader, *train, settings.reader.workers)
        truth = dict(zip(rows["valid"]["path"], targets["valid"]))
        callback = TrainingCallback(settings, task, state, plan, reader, truth, unaugmented, progress)
        model.fit(
            dataset,
            initial_epoch=state.epochs,
            epochs=settings.training.epochs,
            steps_per_epoch=plan.steps,
            callbacks=[*device_callbacks(settings.training.devices), callback],
            shuffle=False,  # the plan has shuffled already
            verbose=0,
        )
        progress.failures(reader.failures)
        run.add_bad_files(reader.failures)
    return state


def trainable_model(settings: RunSettings, task: Task, steps: int, weights, state: TrainingState) -> keras.Model:
    """The model that training goes on with: of the last epoch, whatever backend it ended on, or a new one.

    Args:
        weights: as `positive_weights` gives them.
    """
    if not state.epochs:
        return compiled_model(settings, task, steps, weights)
    return resumed_model(state, lambda model: compile_model(model, settings, task, steps, weights))


def resumed_model(state: TrainingState, compile_again: Callable[[keras.Model], None]) -> keras.Model:
    """The model of the last epoch, compiled as at the start, with the values of its optimizer's variables.

    What a checkpoint compiles is otherwise: its optimizer is of the class that its backend has, and so is whether XLA
    compiles the step; and which variables have no weight decay is not kept.
    """
    model = load_model(state.checkpoint(state.epochs), compile=True)
    kept = model.optimizer.variables
    compile_again(model)
    model.optimizer.build(model.trainable_variables)
    for variable, value in zip(model.optimizer.variables, kept, strict=True):
        variable.assign(keras.ops.convert_to_numpy(value))
    return model


def batches(
    settings: RunSettings, task: Task, reader: Reader, paths, targets, plan: TrainingPlan, first_epoch: int = 0
):
    """Training batches with the run's augmentations, as `compiled_model` of the same settings takes them."""
    of_crop, of_batch = (augmentations_of(settings, place) for place in ("crop", "batch"))
    if of_batch:  # which mix labels
        targets = task.shares(targets)
    crops = TrainingCrops(reader, paths, targets, plan, first_epoch, of_crop, of_batch)
    return training_batches(crops, settings.reader.workers)


def unaugmented_slices(
    reader: Reader, paths, targets, plan: TrainingPlan, workers: int, epoch: int
) -> Iterable[np.ndarray]:
    """The first batches of an epoch, slices alone, as files hold them; nothing is read until they are asked for."""
    crops = TrainingCrops(reader, paths, targets, plan, epoch, n_steps=min(plan.steps, N_STATISTICS_BATCHES))
    for slices, _ in training_batches(crops, workers):
        yield np.asarray(slices)


def positive_weights(settings: RunSettings, targets: np.ndarray) -> np.ndarray | None:
    """For targets (tracks, classes) how much rarer each label is than its absence, (classes,); None if not asked for.

    At most MAX_POSITIVE_WEIGHT, so that a label of three tracks does not drown the others.
    """
    if not settings.training.positive_weights:
        return None
    present = targets.sum(axis=0)
    return np.clip((len(targets) - present) / np.maximum(present, 1), 1, MAX_POSITIVE_WEIGHT)


def compiled_model(
    settings: RunSettings, task: Task, steps: int, positive_weights: np.ndarray | None = None
) -> keras.Model:
    """A new model, compiled."""
    model = initial_model(settings, task)
    compile_model(model, settings, task, steps, positive_weights)
    return model


def compile_model(
    model: keras.Model, settings: RunSettings, task: Task, steps: int, positive_weights: np.ndarray | None
) -> None:
    """Gives a model a new optimizer, and the task's loss and metric; of shares where an augmentation mixes labels."""
    mixed = bool(augmentations_of(settings, "batch"))
    model.compile(
        optimizer_of(settings, model, steps),
        task.loss(mixed, positive_weights),
        metrics=[task.slice_metric(mixed)],
        jit_compile=compiler(),
    )


def optimizer_of(settings: RunSettings, model: keras.Model, steps: int) -> keras.optimizers.Optimizer:
    """The run's optimizer for a model, with the schedule of a run of so many steps an epoch.

    An update of n steps is that of one step with n times the slices: of the mean of the gradients, and at the learning
    rate of the first of the steps.
    """
    training, own = settings.training, settings.optimization
    rate, n, options = own.learning_rate, training.accumulate, {}
    if n > 1:
        options = {"gradient_accumulation_steps": n}
    if training.schedule == "cosine":
        # Keras counts the steps, and updates at the last of n: a constant rate for the n - 1 before moves the curve.
        later = {"warmup_target": rate, "warmup_steps": n - 1} if n > 1 else {}
        rate = keras.optimizers.schedules.CosineDecay(rate, training.epochs * steps, **later)
    optimizer = OPTIMIZERS[settings.optimizer].build(own, rate, **options)
    optimizer.exclude_from_weight_decay([one for one in model.trainable_variables if one.name in WITHOUT_DECAY])
    if training.precision == "mixed_float16":  # small gradients would vanish
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    return optimizer


def compiler() -> bool:
    """Keras's `jit_compile`. On the CPU, XLA makes TensorFlow's step 1.4 times as slow (convpool).

    PyTorch's compiler needs one of C++ on the machine, and minutes.
    """
    return keras.backend.backend() == "jax"


def initial_model(settings: RunSettings, task: Task) -> keras.Model:
    """The run's network as training begins with it: new, or with the weights of another run.

    Raises:
        KgenreError: the other run has another network, or is not finished.
    """
    if settings.init is None:
        return untrained_model(settings, len(task.labels))
    other, model = Run(settings.init), untrained_model(_with_random_weights(settings), len(task.labels))
    copy_weights(other.load_trained(), model, str(other.folder), tuple(other.load_labels()) == task.labels)
    return model


def untrained_model(settings: RunSettings, n_classes: int) -> keras.Model:
    """The run's network with its augmentations, its weights drawn or pretrained."""
    training = settings.training
    return build_model(settings, n_classes, settings.augmentations, training.seed, training.precision)


def served_model(settings: RunSettings, n_classes: int) -> keras.Model:
    """The same network in float32, for the trained weights.

    A network that computes in half precision rounds otherwise on each machine and in each graph, so what is served
    would not be what was evaluated.
    """
    return untrained_model(_with_random_weights(settings.replace(precision="float32")), n_classes)


def _with_random_weights(settings: RunSettings) -> RunSettings:
    """The same where all weights will be replaced: starting weights would be fetched for nothing."""
    return settings.replace(weights="none") if "weights" in settings.values() else settings


def augmentations_of(settings: RunSettings, place: str) -> dict:
    """The run's augmentations of a place, built, by name."""
    return build_augmentations(settings.augmentations, place, settings.slice_spec, settings.training.seed)
