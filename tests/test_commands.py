"""The commands end to end: train, kill, resume, evaluate, predict, export, serve."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import answers_here
import numpy as np
import pandas as pd
import pytest
import soundfile
from small_run import GENRES, SMALL

from kgenre import baseline, embed, evaluate, export, predict, train
from kgenre.audio.decode import decode
from kgenre.audio.slicing import SliceSpec, cut_slices
from kgenre.core.errors import KgenreError
from kgenre.embeddings.files import read_embeddings
from kgenre.model.tasks.single_label import SingleLabel
from kgenre.serving.exporters import verify
from kgenre.serving.metadata import model_metadata, read_metadata, task_and_spec, write_metadata
from kgenre.serving.saved_model import SavedModel
from kgenre.training.callback import TrainingCallback
from kgenre.training.run import Run

RATE = 22050
SERVED_SECONDS = (1, 30, 300)

# A server's process: TensorFlow and nothing of ours.
SERVE = """
import sys
import numpy as np
import tensorflow as tf
model = tf.saved_model.load(sys.argv[1])
serve, answers = model.signatures["serving_default"], {}
for seconds, waveform in np.load(sys.argv[2]).items():
    answers |= {f"{seconds}/{name}": value for name, value in serve(waveform=tf.constant(waveform[None])).items()}
