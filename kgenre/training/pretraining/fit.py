"""Fits a network to know a song by any part of it."""

import functools
from collections.abc import Iterable

import keras
import numpy as np
from keras import layers

from kgenre.audio.open_reader import Reader, open_reader
from kgenre.core.errors import KgenreError
from kgenre.core.progress import SILENT, Progress
from kgenre.training.backend import add_backend
from kgenre.training.batches import TrainingCrops
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
from kgenre.training.pretraining.callback import PretrainingCallback
from kgenre.training.pretraining.loss import PairAccuracy, PairLoss
from kgenre.training.pretraining.plan import PairPlan
from kgenre.training.pretraining.settings import PretrainingSettings
from kgenre.training.run import Run
from kgenre.training.settings import RunSettings, TrainingSettings
from kgenre.training.state import TrainingState

METRIC = "pair_accuracy"
EMBEDDING = "embedding"


def fit_pairs(settings: RunSettings, own: PretrainingSettings, run: Run, progress: Progress = SILENT) -> None:
    """Trains on the run's songs from its last whole epoch on.

    Leaves model.keras behind: slices (batch, ...) -> embedding (batch, d).
    """
    tracks, training = run.load_tracks(), settings.training
    paths = {split: list(tracks.loc[tracks["split"] == split, "path"]) for split in ("train", "valid")}
    reader = open_reader(settings.slice_spec, int(settings.reader.cache_gib * 2**30), settings.reader.policy)
    if training.deterministic:
        reader.keep_all_or_none([path for of_split in paths.values() for path in of_split])
    plan = pair_plan(settings, len(paths["train"]))
    state = TrainingState(run, METRIC)

    compile = functools.partial(compile_pairs, settings, plan.steps, own.contrast_temperature)
    model = resumed_model(state, compile) if state.epochs else contrastive_model(settings, own)
    if not state.epochs:
        compile(model)
    if state.epochs < training.epochs and not state.stopped:
        add_backend(run)
        songs = np.arange(plan.n_tracks)
        train, workers = (paths["train"], songs, plan), settings.reader.workers
        crops = TrainingCrops(reader, *train, state.epochs, augmentations_of(settings, "crop"))
        callback = PretrainingCallback(
            settings, run.load_task(), state, plan, reader, dict.fromkeys(paths["valid"]),
            functools.partial(unaugmented_slices, reader, *train, workers), progress,
            temperature=own.contrast_temperature,
            pairs=functools.partial(valid_pairs, reader, paths["valid"], training, workers),
        )  # fmt: skip
        model.fit(
            training_batches(crops, workers),
            initial_epoch=state.epochs,
            epochs=training.epochs,
            steps_per_epoch=plan.steps,
            callbacks=[callback],
            shuffle=False,  # the plan has shuffled already
            verbose=0,
        )
        progress.failures(reader.failures)
        run.add_bad_files(reader.failures)
    state.finish(embedding_model(served_model(settings, 1)), embedding_model)


def pair_plan(settings: RunSettings, n_tracks: int) -> PairPlan:
    training, crops = settings.training, settings.cropping.crops_per_track
    own = (crops, training.batch_size, training.seed)
    return PairPlan(n_tracks, *own, n_steps=training.steps_per_epoch)


def valid_batch(training: TrainingSettings, n_tracks: int) -> int:
    """Crops of a batch of valid songs: as in training, but no song is in it twice."""
    return min(training.batch_size, 2 * n_tracks)


def valid_pairs(reader: Reader, paths: list[str], training: TrainingSettings, workers: int) -> Iterable:
    """Batches (slices, numbers of songs) of one pair of crops of each valid song, filled up to whole batches."""
    plan = PairPlan(len(paths), 2, valid_batch(training, len(paths)), training.seed)
    return training_batches(TrainingCrops(reader, paths, np.arange(len(paths)), plan, n_steps=plan.steps), workers)


def contrastive_model(settings: RunSettings, own: PretrainingSettings) -> keras.Model:
    """The run's network and the projection: slices (batch, ...) -> vectors (batch, projection_size) of length 1.

    Raises:
        KgenreError: nothing of the network would learn.
    """
    network = embedding_model(untrained_model(settings, 1))
    if not network.trainable_weights:
        raise KgenreError(
            f"`{settings.arch}`: all its layers are frozen, so that pre-training would change nothing. "
            "Add --unfreeze -1, or choose another --arch."
        )
    x = layers.Dense(network.output.shape[-1], activation="relu")(network.output)
    x = layers.Dense(own.projection_size, dtype="float32")(x)
    return keras.Model(network.input, layers.UnitNormalization(dtype="float32")(x), name=network.name)


def compile_pairs(settings: RunSettings, steps: int, temperature: float, model: keras.Model) -> None:
    """Gives a contrastive model a new optimizer, the loss and the metric."""
    optimizer = optimizer_of(settings, model, steps)
    model.compile(optimizer, PairLoss(temperature), metrics=[PairAccuracy()], jit_compile=compiler())


def embedding_model(model: keras.Model) -> keras.Model:
    """The run's network up to its embedding, in a model that goes on from there."""
    return keras.Model(model.input, model.get_layer(EMBEDDING).output, name=model.name)
