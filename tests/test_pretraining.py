"""Pre-training: pairs, the loss, the run and what goes on with it, songs without genres, stops and faults."""

import contextlib
import io
import json
import shutil
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

from kgenre import baseline, evaluate, export, predict, pretrain, train
from kgenre.core.errors import KgenreError
from kgenre.core.progress import Progress
from kgenre.core.settings import fields_of
from kgenre.model.tasks import make_task
from kgenre.training import songs
from kgenre.training.fit import initial_model, untrained_model
from kgenre.training.pretraining import start
from kgenre.training.pretraining.fit import contrastive_model
from kgenre.training.pretraining.loss import PairAccuracy, PairLoss, found_partners
from kgenre.training.pretraining.plan import PairPlan
from kgenre.training.pretraining.settings import PretrainingSettings
from kgenre.training.run import Run, network_of
from kgenre.training.settings import RunSettings

SMALL = {
    "arch": "convconvpool", "slice_frames": 40, "batch_size": 8, "epochs": 3, "crops_per_track": 4, "dropout": 0.0,
    "augment": (), "learning_rate": 3e-3, "workers": 1, "seed": 5,
}  # fmt: skip


def write_songs(path: Path, n: int = 20, **columns) -> Path:
    """An .npz of spectrograms (n, 80 bins, 100 frames), each with loud bands of its own; nothing says a genre."""
    rng = np.random.default_rng(0)
    loud = rng.random((n, 20)).repeat(4, axis=1)[:, :, None]
    np.savez(path, mel=(180 * loud + rng.integers(0, 60, (n, 80, 100))).astype("uint8"), **columns)
    return path


@pytest.fixture(scope="module")
def mels(tmp_path_factory):
    return write_songs(tmp_path_factory.mktemp("songs") / "mels.npz")


@pytest.fixture(scope="module")
def pretrained(mels, tmp_path_factory):
    """The run that `kgenre pretrain` made, and what it printed."""
    out = tmp_path_factory.mktemp("runs") / "start"
    given = {**SMALL, "augment": "none"}
    flags = [part for name, value in given.items() for part in (f"--{name.replace('_', '-')}", str(value))]
    with contextlib.redirect_stdout(text := io.StringIO()):
        assert pretrain.main(["--data", str(mels), "--out", str(out), *flags]) == 0
    return Run(out), text.getvalue()


# --- pairs ----------------------------------------------------------------------------------------


def test_plan_shows_each_track_in_pairs_of_crops():
    plan = PairPlan(n_tracks=12, crops_per_track=4, batch_size=8, seed=3)
    order, positions = plan.epoch(0)
    assert plan.steps == 6 and order.shape == positions.shape == (48,)
    assert (order[::2] == order[1::2]).all() and (np.bincount(order) == 4).all()
    assert (positions[::2] != positions[1::2]).all()
    again, other = plan.epoch(0)[0], plan.epoch(1)[0]
    assert (again == order).all() and (other != order).any()


def reference_loss(numbers, vectors, temperature: float) -> list[float]:
    """Word by word as in the paper, crop by crop."""
    losses = []
    for i, own in enumerate(numbers):
        exponentials = {j: np.exp(vectors[i] @ vectors[j] / temperature) for j in range(len(vectors)) if j != i}
        shares = [exponentials[j] / sum(exponentials.values()) for j in exponentials if numbers[j] == own]
        losses.append(-np.mean(np.log(shares)) if shares else 0.0)
    return losses


def reference_found(numbers, vectors) -> list[float]:
    others = [[j for j in range(len(vectors)) if j != i] for i in range(len(vectors))]
    nearest = [max(own, key=lambda j, i=i: vectors[i] @ vectors[j]) for i, own in enumerate(others)]
    return [float(numbers[i] == numbers[j]) for i, j in enumerate(nearest)]


@pytest.mark.parametrize("numbers", [[0, 0, 1, 1, 2, 2], [4, 4, 4, 4, 9, 9], [0, 0, 1, 2, 7, 7]])
@pytest.mark.parametrize("temperature", [0.1, 1.0])
def test_loss_and_metric_are_those_of_the_definition(numbers, temperature):
    vectors = np.random.default_rng(len(set(numbers))).standard_normal((6, 3))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype("float32")
    losses = PairLoss(temperature, reduction=None)(np.array(numbers, "int32"), vectors)
    np.testing.assert_allclose(losses, reference_loss(numbers, vectors.astype("float64"), temperature), atol=1e-5)
    found, metric = reference_found(numbers, vectors), PairAccuracy()
    np.testing.assert_array_equal(found_partners(np.array(numbers), keras.ops.convert_to_tensor(vectors)), found)
    metric.update_state(np.array(numbers), vectors)
    assert float(metric.result()) == pytest.approx(np.mean(found))


