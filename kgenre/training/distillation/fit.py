"""Fits a student to its teacher's answers."""

import functools

import keras
import pandas as pd
from keras import layers

from kgenre.audio.open_reader import open_reader
from kgenre.audio.policy import ReadPolicy
from kgenre.audio.slicing import SliceSpec
from kgenre.core.progress import SILENT, Progress
from kgenre.model.transfer import HEAD
from kgenre.training.batches import TrainingCrops
from kgenre.training.devices import device_callbacks, device_scope
from kgenre.training.distillation.answers import CropTargets, TrackAnswers
from kgenre.training.distillation.callback import StudentCallback
from kgenre.training.distillation.loss import DistillationLoss, ExplainedShare
from kgenre.training.distillation.settings import DistillationSettings
from kgenre.training.fit import (
    augmentations_of,
    compiler,
    optimizer_of,
    resumed_model,
    served_model,
    unaugmented_slices,
    untrained_model,
)
from kgenre.training.loaders import training_batches
from kgenre.training.plan import training_plan
from kgenre.training.run import Run
from kgenre.training.settings import RunSettings
from kgenre.training.state import TrainingState

VALID_SLICES = 24  # of a valid track after each epoch, spread over it: enough to tell the better epoch
METRIC = "r2"


def fit_student(
    settings: RunSettings,
    distillation: DistillationSettings,
    run: Run,
    renditions: pd.DataFrame,
    answers: dict[str, TrackAnswers],
    teacher_seconds: float,
    progress: Progress = SILENT,
) -> None:
    """Trains from the last whole epoch on, and leaves model.keras behind.

    Args:
        renditions: those that have answers, with path and split; train ones are learnt, of the others the file itself.
        answers: {path of the rendition: TrackAnswers}.
        teacher_seconds: of the slices that the teacher answered for.
    """
    with device_scope(settings.training.devices):
        state = _fit_epochs(settings, distillation, run, renditions, answers, teacher_seconds, progress)
    state.finish(served_model(settings, len(run.load_labels())), network_of)


def _fit_epochs(settings, distillation, run, renditions, answers, teacher_seconds, progress) -> TrainingState:
    """The state after the last epoch."""
    task, spec = run.load_task(), settings.slice_spec
    paths = {split: list(renditions.loc[renditions["split"] == split, "path"]) for split in ("train", "valid")}
    targets = CropTargets([answers[path] for path in paths["train"]], teacher_seconds, spec.slice_seconds)
    reader = open_reader(spec, int(settings.reader.cache_gib * 2**30), settings.reader.policy)
    if settings.training.deterministic:
        reader.keep_all_or_none(paths["train"])
    plan = training_plan(settings, [0] * len(paths["train"]), reader, paths["train"], progress)
    state = TrainingState(run, METRIC, by_loss=True)
    if state.epochs:
        model = resumed_model(state, lambda model: compile_student(model, settings, distillation, task, plan.steps))
    else:
        model = compiled_student(settings, distillation, task, plan.steps)
    if state.epochs < settings.training.epochs and not state.stopped:
        of_crop, of_batch = (augmentations_of(settings, place) for place in ("crop", "batch"))
        workers = settings.reader.workers
        crops = TrainingCrops(reader, paths["train"], targets, plan, state.epochs, of_crop, of_batch)
        truth = {path: answers[path].of_track for path in paths["valid"]}
        callback = StudentCallback(
            settings, task, state, plan, reader, truth,
            functools.partial(unaugmented_slices, reader, paths["train"], targets, plan, workers),
            progress, tag_weight=distillation.tag_weight, valid_reader=valid_reader(spec, settings),
        )  # fmt: skip
        model.fit(
            training_batches(crops, workers),
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


def valid_reader(spec: SliceSpec, settings: RunSettings):
    return open_reader(spec, policy=ReadPolicy(VALID_SLICES, settings.reader.policy.decoder))


def compiled_student(settings: RunSettings, distillation: DistillationSettings, task, steps: int) -> keras.Model:
    """The run's network, compiled: slices (batch, ...) -> (batch, d + labels), embedding and logits."""
    network = untrained_model(settings, len(task.labels))
    embedding = layers.Identity(dtype="float32", name="embedding_output")(network.get_layer("embedding").output)
    outputs = layers.Concatenate(dtype="float32", name="outputs")([embedding, network.output])
    model = keras.Model(network.input, outputs, name=network.name)
    compile_student(model, settings, distillation, task, steps)
    return model


def compile_student(
    model: keras.Model, settings: RunSettings, distillation: DistillationSettings, task, steps: int
) -> None:
    """Gives a student a new optimizer and the loss."""
    size = settings.network.embedding_size
    model.compile(
        optimizer_of(settings, model, steps),
        DistillationLoss(size, task.name, distillation.tag_weight),
        metrics=[ExplainedShare(size)],
        jit_compile=compiler(),
    )


def network_of(student: keras.Model) -> keras.Model:
    """The run's network in what `compiled_student` gives: slices -> logits."""
    return keras.Model(student.input, student.get_layer(HEAD).output)
