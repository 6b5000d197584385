"""Optimizers against the published formulas in NumPy, and updates of several steps against those of larger batches.

They run on every backend of Keras: `KERAS_BACKEND=jax pytest tests/test_optimizers.py`.
"""

import shutil
import types

import keras
import numpy as np
import pytest
from backend_training import arrays_of
from keras import layers

from kgenre.core.errors import KgenreError
from kgenre.training import devices
from kgenre.training.callback import TrainingCallback
from kgenre.training.fit import optimizer_of, resumed_model
from kgenre.training.optimizers import OPTIMIZERS
from kgenre.training.optimizers.optimizer import WITHOUT_DECAY
from kgenre.training.plan import TrainingPlan
from kgenre.training.settings import RunSettings

RATE, DECAY, MOMENTUM, STEPS = 0.02, 0.3, 0.8, 3
CHOSEN = {
    "adam": {},
    "adamw": {"weight_decay": DECAY},
    "sgd": {"weight_decay": DECAY, "momentum": MOMENTUM},
}
BATCH, N_UPDATES = 4, 4


def settings_of(name: str = "sgd", **values) -> RunSettings:
    return RunSettings.compose({"optimizer": name, "learning_rate": RATE, "epochs": 1, **CHOSEN[name], **values})


def samples(n: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(7)
    return rng.standard_normal((n, 5)).astype("float32"), rng.standard_normal((n, 2)).astype("float32")


def network(hidden: int = 0, dtype: str = "float32") -> keras.Model:
    """Dense layers without anything that depends on a batch or is drawn in training."""
    inputs = keras.Input((5,))
    x = layers.Dense(hidden, activation="tanh", dtype=dtype, kernel_initializer=drawn(1))(inputs) if hidden else inputs
    return keras.Model(inputs, layers.Dense(2, kernel_initializer=drawn(2), bias_initializer=drawn(3))(x))


def drawn(seed: int) -> keras.initializers.Initializer:
    return keras.initializers.RandomNormal(0.5, seed=seed)


def compiled(settings: RunSettings, model: keras.Model, steps: int) -> keras.Model:
    model.compile(optimizer_of(settings, model, steps), "mse")
    return model


def fitted(settings: RunSettings, model: keras.Model, x, y, epochs: int = 1, first: int = 0) -> keras.Model:
    model.fit(x, y, settings.training.batch_size, initial_epoch=first, epochs=epochs, shuffle=False, verbose=0)
    return model


# --- formulas ---------------------------------------------------------------------------------------


def by_hand(name: str, weights: list[np.ndarray], x: np.ndarray, y: np.ndarray, rates: list[float]) -> list[np.ndarray]:
    """Kernel and bias of a linear layer after a step of each rate on the mean squared error, in float64."""
    kernel, bias = (one.astype("float64") for one in weights)
    first, second = ([np.zeros_like(one) for one in (kernel, bias)] for _ in range(2))
    for t, rate in enumerate(rates, 1):
        error = 2 * (x @ kernel + bias - y) / y.size
        for place, gradient in enumerate((x.T @ error, error.sum(axis=0))):
            one = (kernel, bias)[place]
            if place == 0 and name != "adam":
                one -= rate * DECAY * one
            if name == "sgd":
                first[place] = MOMENTUM * first[place] - rate * gradient
                one += first[place]
                continue
            first[place] = 0.9 * first[place] + 0.1 * gradient
            second[place] = 0.999 * second[place] + 0.001 * gradient**2
            corrected = rate * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
            one -= corrected * first[place] / (np.sqrt(second[place]) + 1e-7)
    return [kernel, bias]


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_three_updates_are_those_of_the_published_formulas(name, schedule):
    settings, model, (x, y) = settings_of(name, schedule=schedule), network(), samples(BATCH)
    before = model.get_weights()
    compiled(settings, model, STEPS)
    for _ in range(STEPS):
        model.train_on_batch(x, y)
    shares = [1 if schedule == "constant" else (1 + np.cos(np.pi * step / STEPS)) / 2 for step in range(STEPS)]
    wanted = by_hand(name, before, x, y, [RATE * share for share in shares])
    for found, own, start in zip(model.get_weights(), wanted, before, strict=True):
        assert np.abs(own - start).max() > 1e-3
        np.testing.assert_allclose(found, own, rtol=0, atol=1e-5)  # of 1 - 0.999^t in float32


def test_decay_takes_a_share_of_kernels_and_nothing_of_biases_and_normalisation():
    inputs = keras.Input((4, 3))
    x = layers.BatchNormalization()(layers.Dense(3)(inputs))
    x = layers.GRU(2)(layers.LayerNormalization()(layers.Conv1D(3, 2)(x)))
    model = keras.Model(inputs, layers.Dense(2)(x))
    for number, variable in enumerate(model.trainable_variables):
        variable.assign(np.full(variable.shape, 1 + number, "float32"))
    settings = settings_of(schedule="constant")
    optimizer = optimizer_of(settings, model, 1)
    optimizer.build(model.trainable_variables)
    zeros = [keras.ops.zeros(variable.shape) for variable in model.trainable_variables]
    optimizer.apply(zeros, model.trainable_variables)
    names = set()
    for number, variable in enumerate(model.trainable_variables):
        left = 1.0 if variable.name in WITHOUT_DECAY else 1 - RATE * DECAY
        np.testing.assert_allclose(keras.ops.convert_to_numpy(variable.value), left * (1 + number), rtol=1e-6)
        names.add(variable.name)
    assert names == {*WITHOUT_DECAY, "kernel", "recurrent_kernel"}


# --- several steps an update ------------------------------------------------------------------------


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_updates_of_several_steps_are_those_of_batches_as_many_times_as_large(name, schedule):
    n, (x, y), found = 3, samples(3 * BATCH * N_UPDATES), []
    for accumulate in (1, n):
        size = BATCH * n // accumulate
        settings = settings_of(name, schedule=schedule, accumulate=accumulate, batch_size=size, epochs=2)
        model = compiled(settings, network(hidden=6), N_UPDATES * accumulate)
        found.append(fitted(settings, model, x, y, epochs=2).get_weights())
        assert int(model.optimizer.iterations) == 2 * N_UPDATES
    for one, several in zip(*found, strict=True):
        np.testing.assert_allclose(several, one, rtol=0, atol=1e-5)


def test_weights_change_at_the_last_step_of_an_update_alone():
    settings, model, (x, y) = settings_of(accumulate=3), network(), samples(BATCH)
    compiled(settings, model, 6)
    seen = [model.get_weights()[0]]
    for _ in range(6):
        model.train_on_batch(x, y)
        seen.append(model.get_weights()[0])
    assert [bool((one != other).any()) for one, other in zip(seen, seen[1:])] == 2 * [False, False, True]


@pytest.mark.parametrize(
    ("name", "precision"), [*((name, "float32") for name in OPTIMIZERS), ("adamw", "mixed_float16")]
)
def test_training_resumed_between_the_steps_of_an_update_goes_on_as_if_it_had_not_stopped(name, precision, tmp_path):
    """As it ends an epoch where a step of half precision was left out."""
    dtype = "mixed_float16" if precision == "mixed_float16" else "float32"
    settings = settings_of(name, accumulate=3, batch_size=BATCH, epochs=2, precision=precision)
    x, y = samples(BATCH * 4)
    whole = fitted(settings, compiled(settings, network(6, dtype), 4), x, y, epochs=2)
    stopped = fitted(settings, compiled(settings, network(6, dtype), 4), x, y)
    stopped.save(tmp_path / "epoch.keras")
    state = types.SimpleNamespace(epochs=1, checkpoint=lambda epoch: tmp_path / "epoch.keras")
    resumed = resumed_model(state, lambda model: compiled(settings, model, 4))
    kept, before = arrays_of(resumed), arrays_of(stopped)
    assert kept.keys() == before.keys() and len(kept) > 8
    for key, value in before.items():
        np.testing.assert_array_equal(kept[key], value)
    fitted(settings, resumed, x, y, epochs=2, first=1)
    for one, other in zip(resumed.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("n_tracks", "batch", "accumulate", "steps"), [(10, 4, 1, 3), (10, 4, 2, 4), (8, 4, 2, 2), (1, 4, 5, 5)]
)
def test_epoch_ends_with_an_update(n_tracks, batch, accumulate, steps):
    plan = TrainingPlan(n_tracks, 1, batch, seed=0, accumulate=accumulate)
    shown, _ = plan.epoch(0)
    assert plan.steps == steps and len(shown) == steps * batch
    assert set(shown) == set(range(n_tracks))


def test_steps_of_an_epoch_that_are_no_whole_updates_are_refused():
    with pytest.raises(KgenreError, match="steps_per_epoch=10, accumulate=4. Set --steps-per-epoch 12, or leave"):
        RunSettings.compose({"steps_per_epoch": 10, "accumulate": 4})


def test_several_devices_are_refused_where_the_backend_cannot_accumulate(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "tensorflow")
    with pytest.raises(KgenreError, match="needs Keras's jax backend. Received: accumulate=4, devices=2 with tensorfl"):
        devices.start_devices(2, accumulate=4)


# --- runs -------------------------------------------------------------------------------------------

RUN = {
    "arch": "convconvpool", "sample_rate_hz": 8000, "slice_seconds": 0.5, "n_fft": 512, "hop_length": 128, "n_mels": 32,
    "image_height": 40, "image_width": 40, "batch_size": 8, "accumulate": 3, "optimizer": "sgd", "weight_decay": 5e-3,
    "crops": "fixed", "slice_overlap": 0.5, "epochs": 2, "steps_per_epoch": 6,
}  # fmt: skip


@pytest.mark.soak
def test_run_with_every_new_setting_stopped_and_resumed_is_the_undisturbed_one(collection, tmp_path, monkeypatch):
    from backend_training import fit

    given = {**RUN, "data": str(collection / "manifest.csv")}
    ends = TrainingCallback.on_epoch_end

    def end(self, epoch, logs=None):
        ends(self, epoch, logs)
        if epoch == 0:  # what a kill here would leave behind
            shutil.copytree(tmp_path / "whole", tmp_path / "stopped")

    with monkeypatch.context() as patch:
        patch.setattr(TrainingCallback, "on_epoch_end", end)
        fit(tmp_path / "whole", given)
    fit(tmp_path / "stopped", {})
    losses = [(tmp_path / name / "history.csv").read_text().splitlines() for name in ("whole", "stopped")]
    rows = [np.array([line.split(",")[1:5] for line in text[1:]], float) for text in losses]
    assert rows[0].shape == (2, 4)
    np.testing.assert_allclose(rows[1], rows[0], rtol=0, atol=1e-3)