# --- the run --------------------------------------------------------------------------------------


def test_run_without_genres_has_an_embedding_and_tells_its_accuracy(pretrained, mels):
    run, printed = pretrained
    assert run.finished and run.load_labels() == [] and not (run / "state.json").exists()
    model = run.load_trained()
    assert model.layers[-1].name == "embedding" and model.output.shape == (None, 1024)
    tracks, metrics = run.load_tracks(), json.loads((run / "metrics.json").read_text())
    assert tracks["split"].value_counts().to_dict() == {"train": 18, "valid": 2} and (tracks["genre"] == "").all()
    history = pd.read_csv(run / "history.csv")
    assert list(history["epoch"]) == [1, 2, 3] and history["loss"].iloc[-1] < history["loss"].iloc[0]
    # Bands of its own tell a song: better than 1 of 7 by chance. Two valid songs are four slices.
    assert history["pair_accuracy"].iloc[-1] > 0.5 and metrics["chance"] == 1 / 3
    assert metrics["pair_accuracy"] == history.loc[history["best"], "valid_pair_accuracy"].item()
    assert "epoch   3/3" in printed and f"kgenre train --init {run.folder}" in printed


@pytest.mark.parametrize("slice_frames, told", [(None, True), (40, False)])
def test_songs_that_are_one_slice_are_told(mels, tmp_path, slice_frames, told):
    lines = []

    class Told(Progress):
        def line(self, text: str) -> None:
            lines.append(text)

    given = {**SMALL, "slice_frames": slice_frames, "data": str(mels)}
    start.begin(start.new_pretraining(given, tmp_path / "start", False), Told())
    said = "20 of 20 songs are no longer than a slice of 100 frames, so both slices of a pair are the same"
    assert any(line.startswith(said) for line in lines) == told


def test_training_begins_with_the_pretrained_weights(pretrained, mels):
    run, _ = pretrained
    settings = RunSettings.compose(network_of(run.folder, {}), {"data": str(mels), "init": str(run.folder)})
    task = make_task("single", ("a", "b"))
    model, trained = initial_model(settings, task), run.load_trained()
    assert model.output.shape == (None, 2)
    pairs = list(zip(model.weights, trained.weights))
    assert len(pairs) == len(trained.weights) > 10
    for one, other in pairs:
        np.testing.assert_array_equal(one, other)


@pytest.fixture(scope="module")
def labelled(tmp_path_factory) -> str:
    return str(write_songs(tmp_path_factory.mktemp("labelled") / "mels.npz", genre=np.array(["a", "b"] * 10)))


