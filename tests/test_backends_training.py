"""Training on JAX and PyTorch without TensorFlow in the process: as on TensorFlow, and to the same exports."""

import contextlib
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from audio_files import music, write_sound
from backend_training import KILLED_AFTER, arrays_of, fit, losses_of

from kgenre import export, prepare
from kgenre.__main__ import main
from kgenre.audio.reader import TrackReader
from kgenre.audio.slicing import SliceSpec
from kgenre.augment.mixup import Mixup
from kgenre.augment.stretch import Tempo
from kgenre.core.errors import KgenreError
from kgenre.core.files import write_json
from kgenre.evaluation.evaluate import run_collection
from kgenre.evaluation.finish import finish_with_tensorflow
from kgenre.serving.catalogue import open_model
from kgenre.serving.predict import predict_tracks
from kgenre.training.backend import ANSWERS, add_backend, check_answers, keep_answers
from kgenre.training.batches import TrainingCrops
from kgenre.training.fit import trainable_model
from kgenre.training.loaders import training_batches
from kgenre.training.plan import TrainingPlan
from kgenre.training.run import Run
from kgenre.training.state import TrainingState

BACKENDS = ("jax", "torch")
WITH_TENSORFLOW_APART = "jax"  # whose process starts one of TensorFlow in the end; that of the other is this process
SCRIPT = Path(__file__).parent / "backend_training.py"
TINY = {
    "arch": "convconvpool", "sample_rate_hz": 8000, "slice_seconds": 0.5, "n_fft": 512, "hop_length": 128,
    "n_mels": 32, "image_height": 40, "image_width": 40, "batch_size": 8, "crops_per_track": 3,
}  # fmt: skip
EVERY_PLACE = ["tempo", "mixup", "gain", "shift", "zoom", "noise", "specaugment"]
TRAINING = {
    **TINY, "augment": EVERY_PLACE, "deterministic": True, "epochs": 8, "patience": 2, "learning_rate": 0.05,
    "schedule": "constant", "seed": 5,
}  # fmt: skip
# JAX's three trainings of one network, in two processes, compile their steps once.
JAX_CACHE = {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0", "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1"}
# Adam divides by the root of a gradient's square: what rounding leaves of a small one is a whole step elsewhere.
LOSS_TOLERANCE = 1e-3


# --- loaders --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tracks(tmp_path_factory) -> list[str]:
    """Five tracks, of which one holds no audio."""
    folder = tmp_path_factory.mktemp("tracks")
    for number in range(5):
        write_sound(folder / f"{number}.wav", music(0.3 + 0.5 * number, 8000, 1, seed=number), 8000)
    (folder / "2.wav").write_bytes(b"no audio")
    return [str(folder / f"{number}.wav") for number in range(5)]


def crops_of(tracks, plan: TrainingPlan, first_epoch: int = 0, n_steps: int | None = None) -> TrainingCrops:
    reader = TrackReader(SliceSpec(8000, 4000, 4000), 1 << 30)
    changes = {"tempo": Tempo(0.1, 8000)}, {"mixup": Mixup(1.0)}
    return TrainingCrops(reader, tracks, np.eye(len(tracks)), plan, first_epoch, *changes, n_steps)


def arrays(batches) -> tuple[np.ndarray, np.ndarray]:
    slices, labels = zip(*batches)
    return np.concatenate(slices), np.concatenate(labels)


@pytest.mark.parametrize("workers", [1, 4])
def test_grain_batches_are_those_of_tf_data(tracks, workers):
    """Over the end of an epoch, with a file that fails, and with changes of crops and of batches."""
    plan = TrainingPlan(len(tracks), 2, 4, seed=3)
    crops = [crops_of(tracks, plan, first_epoch=1, n_steps=2 * plan.steps + 1) for _ in range(2)]
    grain = arrays(training_batches(crops[0], workers, "grain"))
    tf_data = arrays(training_batches(crops[1], workers, "tf.data"))
    assert len(grain[0]) == (2 * plan.steps + 1) * plan.batch_size
    assert 0 < (grain[1] > 0).sum(axis=1).mean() <= 2 and grain[0].std() > 0.01
    assert not grain[1][:, 2].any()  # another track is in its place
    for one, other in zip(grain, tf_data):
        assert one.dtype == other.dtype == np.float32
        np.testing.assert_array_equal(one, other)


def test_crops_asked_in_any_order_are_the_same(tracks):
    plan = TrainingPlan(len(tracks), 2, 4, seed=3)
    n = 3 * plan.steps * plan.batch_size
    forwards, backwards = crops_of(tracks, plan), crops_of(tracks, plan)
    expected = [forwards[item] for item in range(n)]
    for item in reversed(range(n)):
        for one, other in zip(backwards[item], expected[item]):
            np.testing.assert_array_equal(one, other)


def test_mixup_is_what_tensorflow_computes():
    rng = np.random.default_rng(0)
    waveforms, labels = rng.standard_normal((6, 500)).astype("float32"), np.eye(6, dtype="float32")
    shares = rng.beta(0.2, 0.2, 6)
    for found, x in zip(Mixup(0.2).apply(waveforms, labels, shares), (waveforms, labels)):
        share = tf.cast(shares, tf.float32)[:, None]
        np.testing.assert_array_equal(found, share * x + (1 - share) * tf.roll(x, -1, axis=0))


# --- training -------------------------------------------------------------------------------------


def start(backend: str, *arguments: str, log: Path) -> subprocess.Popen:
    environment = {**os.environ, "KERAS_BACKEND": backend, **JAX_CACHE}
    environment["JAX_COMPILATION_CACHE_DIR"] = str(log.parent / "compiled")
    with log.open("w") as stream:
        return subprocess.Popen(
            [sys.executable, str(SCRIPT), *arguments], env=environment, stdout=stream, stderr=stream
        )


def wait(process: subprocess.Popen, expected: int, log: Path) -> str:
    assert process.wait(600) == expected, log.read_text()
    return log.read_text()


@pytest.fixture(scope="module")
def base(collection, tmp_path_factory) -> Run:
    """A run whose weights others begin with, made by TensorFlow here."""
    folder = tmp_path_factory.mktemp("base") / "run"
    fit(folder, {**TINY, "data": str(collection / "manifest.csv"), "epochs": 1})
    return Run(folder)


def same_start(base: Run) -> dict:
    """Settings of trainings that differ by their backend alone: nothing is drawn by layers."""
    return {**TINY, "init": str(base.folder), "augment": ["none"], "dropout": 0.0, "learning_rate": 3e-4}


@pytest.fixture(scope="module")
def trained(collection, base, tmp_path_factory) -> dict[str, Path]:
    """{backend: folder} with losses.json, whole/, and killed/, which has been resumed by `kgenre train`.

    The steps of losses.json were on audio files, the others on a prepared set. other/ is killed/ before it was resumed.
    """
    folders, running, prepared = {}, {}, tmp_path_factory.mktemp("prepared") / "set"
    rate = ["--sample-rate-hz", str(TINY["sample_rate_hz"])]
    assert prepare.main(["--data", str(collection / "manifest.csv"), "--out", str(prepared), *rate]) == 0
    given = {**TRAINING, "data": str(prepared)}
    for backend in BACKENDS:
        if importlib.util.find_spec(backend) is None:
            continue
        folder = folders[backend] = tmp_path_factory.mktemp(backend)
        jobs = [
            {"job": "step-losses", "out": str(folder / "losses.json"), "given": same_start(base)},
            {"job": "fit", "out": str(folder / "whole"), "given": given},
            {"job": "killed", "out": str(folder / "killed"), "given": given},
        ]
        running[backend] = start(backend, json.dumps(jobs), log=folder / "log")
    for backend, process in running.items():
        wait(process, -signal.SIGKILL, folders[backend] / "log")
        state = json.loads((folders[backend] / "killed" / "state.json").read_text())
        assert len(state["history"]) == KILLED_AFTER
        shutil.copytree(folders[backend] / "killed", folders[backend] / "other")
    for backend, folder in folders.items():
        resume = ["command", *resumed(folder)]
        if backend != WITH_TENSORFLOW_APART:
            resume = [json.dumps([{"job": "resume", "out": str(folder / "killed"), "given": {}}])]
        running[backend] = start(backend, *resume, log=folder / "resumed.log")
    for backend, process in running.items():
        wait(process, 0, folders[backend] / "resumed.log")
        if backend != WITH_TENSORFLOW_APART:
            run = Run(folders[backend] / "killed")  # of which nothing is left to be determined
            run.save_settings(run.load_settings().replace(deterministic=False))
            with (folders[backend] / "resumed.log").open("a") as log, contextlib.redirect_stdout(log):
                assert main(resumed(folders[backend])) == 0
    return folders


def resumed(folder: Path) -> list[str]:
    return ["train", "--resume", "--out", str(folder / "killed")]


@pytest.fixture(params=BACKENDS)
def folder(request, trained) -> Path:
    if request.param not in trained:
        pytest.skip(f"{request.param} is not installed")
    return trained[request.param]


@pytest.fixture(scope="module")
def expected_losses(base) -> list[float]:
    return losses_of(same_start(base))


def test_steps_of_first_epoch_lose_as_on_tensorflow(folder, expected_losses):
    expected, found = expected_losses, json.loads((folder / "losses.json").read_text())
    assert len(expected) == len(found) >= 3 and len(set(expected)) == len(expected)
    np.testing.assert_allclose(found, expected, rtol=0, atol=LOSS_TOLERANCE)


def test_killed_and_resumed_training_is_the_undisturbed_one(folder):
    whole, resumed = (
        pd.read_csv(folder / name / "history.csv").drop(columns="seconds") for name in ("whole", "killed")
    )
    assert len(whole) > KILLED_AFTER
    pd.testing.assert_frame_equal(whole, resumed, check_exact=True)
    weights = [Run(folder / name).load_trained().get_weights() for name in ("whole", "killed")]
    assert len(weights[0]) > 10
    for one, other in zip(*weights):
        np.testing.assert_array_equal(one, other)


def test_training_stops_when_patience_ends(folder):
    history = pd.read_csv(folder / "whole" / "history.csv")
    best = int(history.loc[history["best"], "epoch"].iloc[0])
    assert len(history) == min(TRAINING["epochs"], best + TRAINING["patience"])


def test_statistics_of_batch_normalisation_were_measured(folder):
    """The moving averages alone would be near 0 and 1 after so few steps."""
    for variable in Run(folder / "whole").load_trained().non_trainable_variables:
        if variable.name == "moving_variance":
            assert np.abs(np.array(variable) - 1).max() > 0.3
            return
    pytest.fail("the network has no batch normalisation")


def test_run_is_finished_by_tensorflow(folder):
    """From audio files to the report, the SavedModel and LiteRT: all answer as the model that was trained."""
    run, backend = Run(folder / "killed"), folder.name.rstrip("0123456789")
    facts = run.load_facts()
    assert [name.split()[0] for name in facts["backends"]] == [backend]
    assert 0 <= facts["backend_difference"] < 1e-4 and not (run / ANSWERS).exists()
    assert not (run / "state.json").exists() and run.finished
    assert f"run folder   {run.folder}" in (folder / "resumed.log").read_text()
    litert = folder / "model.tflite"
    if not litert.exists():
        assert export.main(["--model", str(run.folder), "--format", "litert", "--out", str(litert)]) == 0
    table = run_collection(run).table
    paths = list(table.loc[table["split"] == "test", "path"])
    answers = []
    for path in (run / "saved_model" / "1", litert):
        model = open_model(path)
        results = predict_tracks(model, TrackReader(model.slice_spec), paths)
        answers.append(np.array([result.probabilities for result in results]))
    assert len(answers[0]) == len(paths) > 3
    np.testing.assert_allclose(answers[0], answers[1], atol=1e-3)
    with (run / "metrics.json").open() as stream:
        assert json.load(stream)["tracks"] == len(paths)


def test_board_has_the_scalars_of_every_epoch(folder):
    """In the files of the process that was killed and of the one that went on."""
    run = Run(folder / "killed")
    files = sorted((run / "logs" / "train").iterdir())
    events = [event for file in files for event in tf.compat.v1.train.summary_iterator(str(file))]
    found = [(event.step, value.simple_value) for event in events for value in event.summary.value
             if value.tag == "epoch_valid_loss"]  # fmt: skip
    history = pd.read_csv(run / "history.csv")
    assert len(files) == 2 and [step for step, _ in found] == list(history["epoch"] - 1)
    np.testing.assert_allclose([value for _, value in found], history["valid_loss"], rtol=1e-6)


# --- what cannot be done ---------------------------------------------------------------------------


@pytest.fixture
def copied(base, tmp_path) -> Run:
    shutil.copytree(base.folder, tmp_path / "a run")
    return Run(tmp_path / "a run")


def test_other_answers_of_tensorflow_are_an_error(copied):
    settings = copied.load_settings()
    keep_answers(settings, copied)
    with np.load(copied / ANSWERS) as kept:
        np.savez(copied / ANSWERS, backend="jax 1.0", probabilities=kept["probabilities"] + np.float32(0.01))
    with pytest.raises(KgenreError, match=r"must be those of jax 1\.0.* within 0\.001\. Received: .* 1\.0e-02"):
        check_answers(settings, copied)
    (copied / ANSWERS).unlink()
    keep_answers(settings, copied)
    check_answers(settings, copied)
    assert copied.load_facts()["backend_difference"] < 1e-6


def test_training_without_tensorflow_installed_says_where_to_go_on(copied, monkeypatch):
    monkeypatch.setattr("kgenre.evaluation.finish.installed", lambda name: False)
    step = r"is trained .*need TensorFlow, which is not installed here.* set KERAS_BACKEND=tensorflow and go on with: "
    with pytest.raises(KgenreError, match=f"{step}kgenre train --resume --out '{copied.folder}'"):
        finish_with_tensorflow(copied)
    with pytest.raises(KgenreError, match=f"{step}the same command"):
        finish_with_tensorflow(copied, again="the same command")


@pytest.mark.parametrize(
    ("program", "cause"),
    [
        ("exit 2", "failed: see above. "),
        ("kill -9 $$", "failed: its process was ended by SIGKILL, perhaps out of memory. "),
        ("kill -15 $$", "failed: its process was ended by SIGTERM. "),
    ],
)
def test_what_ended_the_process_with_tensorflow_is_named(program, cause, copied, tmp_path, monkeypatch):
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\n{program}\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(KgenreError, match=rf"{cause}Set KERAS_BACKEND=tensorflow and go on with: the same command"):
        finish_with_tensorflow(copied, again="the same command")


def test_run_of_before_other_backends_goes_on_as_one_of_tensorflow(copied):
    facts = copied.load_facts()
    del facts["backends"]
    write_json(copied / "run.json", facts)
    add_backend(copied)
    assert copied.backends == [f"tensorflow {tf.__version__}"] and "backends" not in copied.load_facts()


def test_run_goes_on_with_another_backend(folder):
    """Begun on another one, killed, gone on with by TensorFlow; run.json names both."""
    run = Run(folder / "other")
    settings = run.load_settings().replace(deterministic=False, epochs=KILLED_AFTER + 1)
    run.save_settings(settings)
    with np.load(folder / "killed.npz") as kept:
        kept = dict(kept)
    for killed_since in (False, True):
        if killed_since:  # in the first epoch after the change, which run.json tells by then
            add_backend(run)
        model = trainable_model(settings, run.load_task(), 5, None, TrainingState(run, "accuracy"))
        assert type(model.optimizer) is keras.optimizers.Adam and not model.jit_compile
        found = arrays_of(model)
        assert found.keys() == kept.keys() and found["optimizer 0"] > 0  # its iterations
        for name, expected in kept.items():
            np.testing.assert_array_equal(found[name], expected, err_msg=name)
    fit(run.folder, {})
    backend = folder.name.rstrip("0123456789")
    assert [name.split()[0] for name in run.backends] == [backend, "tensorflow"]
    assert len(pd.read_csv(run / "history.csv")) == KILLED_AFTER + 1 and run.load_trained()


@pytest.mark.soak
@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_half_precision_trains(backend, precision, collection, tmp_path):
    given = {**TRAINING, "data": str(collection / "manifest.csv"), "precision": precision, "epochs": 2}
    given = {**given, "learning_rate": 1e-3}
    job = [{"job": "fit", "out": str(tmp_path / "run"), "given": given}]
    wait(start(backend, json.dumps(job), log=tmp_path / "log"), 0, tmp_path / "log")
    assert np.isfinite(pd.read_csv(tmp_path / "run" / "history.csv")["valid_loss"]).all()