about = model.signatures["about"]()
assert not [name for name in sys.modules if name.startswith("kgenre")]
labels = [label.decode() for label in about["labels"].numpy()]
np.savez(sys.argv[3], labels=labels, **answers)
"""


def fails(command, arguments, capsys) -> str:
    """The one line that a command says as it exits with 2."""
    assert command.main([str(argument) for argument in arguments]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert lines[-1].startswith("kgenre: "), lines
    assert not any("Traceback" in line for line in lines)
    return lines[-1]


def test_run_folder_is_whole(run):
    names = {path.name for path in run.folder.iterdir()}
    assert names == {
        "config.json", "run.json", "labels.txt", "tracks.csv", "history.csv", "curves.png", "model.keras",
        "saved_model", "metrics.json", "predictions.csv", "report.txt", "confusion.csv", "confusion.png", "logs",
    }  # fmt: skip
    assert run.load_labels() == sorted(GENRES)
    assert list(pd.read_csv(run / "history.csv")["epoch"]) == [1, 2, 3]
    tracks = run.load_tracks()
    artists = {split: set(rows["artist"]) for split, rows in tracks.groupby("split")}
    assert not artists["train"] & artists["test"] and not artists["train"] & artists["valid"]
    assert "split by artist" in run.load_facts()["protocol"]


def test_metrics_are_those_of_predicting_every_test_track(run, tmp_path):
    tracks = run.load_tracks()
    test = tracks[tracks["split"] == "test"].set_index("path")
    out = tmp_path / "genres.csv"
    assert predict.main(["--model", str(run.folder), *test.index, "--out", str(out)]) == 0
    table = pd.read_csv(out).set_index("path")
    hits = (table["genre"] == test["genre"].loc[table.index]).mean()
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["tracks"] == len(test) == len(table)
    assert metrics["accuracy"] == pytest.approx(hits)
    assert metrics["overlap"].startswith("0.0% of the tracks have an artist")


def test_evaluate_again_gives_the_same_figures(run, capsys):
    before = json.loads((run / "metrics.json").read_text())
    assert evaluate.main(["--model", str(run.folder)]) == 0
    assert f"accuracy           {before['accuracy']:.1%}" in capsys.readouterr().out
    after = json.loads((run / "metrics.json").read_text())
    assert after["per_genre"] == before["per_genre"]
    assert after["log_loss"] == pytest.approx(before["log_loss"], abs=1e-5)


def test_evaluate_says_when_there_are_no_test_rows(run, collection, tmp_path, capsys):
    table = pd.read_csv(collection / "manifest.csv").assign(split="valid")
    table["path"] = [str(collection / path) for path in table["path"]]
    table.to_csv(tmp_path / "m.csv", index=False)
    out = tmp_path / "out"
    assert evaluate.main(["--model", str(run.folder), "--data", str(tmp_path / "m.csv"), "--out", str(out)]) == 0
    assert "no test rows: valid" in capsys.readouterr().out
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["split"] == "valid" and metrics["tracks"] == len(table)
    share = (run.load_tracks()["split"] == "train").mean()
    assert metrics["overlap"].startswith(f"{share:.1%} of the tracks themselves were trained on")


def test_predict_answers_for_good_files_and_lists_bad_ones(run, collection, tmp_path, capsys):
    folder = tmp_path / "my music"
    good = sorted(path for genre in GENRES for path in (collection / genre).rglob("*") if path.is_file())[:5]
    for number, path in enumerate(good):
        (folder / "alb\N{LATIN SMALL LETTER U WITH DIAERESIS}m").mkdir(parents=True, exist_ok=True)
        shutil.copy(path, folder / "alb\N{LATIN SMALL LETTER U WITH DIAERESIS}m" / f"song '{number}'{path.suffix}")
    shutil.copy(good[0], os.fsencode(folder) + b"/caf\xe9 latin-1" + os.fsencode(good[0].suffix))
    (folder / "empty.mp3").write_bytes(b"")
    (folder / "text.mp3").write_text("these are words, not music\n" * 50)
    soundfile.write(folder / "silence.wav", np.zeros(RATE), RATE)
    soundfile.write(folder / "one.wav", np.ones(1) * 0.5, RATE)
    soundfile.write(folder / "nan.wav", np.full(RATE, np.nan, "float32"), RATE, subtype="FLOAT")
    assert predict.main(["--model", str(run.folder), str(folder), "--format", "jsonl", "--slices"]) == 1
    out, err = capsys.readouterr()
    failed = {Path(line.split(": ")[1]).name for line in err.splitlines() if line.startswith("failed: ")}
    assert failed == {"empty.mp3", "text.mp3", "silence.wav", "one.wav", "nan.wav"}
    rows = [json.loads(line) for line in out.splitlines()]
    assert len(rows) == len(good) + 1
    flags = ["--model", str(run.folder), str(folder), "--out", str(tmp_path / "out.csv"), "--slices"]
    assert predict.main(flags) == 1 and capsys.readouterr().out == ""
    with open(tmp_path / "out.csv", "rb") as file:
        assert b"caf\xe9 latin-1" in file.read()
    for row in rows:
        assert sum(row["probabilities"].values()) == pytest.approx(1, abs=1e-5)
        mean = {genre: np.mean([part["probabilities"][genre] for part in row["by_slice"]]) for genre in GENRES}
        assert row["probabilities"] == pytest.approx(mean, abs=1e-6)
        assert (
            row["slices"]
            == len(row["by_slice"])
            == len(cut_slices(decode(row["path"], RATE).samples, SliceSpec(RATE, *2 * [round(1.5 * RATE)])))
        )
        assert row["genre"] == max(row["probabilities"], key=row["probabilities"].get)


def test_predict_csv_columns(run, collection, tmp_path):
    song = next((collection / "house").rglob("*.*"))
    for flags, extra in (([], []), (["--slices"], ["start"])):
        out = tmp_path / "out.csv"
        assert predict.main(["--model", str(run / "saved_model" / "1"), str(song), "--out", str(out), *flags]) == 0
        table = pd.read_csv(out)
        labels = [f"genre:{name}" for name in sorted(GENRES)]
        assert list(table.columns) == ["path", "genre", "genres", "seconds", "slices", "note", *extra, *labels]
        assert len(table) == (table["slices"].iloc[0] if flags else 1)
        assert table["seconds"].iloc[0] == pytest.approx(decode(song, RATE).seconds, abs=1e-3)


@pytest.fixture(scope="module")
def served(run, tmp_path_factory):
    """Answers of a server's process to waveforms of some seconds, and the waveforms, float32 (samples,), by seconds."""
    folder, waveforms = tmp_path_factory.mktemp("served"), {}
    for seconds in SERVED_SECONDS:
        rng, time_axis = np.random.default_rng(seconds), np.arange(seconds * RATE) / RATE
        sweep = 0.3 * np.sin(2 * np.pi * (200 + 3 * time_axis) * time_axis)
        waveforms[seconds] = (sweep + 0.05 * rng.standard_normal(len(time_axis))).astype("float32")
    np.savez(folder / "waveforms.npz", **{str(seconds): waveform for seconds, waveform in waveforms.items()})
    arguments = [run / "saved_model" / "1", folder / "waveforms.npz", folder / "answers.npz"]
    subprocess.run([sys.executable, "-c", SERVE, *map(str, arguments)], check=True, cwd=folder, capture_output=True)
    return dict(np.load(folder / "answers.npz")), waveforms