def test_resumed_run_does_not_need_the_run_that_it_began_with(pretrained, labelled, tmp_path, capsys):
    """It holds all settings, and from the first epoch on the weights, too."""
    start, out = shutil.copytree(pretrained[0].folder, tmp_path / "start"), ["--out", str(tmp_path / "run")]
    assert train.main(["--init", str(start), "--data", labelled, "--epochs", "1", "--batch-size", "8", *out]) == 0
    shutil.rmtree(start)
    assert train.main(["--resume", *out]) == 0
    assert "SavedModel" in capsys.readouterr().out
    run = Run(tmp_path / "run")
    known = run.training_rows("train", "valid")["path"]
    both = pd.concat([run.load_tracks(), pretrained[0].load_tracks()])
    expected = set(both.loc[both["split"] != "test", "path"])
    assert len(known) == len(expected) and set(known) == expected  # what both know, once


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--data", "demo"], "needs tracks like those of its run. Received: demo holds waveforms, and {} takes spec"),
        (["--arch", "bbnn"], "needs the same --arch. Received: arch=bbnn, and {} has arch=convconvpool. Leave --arch"),
    ],
)
def test_start_of_another_kind_is_told_in_its_own_words(pretrained, labelled, flags, words, tmp_path, capsys):
    folder, out = pretrained[0].folder, tmp_path / "run"
    assert train.main(["--init", str(folder), "--data", labelled, *flags, "--out", str(out)]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert words.format(folder) in line and not out.exists()


def test_start_is_taken_where_what_its_network_began_with_is_gone(tmp_path):
    """The weights of the start replace it, and which layers are frozen stays."""
    table = {"arch": "resnet18", "data": "mels.npz", "slice_frames": 64, "n_bins": 64, "frames_per_second": 4.3,
             "value_low": 0.0, "value_high": 1.0, "weights": "gone.weights.h5", "unfreeze": 0}  # fmt: skip
    settings, task, run = RunSettings.compose(table), make_task("single", ("a", "b")), Run(tmp_path / "start")
    trained = untrained_model(settings.replace(weights="none"), 2)
    run.save_setup(settings, ["a", "b"], pd.DataFrame(), {})
    trained.save(run / "model.keras")
    with pytest.raises(KgenreError, match="gone.weights.h5"):
        initial_model(settings, task)
    model = initial_model(settings.replace(init=str(run.folder)), task)
    assert len(model.trainable_weights) == 2 < len(model.weights)  # the head's
    for one, other in zip(model.weights, trained.weights, strict=True):
        np.testing.assert_array_equal(one, other)


class StopsAfter(Progress):
    """Raises KeyboardInterrupt, as Ctrl-C does, when a line is told that begins so."""

    def __init__(self, begins: str):
        self.begins = begins

    def line(self, text: str) -> None:
        if text.startswith(self.begins):
            raise KeyboardInterrupt


def test_stopped_run_goes_on_to_the_same_weights(pretrained, mels, tmp_path):
    run, _ = pretrained
    work = start.new_pretraining({**SMALL, "data": str(mels)}, tmp_path / "run", again=False)
    with pytest.raises(KeyboardInterrupt):
        start.pretrain(work, StopsAfter("epoch   1"))
    assert not (work.run / "model.keras").exists()
    work = start.resumed_pretraining(work.run, {})
    start.pretrain(work)
    histories = [pd.read_csv(each / "history.csv") for each in (work.run, run)]
    # Sums of threads differ in their last bits, which steps of training enlarge.
    np.testing.assert_allclose(*(history["loss"] for history in histories), rtol=2e-3)
    for one, other in zip(work.run.load_trained().weights, run.load_trained().weights, strict=True):
        np.testing.assert_allclose(one, other, atol=0.02)
    kept = [json.loads((each / "metrics.json").read_text())["epoch"] for each in (work.run, run)]
    assert kept[0] == kept[1]


def test_finished_run_is_told_again_and_its_settings_stay(pretrained, capsys):
    run, _ = pretrained
    assert pretrain.main(["--resume", "--out", str(run.folder)]) == 0
    assert "pre-trained without labels" in capsys.readouterr().out
    for flags, name in ((["--contrast-temperature", "0.5"], "contrast_temperature"), (["--epochs", "9"], "epochs")):
        assert pretrain.main(["--resume", "--out", str(run.folder), *flags]) == 2
        assert f"`{name}` of a run cannot change" in capsys.readouterr().err
    assert train.main(["--resume", "--out", str(run.folder)]) == 2
    assert "was begun by `kgenre pretrain`" in capsys.readouterr().err


def test_commands_that_need_genres_say_so(pretrained, mels, tmp_path, capsys):
    run, _ = pretrained
    folder = str(run.folder)
    for command, flags in (
        (predict, [f"{mels}#0"]), (evaluate, []), (export, ["--out", str(tmp_path / "serving")]),
        (baseline, ["--on", folder, "--data", str(mels), "--out", str(tmp_path / "baseline")]),
    ):  # fmt: skip
        named = flags if command is baseline else ["--model", folder, *flags]
        assert command.main(named) == 2
        assert "no genre" in capsys.readouterr().err


# --- songs ----------------------------------------------------------------------------------------


def test_folder_without_genre_folders_is_learnt(collection, tmp_path):
    (tmp_path / "flat").mkdir()
    files = [path for path in collection.rglob("*") if path.suffix in (".ogg", ".wav", ".flac", ".mp3")]
    for file in files:
        (tmp_path / "flat" / file.name).symlink_to(file)
    given = {
        "arch": "convconvpool", "sample_rate_hz": 8000, "slice_seconds": 1.0, "n_fft": 512, "hop_length": 128,
        "n_mels": 40, "batch_size": 4, "epochs": 1, "steps_per_epoch": 1, "augment": (), "data": str(tmp_path / "flat"),
    }  # fmt: skip
    work = start.new_pretraining(given, tmp_path / "run", again=False)
    start.pretrain(work)
    tracks = work.run.load_tracks()
    assert len(tracks) == len(files) and set(tracks["split"]) == {"train", "valid"} and work.run.finished


def test_folder_of_spectrograms_without_genres_is_read(tmp_path):
    for number in range(4):
        np.save(tmp_path / f"{number}.npy", np.zeros((8, 8), "float32"))
    table = songs.load_songs(f"spectrograms:{tmp_path}", "spectrogram")
    assert [Path(path).name for path in table["path"]] == ["0.npy", "1.npy", "2.npy", "3.npy"]


def test_prepared_set_is_read_as_a_collection(tmp_path):
    import prepared_sets

    from kgenre import prepare

    data = prepared_sets.write_collection(tmp_path / "music", n_tracks=6, seconds=1.0)
    assert prepare.main(["--data", str(data), "--out", str(tmp_path / "set"), "--sample-rate-hz", "8000"]) == 0
    table = songs.load_songs(str(tmp_path / "set"))
    assert len(table) == 6 and table["path"].str.contains(r"\.shard#").all() and (table["genre"] == "").all()


def test_given_split_is_kept_without_its_test_tracks(tmp_path):
    split = np.array(["train"] * 12 + ["valid"] * 4 + ["test"] * 4)
    table = songs.load_songs(str(write_songs(tmp_path / "mels.npz", split=split)), "spectrogram")
    table, protocol = songs.split_songs(table, 0, splits=start.SPLITS)
    assert table["split"].value_counts().to_dict() == {"train": 12, "valid": 4}
    assert protocol == "split given by the collection; 4 others are left out"


@pytest.mark.parametrize("n", [5, 9, 12])
def test_few_songs_leave_two_to_tell_from_each_other(n, tmp_path):
    table = songs.load_songs(str(write_songs(tmp_path / "mels.npz", n=n)), "spectrogram")
    counts = songs.split_songs(table, 0, splits=start.SPLITS, least=2)[0]["split"].value_counts()
    assert counts["valid"] == 2 and counts["train"] == n - 2


def test_split_of_one_valid_song_is_refused(tmp_path):
    split = np.array(["train"] * 5 + ["valid"])
    table = songs.load_songs(str(write_songs(tmp_path / "mels.npz", n=6, split=split)), "spectrogram")
    with pytest.raises(KgenreError, match="too few songs for the valid split, which needs 2 or more. Received: 1 of 6"):
        songs.split_songs(table, 0, splits=start.SPLITS, least=2)


# --- faults ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"batch_size": 7}, "`batch_size` must be even.* Received: batch_size=7. Set --batch-size 8."),
        ({"batch_size": 2}, "`batch_size` must be at least 4"),
        ({"crops_per_track": 3}, "`crops_per_track` must be even"),
        ({"augment": ("mixup",)}, "mixup mixes songs, which pre-training tells from each other"),
        ({"init": "models/a"}, "`init` is of `kgenre train`"),
        ({"balanced": True}, "`balanced` is of tracks with genres"),
        ({"label_share": 0.5}, "`label_share` is of tracks with genres"),
        ({"devices": 2}, "`devices` is of `kgenre train`"),
        ({"accumulate": 2}, "`accumulate` is of `kgenre train`"),
        ({"crops": "fixed"}, "`crops` is of `kgenre train`"),
        ({"contrast_temperature": 0.0}, "`contrast_temperature` must be from 0.01"),
    ],
)
def test_setting_that_makes_no_sense_is_refused(changes, message, mels, tmp_path):
    with pytest.raises(KgenreError, match=message):
        start.new_pretraining({**SMALL, "data": str(mels), **changes}, tmp_path / "run", again=False)
    assert not (tmp_path / "run").exists()


def test_frozen_network_is_refused():
    settings = RunSettings.compose({"arch": "short_fcn", "weights": "none", "unfreeze": 0})
    with pytest.raises(KgenreError, match="`short_fcn`: all its layers are frozen.* Add --unfreeze -1"):
        contrastive_model(settings, PretrainingSettings())


def test_no_data_and_too_few_songs_are_refused(tmp_path, capsys):
    assert pretrain.main(["--out", str(tmp_path / "run")]) == 2
    assert "Missing: --data" in capsys.readouterr().err
    (tmp_path / "music").mkdir()
    assert pretrain.main(["--data", str(tmp_path / "music"), "--out", str(tmp_path / "run")]) == 2
    assert "at least 3 songs are needed" in capsys.readouterr().err and not (tmp_path / "run").exists()


def test_settings_describe_themselves():
    for name, field in fields_of(PretrainingSettings).items():
        assert field.description and getattr(PretrainingSettings(**{name: field.default}), name) == field.default
        with pytest.raises(KgenreError, match=f"`{name}` must be from"):
            PretrainingSettings(**{name: type(field.default)(field.high + 1)})