@pytest.mark.parametrize("seconds", SERVED_SECONDS)
def test_served_equals_trained_in_a_process_with_tensorflow_alone(run, served, seconds):
    answers, waveforms = served
    answer = {name: answers[f"{seconds}/{name}"] for name in ("probabilities", "slice_probabilities", "embedding")}

    from kgenre.model.build import slice_model

    config = run.load_settings()
    slices = cut_slices(waveforms[seconds], config.audio.slice_spec)
    probabilities, embedding = slice_model(run.load_model(), run.load_task()).predict(slices, batch_size=16, verbose=0)
    assert answer["slice_probabilities"].shape == (1, *probabilities.shape)
    # 1e-5: float32 sums in another order, as batches differ.
    np.testing.assert_allclose(answer["slice_probabilities"][0], probabilities, atol=1e-5)
    np.testing.assert_allclose(answer["probabilities"][0], probabilities.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(answer["embedding"][0], embedding.mean(axis=0), rtol=1e-4, atol=1e-5)
    assert list(answers["labels"]) == sorted(GENRES)


def test_served_model_is_finite_on_silence_and_nothing(run):
    predictor = SavedModel(run.folder)
    for samples in (0, 1, 100, 5 * RATE):
        answer = predictor.module.signatures["serving_default"](waveform=np.zeros((2, samples), "float32"))
        assert all(np.isfinite(value.numpy()).all() for value in answer.values()), samples
        np.testing.assert_allclose(answer["probabilities"].numpy().sum(axis=1), 1, atol=1e-5)


def test_embeddings_are_those_that_are_served(run, tmp_path):
    to = tmp_path / "embeddings.npz"
    assert embed.main(["--model", str(run.folder), "--data", str(run / "tracks.csv"), "--out", str(to)]) == 0
    read, predictor = read_embeddings(to), SavedModel(run.folder)
    assert sorted(read.table["path"]) == sorted(run.load_tracks()["path"])
    assert read.header["identity"] == predictor.identity == SavedModel(run.folder / "saved_model").identity
    for row, path in enumerate(read.table["path"][:3]):
        waveform = decode(path, predictor.slice_spec.sample_rate).samples
        served = predictor.module.signatures["serving_default"](waveform=waveform[None])
        np.testing.assert_allclose(read.mean[row], served["embedding"][0], atol=1e-4)
        assert read.table["slices"][row] == served["slice_probabilities"].shape[1]


def test_what_a_model_says_of_itself_is_known_without_tensorflow(run, tmp_path):
    code = (
        "import sys; from kgenre.serving.catalogue import open_model as o; print(o(sys.argv[1]).identity, *sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, run.folder], capture_output=True, text=True, check=True)
    identity, *modules = done.stdout.split()
    assert "kgenre.serving.catalogue" in modules and "tensorflow" not in modules
    folder = shutil.copytree(SavedModel(run.folder).path, tmp_path / "copy")
    kept = read_metadata(folder)
    assert kept["identity"] == identity and kept == SavedModel(run.folder).metadata_of_graph()
    (folder / "assets.extra" / "about.json").write_text("{}")
    assert read_metadata(folder) is None and SavedModel(folder).identity == identity
    task, spec = task_and_spec(kept)
    other = SingleLabel(task.labels[::-1])
    write_metadata(folder, kept)
    assert read_metadata(folder) == kept == {**model_metadata(folder, task, spec), "temperature": run.temperature}
    assert model_metadata(folder, other, spec)["identity"] != identity
    data = next((folder / "variables").glob("*.data-*"))
    data.write_bytes(data.read_bytes()[:-1])
    assert read_metadata(folder) is None, "weights that were cut short are not those that it speaks of"


def test_baseline_on_a_run_takes_its_embeddings(run, collection, tmp_path):
    arguments = ["--data", str(collection / "manifest.csv"), "--classifier", "bayes", "--pool", "concat", "--out"]
    assert baseline.main(["--on", str(run.folder), *arguments, str(tmp_path)]) == 0
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert f"on concat embedding of {run.folder}; selected on valid" in metrics["method"]
    assert len(read_embeddings(tmp_path / "features.npz").table) == 18


@pytest.mark.soak
def test_export_adds_versions(run, tmp_path):
    flags = ["--model", str(run.folder), "--out", str(tmp_path / "genres")]
    shutil.copytree(run / "saved_model", tmp_path / "genres")  # version 1, which training exported
    # In a process of its own nothing has been imported that happens to register the layers.
    done = subprocess.run([sys.executable, "-m", "kgenre.export", *flags], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(str(tmp_path / "genres" / "2")) and done.stderr == ""
    for version in ("1", "2"):
        labels = (tmp_path / "genres" / version / "assets.extra" / "labels.txt").read_text().splitlines()
        assert labels == sorted(GENRES)
    assert SavedModel(tmp_path / "genres").path.name == "2"
    names = {path.name for path in (tmp_path / "genres").iterdir()}
    assert names == {"1", "2", "models.config", "batching.config", "docker-compose.yml"}


def test_export_that_differs_is_refused_and_leaves_nothing(run, tmp_path, capsys, monkeypatch):
    def shifted(lengths, spec):  # a serving graph that cuts the track otherwise than training did
        return original(lengths - lengths // 4, spec)

    original = sys.modules["kgenre.audio.slicing"].plan_in_graph
    monkeypatch.setattr("kgenre.serving.exporters.saved_model.answers.plan_in_graph", shifted)
    line = fails(export, ["--model", run.folder, "--out", tmp_path / "genres"], capsys)
    assert "differs from the trained one by" in line
    assert list((tmp_path / "genres").iterdir()) == []


def test_export_is_asked_in_a_process_of_its_own_whose_last_word_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(verify, "run_apart", answers_here.run_apart)
    program = "import os, sys, numpy; numpy.savez(sys.argv[3], pid=os.getpid(), **numpy.load(sys.argv[2]))"
    answers = verify.ask(tmp_path, program, {"one": np.arange(3)})
    assert answers["pid"] != os.getpid() and list(answers["one"]) == [0, 1, 2]
    with pytest.raises(KgenreError, match="cannot be loaded in a process of its own: ValueError: no such layer"):
        verify.ask(tmp_path, "raise ValueError('no such layer')", {})


def killed_after_first_epoch(out: Path, log: Path, flags: list[str]) -> int:
    """Trains in a process of its own and kills it; how many epochs were done."""
    command = [sys.executable, "-m", "kgenre.train", "--out", str(out), *flags]
    with log.open("wb") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=stream)
    deadline = time.monotonic() + 240
    while not (out / "state.json").exists():  # the first epoch is done, the second is running
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    return len(json.loads((out / "state.json").read_text())["history"])


def test_killed_training_resumes_and_ends_as_an_unbroken_one(run, collection, tmp_path):
    flags = ["--data", str(collection / "manifest.csv"), *SMALL]
    for attempt in range(3):  # an epoch takes half a second: on a busy machine the kill may come too late
        out = tmp_path / f"killed-{attempt}"
        done = killed_after_first_epoch(out, tmp_path / "log", flags)
        if done < 3:
            break
    assert 1 <= done < 3 and not (out / "model.keras").exists()
    (out / ".part-1-state.json").write_text('{"half')  # what a kill while writing leaves

    assert train.main(["--resume", "--out", str(out), "--decoder", "ffmpeg"]) == 2
    assert train.main(["--resume", "--out", str(out), "--patience", "9"]) == 0
    assert Run(out).load_settings().training.patience == 9
    ours, theirs = pd.read_csv(out / "history.csv"), pd.read_csv(run / "history.csv")
    assert list(ours["epoch"]) == list(theirs["epoch"]) == [1, 2, 3]
    # Same crops, dropout and zoom: what is left is the order of float32 sums, which training amplifies.
    np.testing.assert_allclose(ours["loss"], theirs["loss"], rtol=0.02)
    assert {path.name for path in out.iterdir()} == {path.name for path in run.folder.iterdir()}
    assert Run(out).load_model().count_params() == run.load_model().count_params()


def test_resume_of_a_finished_run_changes_nothing(run, capsys):
    before = {path: path.stat().st_mtime_ns for path in run.folder.rglob("*") if path.is_file()}
    assert train.main(["--resume", "--out", str(run.folder)]) == 0
    assert {path: path.stat().st_mtime_ns for path in run.folder.rglob("*") if path.is_file()} == before
    assert "accuracy" in capsys.readouterr().out


def test_training_goes_on_past_files_that_break_in_the_middle(collection, tmp_path, capsys):
    folder = tmp_path / "music"
    shutil.copytree(collection, folder, ignore=shutil.ignore_patterns("manifest.csv", "demo.json"))
    rng = np.random.default_rng(0)
    for number in range(2):
        path = folder / "house" / f"broken {number}.flac"
        soundfile.write(path, 0.1 * rng.standard_normal(3 * RATE), RATE)
        path.write_bytes(path.read_bytes()[:40000])
    (folder / "metal" / "empty.ogg").write_bytes(b"")
    flags = ["--data", str(folder), "--out", str(tmp_path / "run"), *SMALL, "--max-bad-share", "0.4", "--epochs", "1"]
    assert train.main(flags) == 0
    bad = {Path(path).name for path in Run(tmp_path / "run").load_facts()["bad_files"]}
    evaluated = {Path(path).name for path in json.loads((tmp_path / "run" / "metrics.json").read_text())["bad_files"]}
    assert bad | evaluated == {"broken 0.flac", "broken 1.flac", "empty.ogg"}
    assert {Path(path).name for path in pd.read_csv(tmp_path / "run" / "left_out.csv").iloc[:, 0]} == {"empty.ogg"}
    assert "empty file" in capsys.readouterr().err
    line = fails(train, ["--data", folder, "--out", tmp_path / "strict", *SMALL, "--max-bad-share", "0"], capsys)
    assert "1 of 21 files cannot be used" in line and not (tmp_path / "strict").exists()


def test_user_errors_are_one_line(run, collection, tmp_path, capsys):
    manifest = collection / "manifest.csv"
    line = fails(train, ["--data", "dmeo", "--out", tmp_path / "x"], capsys)
    assert "unknown data 'dmeo'. Did you mean demo?" in line
    line = fails(train, ["--data", tmp_path / "nope", "--out", tmp_path / "x"], capsys)
    assert "nope: no such folder or file" in line
    line = fails(train, ["--resume", "--out", tmp_path / "typo", "--patience", "5"], capsys)
    assert "no run to go on with" in line
    line = fails(predict, ["--workers", "0", manifest], capsys)
    assert "`workers` must be from 1 to 256" in line
    line = fails(train, ["--data", manifest, "--out", run.folder], capsys)
    assert "exists and is not empty" in line
    line = fails(train, ["--resume", "--out", run.folder, "--arch", "convconvpool"], capsys)
    assert "`arch` of a run cannot change. Received: convconvpool, begun with convpool" in line
    line = fails(train, ["--resume", "--out", tmp_path], capsys)
    assert "no run to go on with" in line
    line = fails(train, ["--data", manifest, "--out", tmp_path / "x", *SMALL, "--slice-seconds", "0.2"], capsys)
    assert "cannot take an image of 128x18x1" in line
    line = fails(
        train, ["--data", manifest, "--out", tmp_path / "x", "--arch", "resnet50", "--weights", "no.h5"], capsys
    )
    assert "no.h5, which is no file" in line
    assert not (tmp_path / "x").exists()
    line = fails(predict, ["--model", run.folder, tmp_path / "nothing"], capsys)
    assert "no such file, folder or match" in line
    line = fails(predict, ["--model", tmp_path, next((collection / "house").rglob("*.*"))], capsys)
    assert "holds no SavedModel. A model is a run folder, a SavedModel folder, a .tflite file or a name" in line
    line = fails(predict, ["--model", manifest, next((collection / "house").rglob("*.*"))], capsys)
    assert "manifest.csv: not a model. A model is a run folder, a SavedModel folder, a .tflite file or a name" in line
    line = fails(predict, ["--out", tmp_path / "no" / "out.csv", manifest], capsys)
    assert "no such folder" in line
    line = fails(predict, ["--out", tmp_path, manifest], capsys)
    assert "is a folder" in line
    other = pd.DataFrame({"path": ["a.wav", "b.wav"], "genre": ["polka", "house"], "split": "test"})
    other.to_csv(tmp_path / "other.csv", index=False)
    line = fails(evaluate, ["--model", run.folder, "--data", tmp_path / "other.csv"], capsys)
    assert "genres that the model does not know: polka" in line


def test_loss_that_is_not_finite_is_told(collection, tmp_path, capsys, monkeypatch):
    from kgenre.training import fit

    build = fit.build_model

    def exploding(*arguments):
        model = build(*arguments)
        model.get_layer("logits").bias.assign(np.full(3, np.inf, "float32"))
        return model

    monkeypatch.setattr(fit, "build_model", exploding)
    line = fails(train, ["--data", collection / "manifest.csv", "--out", tmp_path / "run", *SMALL], capsys)
    assert "The loss became nan at step 1. Lower --learning-rate" in line


def test_notes_of_c_libraries_do_not_reach_the_terminal(run, tmp_path, capfd):
    (tmp_path / "text.mp3").write_text("these are words, not music\n" * 50)  # libmpg123 comments on it
    assert predict.main(["--model", str(run.folder), str(tmp_path / "text.mp3")]) == 1
    [line] = capfd.readouterr().err.splitlines()
    assert line.startswith(f"failed: {tmp_path / 'text.mp3'}: not an audio")


def test_last_words_of_a_crash_come_through_the_filter():
    script = (
        "import os\nfrom kgenre.cli.stderr_filter import filtered_stderr\n"
        "with filtered_stderr():\n    os.write(2, b'Note: Trying to resync...\\nlast words\\n')\n    os.abort()"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGABRT
    assert done.stderr == "last words\n"


def read_terminal(end: int) -> str:
    """What was written to the terminal, "" once its last writer has closed it."""
    try:
        return os.read(end, 100_000).decode(errors="replace")
    except OSError:
        return ""


def test_answers_go_to_the_file_while_the_bar_is_on_the_terminal(collection, tmp_path):
    song = next((collection / "house").rglob("*.*"))
    command = f"{sys.executable} -m kgenre.predict --model compact {song} > {tmp_path / 'answers'}"
    main_end, terminal = os.openpty()
    # Read as it comes: a full terminal blocks its writer.
    with subprocess.Popen(command, shell=True, stderr=terminal) as process:
        os.close(terminal)
        shown = "".join(iter(lambda: read_terminal(main_end), ""))
    assert process.returncode == 0
    assert (tmp_path / "answers").read_text().startswith(f"{song}: ")
    assert "analysing" in shown and str(song) not in shown


def stopped_after(function):
    """The function, and then Ctrl-C."""

    def both(*arguments):
        function(*arguments)
        raise KeyboardInterrupt

    return both


@pytest.mark.soak
@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
def test_every_precision_trains_resumes_and_exports(collection, tmp_path, precision, monkeypatch):
    out = tmp_path / "run"
    flags = ["--data", str(collection / "manifest.csv"), *SMALL, "--epochs", "2", "--precision", precision]
    with monkeypatch.context() as patch:
        patch.setattr(TrainingCallback, "on_epoch_end", stopped_after(TrainingCallback.on_epoch_end))
        assert train.main(["--out", str(out), *flags]) == 128 + signal.SIGINT
    assert len(json.loads((out / "state.json").read_text())["history"]) == 1
    assert train.main(["--resume", "--out", str(out), *flags]) == 0  # exporting checks the two to 1e-5
    assert len(pd.read_csv(out / "history.csv")) == 2
    policies = {layer.dtype_policy.compute_dtype for layer in Run(out).load_model().layers}
    assert policies == {"float32"}


def test_half_precision_scales_its_loss():
    import keras

    from kgenre.training.fit import compiled_model
    from kgenre.training.settings import RunSettings

    model = compiled_model(RunSettings.compose({"precision": "mixed_float16"}), SingleLabel(("a", "b", "c")), 10)
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)


def test_resume_leaves_a_foreign_folder_alone(collection, tmp_path, capsys):
    home = tmp_path / "home"
    (home / "Downloads").mkdir(parents=True)
    for name in (".part-movie.mkv", "Downloads/.part-1-x", "labels.txt"):
        (home / name).write_text("mine")
    line = fails(train, ["--resume", "--out", home, "--data", collection / "manifest.csv"], capsys)
    assert "exists and is not empty" in line
    assert sorted(path.name for path in home.rglob("*.*")) == [".part-1-x", ".part-movie.mkv", "labels.txt"]


def test_collection_without_valid_and_test_is_refused_before_training(collection, tmp_path, capsys):
    table = pd.read_csv(collection / "manifest.csv").assign(split="train")
    table["path"] = [str(collection / path) for path in table["path"]]
    table.to_csv(tmp_path / "m.csv", index=False)
    line = fails(train, ["--data", tmp_path / "m.csv", "--out", tmp_path / "run", *SMALL], capsys)
    assert "no valid and no test tracks" in line and not (tmp_path / "run").exists()


def test_predict_says_that_a_file_is_truncated(run, songs, tmp_path, capfd):
    whole = Path(songs["cbr.mp3"]).read_bytes()
    (tmp_path / "half.mp3").write_bytes(whole[: len(whole) // 2])
    assert predict.main(["--model", str(run.folder), str(tmp_path / "half.mp3")]) == 0
    assert "half.mp3: truncated:" in capfd.readouterr().err


def test_served_model_takes_an_empty_batch(run):
    answer = SavedModel(run.folder).module.signatures["serving_default"](waveform=np.zeros((0, 5000), "float32"))
    assert answer["probabilities"].shape == (0, 3)
