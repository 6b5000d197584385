"""LiteRT: what converts, what the file says of itself, and that it answers as the SavedModel and Keras do."""

import os
import select
import shutil
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from backend_answers import smallest_config
from test_archs import N_CLASSES, small_model

from kgenre import export, predict, serve
from kgenre.archs import ARCHS
from kgenre.core.errors import KgenreError
from kgenre.features import FEATURES
from kgenre.model.tasks import make_task
from kgenre.serving import litert_model
from kgenre.serving.catalogue import open_model
from kgenre.serving.exporters import export_model, litert
from kgenre.serving.exporters.quantizations import QUANTIZATIONS
from kgenre.serving.keras_model import KerasModel
from kgenre.serving.litert_file import add_facts, read_metadata, write_metadata
from kgenre.serving.litert_model import LitertModel
from kgenre.serving.packaged import PACKAGED
from kgenre.serving.saved_model import SavedModel
from kgenre.training.settings import RunSettings

SINGLE = make_task("single", tuple("abcdefgh")[:N_CLASSES])
TOLERANCE = 1e-4  # of the issue; the orders of summation differ by 4e-6 at most in what is measured here


def music(spec, n: int = 3) -> np.ndarray:
    """Chords in noise, and at the end a slice of silence: float32 (n, slice_samples)."""
    rng = np.random.default_rng(0)
    time = np.arange(spec.slice_samples) / spec.sample_rate
    tones = np.sin(2 * np.pi * rng.uniform(80, 2000, (n, 5, 1)) * time).sum(axis=1)
    y = 0.1 * tones + 0.01 * rng.standard_normal(tones.shape)
    y[-1] = 0
    return y.astype("float32")


def feature_model(feature: str) -> tuple[keras.Model, RunSettings]:
    """The feature alone, its values for probabilities and for embedding, slices -> (batch, frames * bins)."""
    config = RunSettings.compose({"feature": feature, "slice_seconds": 1.5})
    waveform = keras.Input(config.slice_spec.shape, name="waveform")
    layer = FEATURES[feature].build(config.audio.sample_rate_hz, config.features[config.feature])
    values = keras.layers.Flatten()(layer(waveform))
    return keras.Model(waveform, [values, keras.layers.Identity()(values)]), config


def answered(file: bytes, slices: np.ndarray) -> np.ndarray:
    runner = Interpreter(model_content=file).get_signature_runner("serving_default")
    return np.concatenate([runner(waveform=one[None])["probabilities"] for one in slices])


# One of a short-time Fourier transform, and one of matrices of its own: the others are made of the same layers.
QUANTIZED_FEATURES = ("logmel", "cqt")
LIKE_CQT = ("chroma_cqt", "chroma_cens")


@pytest.mark.parametrize(
    ("quantization", "feature"),
    [
        pytest.param(
            name,
            feature,
            marks=pytest.mark.soak
            if feature not in QUANTIZED_FEATURES and (name != "none" or feature in LIKE_CQT)
            else (),
        )
        for name in QUANTIZATIONS
        for feature in FEATURES
    ],
)
def test_feature_converted_keeps_its_values(feature, quantization):
    """In built-in operations, and with 8-bit weights too, for a feature's matrices are none of these.

    In float16 its window and matrices are rounded; where it has decibels, what is 60 dB below the loudest moves.
    """
    model, config = feature_model(feature)
    slices = music(config.slice_spec)
    expected = keras.ops.convert_to_numpy(model(slices)[0])
    found = answered(litert._converted(model, config.slice_spec, quantization), slices)
    difference = np.abs(found - expected) / np.abs(expected).max()
    if quantization == "float16":
        assert difference.mean() < 0.01 and np.isfinite(found).all()
    else:
        assert difference.max() < TOLERANCE


# Of layers that convpool, crnn_parallel, short_fcn and musicnn have too, and the deep ones.
SLOW = ("resnet50", "resnet18", "freqcnn", "squarecnn", "tempcnn", "convconvpool", "melcrop", "crnn", "bbnn", "fcn",
        "efficientnet_lite0", "tagger_crnn", "homebrew")  # fmt: skip


@pytest.mark.parametrize("arch", [pytest.param(arch, marks=pytest.mark.soak if arch in SLOW else ()) for arch in ARCHS])
def test_network_converted_answers_as_keras(arch, tmp_path):
    options = {"bidirectional": True, "rnn": "lstm"} if arch == "crnn_parallel" else {}
    config = smallest_config(arch, **options)
    model, path = small_model(config), tmp_path / "model.tflite"
    litert.write(model, SINGLE, config.slice_spec, path)
    slices = music(config.slice_spec)
    expected, found = KerasModel(model, SINGLE, config.slice_spec)(slices), LitertModel(path)(slices)
    np.testing.assert_allclose(found.probabilities, expected.probabilities, rtol=0, atol=TOLERANCE)
    scale = max(1.0, np.abs(expected.embeddings).max())
    np.testing.assert_allclose(found.embeddings, expected.embeddings, rtol=0, atol=TOLERANCE * scale)


@pytest.fixture(scope="module")
def file(run, tmp_path_factory):
    """The run's .tflite file, as `kgenre export` writes it."""
    path = tmp_path_factory.mktemp("export") / "genres.tflite"
    assert export.main(["--model", str(run.folder), "--format", "litert", "--out", str(path)]) == 0
    return path


def test_file_and_saved_model_of_a_run_agree_in_answers_metadata_and_identity(run, file):
    saved, found = SavedModel(run.folder), LitertModel(file)
    assert (found.task, found.slice_spec, found.identity) == (saved.task, saved.slice_spec, saved.identity)
    slices = music(found.slice_spec, 5)
    for one, other in zip(found(slices), saved(slices)):
        assert one.dtype == np.float32
        np.testing.assert_allclose(one, other, rtol=0, atol=TOLERANCE)
    assert [part.shape for part in found(slices[:0])] == [part.shape for part in saved(slices[:0])]


def test_file_is_a_zip_archive_with_labels(file, tmp_path):
    shutil.unpack_archive(file, tmp_path, "zip")
    assert (tmp_path / "labels.txt").read_text().split() == read_metadata(file)["labels"]


def test_multi_label_thresholds_are_in_the_file(tmp_path):
    task = make_task("multi", SINGLE.labels, {"thresholds": np.linspace(0.1, 0.8, N_CLASSES).tolist()})
    config = smallest_config("melcrop")
    litert.write(small_model(config), task, config.slice_spec, tmp_path / "m.tflite")
    assert LitertModel(tmp_path / "m.tflite").task == task


def test_add_facts_replaces_metadata_and_leaves_the_graph(file, tmp_path):
    path = shutil.copy(file, tmp_path / "leaky.tflite")
    add_facts(path, {"leaky": "slices of its test tracks were trained on"})
    assert LitertModel(path).leaky == "slices of its test tracks were trained on"
    write_metadata(path, read_metadata(file))
    assert path.read_bytes()[:-4000] == file.read_bytes()[:-4000] and LitertModel(path).leaky == ""


@pytest.mark.parametrize("quantization", ["float16", "int8"])
def test_quantized_file_is_smaller_close_and_of_another_identity(quantization, run, file, tmp_path):
    model, path = run.load_model(), tmp_path / "q.tflite"
    export_model(model, run.load_task(), run.load_settings().slice_spec, path, "litert", quantization=quantization)
    quantized, full = LitertModel(path), LitertModel(file)
    assert path.stat().st_size < {"float16": 0.6, "int8": 0.4}[quantization] * file.stat().st_size
    assert quantized.identity == f"{full.identity}-{quantization}"
    slices = music(full.slice_spec, 5)
    difference = np.abs(quantized(slices).probabilities - full(slices).probabilities).max()
    assert 0 < difference < {"float16": 0.01, "int8": 0.1}[quantization]


def test_model_that_has_answered_answers_in_a_forked_child(file):
    model = LitertModel(file)
    slices = music(model.slice_spec)
    expected = model(slices).probabilities
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:  # ends here whatever happens: pytest must not go on in it
        try:
            os.write(writing, model(slices).probabilities.tobytes())
        finally:
            os._exit(0)
    os.close(writing)
    try:
        ready, _, _ = select.select([reading], [], [], 60)
        assert ready, "the child has not answered"
        np.testing.assert_array_equal(np.frombuffer(os.read(reading, 10_000), "float32"), expected.ravel())
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(reading)


def test_first_callers_at_once_share_one_pool(file):
    """No more threads than were asked for, however many callers are the first."""
    before = {thread for thread in threading.enumerate() if thread.name.startswith("litert")}
    model = LitertModel(file, threads=2)
    slices, barrier = music(model.slice_spec), threading.Barrier(16)

    def call(_):
        barrier.wait()
        return model(slices).probabilities

    with ThreadPoolExecutor(16) as callers:
        answers = list(callers.map(call, range(16)))
    assert all(np.array_equal(answer, answers[0]) for answer in answers)
    own = [thread for thread in threading.enumerate() if thread.name.startswith("litert")]
    assert len([thread for thread in own if thread not in before]) == 2


# --- which runtime answers ------------------------------------------------------------------------


def test_run_with_a_file_answers_through_litert_unless_told_otherwise(run, file, tmp_path):
    folder = shutil.copytree(run.folder, tmp_path / "run")
    assert isinstance(open_model(folder), SavedModel)
    shutil.copy(file, folder / "model.tflite")
    assert isinstance(open_model(folder), LitertModel) and open_model(folder).name == str(folder)
    assert isinstance(open_model(folder, "tensorflow"), SavedModel)
    shutil.rmtree(folder / "saved_model")
    assert isinstance(open_model(folder, "litert"), LitertModel)  # as where only the file was copied
    assert isinstance(open_model(folder), LitertModel)


def test_run_with_a_file_of_other_weights_answers_through_tensorflow(run, file, tmp_path, caplog):
    folder = shutil.copytree(run.folder, tmp_path / "run")
    shutil.copy(file, folder / "model.tflite")
    write_metadata(folder / "model.tflite", {**read_metadata(file), "identity": "another"})
    assert isinstance(open_model(folder), SavedModel)
    assert "is of other weights than the SavedModel beside it" in caplog.text


def test_without_litert_auto_is_tensorflow_and_litert_is_an_error(run, file, tmp_path, monkeypatch):
    folder = shutil.copytree(run.folder, tmp_path / "run")
    shutil.copy(file, folder / "model.tflite")
    monkeypatch.setattr(litert_model, "installed", lambda: False)
    assert isinstance(open_model(folder), SavedModel)
    for name in (folder, file, None):
        with pytest.raises(KgenreError, match=r"LiteRT is not installed. Install it with `pip install ai-edge-litert`"):
            open_model(name, "litert")


@pytest.mark.parametrize("beside", ["same weights", "other weights", "no about.json", "nothing"])
def test_without_tensorflow_a_run_answers_through_its_file(beside, run, file, tmp_path, monkeypatch, caplog):
    folder = shutil.copytree(run.folder, tmp_path / "run")
    shutil.copy(file, folder / "model.tflite")
    if beside == "other weights":
        write_metadata(folder / "model.tflite", {**read_metadata(file), "identity": "another"})
    if beside == "no about.json":
        (SavedModel(folder).path / "assets.extra" / "about.json").unlink()
    if beside == "nothing":
        shutil.rmtree(folder / "saved_model")
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    assert isinstance(open_model(folder), LitertModel)
    told = "answers, for TensorFlow is not installed" in caplog.text
    assert told == (beside in ("other weights", "no about.json"))


@pytest.mark.parametrize("part", [".", "saved_model"])
@pytest.mark.parametrize("runtime", ["auto", "tensorflow"])
def test_without_tensorflow_serve_refuses_a_saved_model_before_its_address(part, runtime, run, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    assert serve.main(["--model", str(run.folder / part), "--runtime", runtime, "--port", "0"]) == 2
    out, line = capsys.readouterr()
    assert out == "" and line.count("\n") == 1
    assert "TensorFlow is not installed" in line
    assert "`kgenre export --format litert`" in line and "pip install 'kgenre[train]'" in line


def test_runtimes_that_a_model_lacks_are_errors_with_the_next_step(run, file, capsys):
    with pytest.raises(KgenreError, match=r"has no model.tflite. Write it with `kgenre export --format litert"):
        open_model(run.folder, "litert")
    with pytest.raises(KgenreError, match=r"answers through LiteRT. Received: --runtime tensorflow"):
        open_model(file, "tensorflow")
    with pytest.raises(
        KgenreError, match=r"labels.txt: not a model. A model is a run folder, a SavedModel folder, a .tfl"
    ):
        open_model(run.folder / "labels.txt", "litert")
    with pytest.raises(KgenreError, match=r"vggish answers through TensorFlow only"):
        open_model("vggish", "litert")


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04 cut"])
def test_other_files_are_refused(content, tmp_path):
    (tmp_path / "m.tflite").write_bytes(content)
    with pytest.raises(KgenreError, match=r"m.tflite: not a .tflite file that kgenre exported, or damaged"):
        open_model(tmp_path / "m.tflite")


def test_damaged_graph_is_refused_with_its_path(file, tmp_path):
    path = shutil.copy(file, tmp_path / "m.tflite")
    data = bytearray(path.read_bytes())
    data[:64] = bytes(64)
    path.write_bytes(data)
    model = open_model(path)
    with pytest.raises(KgenreError, match=r"m.tflite: not a readable .tflite file"):
        model(np.zeros((1, *model.slice_spec.shape), "float32"))


def test_predict_gives_the_same_text_on_both_runtimes(run, file, songs, capsys):
    texts = []
    for arguments in (["--model", str(file)], ["--model", str(run.folder), "--runtime", "tensorflow"]):
        assert predict.main([str(next(iter(songs.values()))), *arguments]) == 0
        texts.append(capsys.readouterr().out)
    assert texts[0] == texts[1]


# --- the command, and the file of the default model -----------------------------------------------


def test_export_into_the_run_is_where_open_model_looks(run, tmp_path, capsys):
    folder = shutil.copytree(run.folder, tmp_path / "run")
    assert export.main(["--model", str(folder), "--format", "litert"]) == 0
    assert isinstance(open_model(folder), LitertModel)
    assert export.main(["--model", str(folder), "--format", "litert"]) == 2
    assert "model.tflite: exists already. Remove it, or name another file with --out." in capsys.readouterr().err


@pytest.mark.parametrize("quantization", ["float16", "int8"])
def test_quantized_export_of_a_run_without_a_name_says_why_and_what_to_type(quantization, run, capsys):
    assert export.main(["--model", str(run.folder), "--format", "litert", "--quantization", quantization]) == 2
    line = capsys.readouterr().err
    assert "it must not replace the run's own answers. Received: --quantization" in line
    assert line.endswith(f" Add for example --out {run.folder.name}-{quantization}.tflite\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--format", "litert"], "--out must be a .tflite file. Received: none."),
        (["--format", "litert", "--out", "folder"], "--out must be a .tflite file. Received: folder."),
        ([], "--out must be the serving folder. Received: none."),
        (
            ["--quantization", "int8", "--out", "x"],
            "--quantization is of .tflite files. Received:",
        ),
    ],
)
def test_export_refuses_what_does_not_fit_the_format(arguments, message, capsys):
    assert export.main(arguments) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("row", [row for row in PACKAGED.values() if row.litert], ids=lambda row: row.name)
def test_file_of_a_packaged_model_is_made_of_the_head_beside_it(row):
    """Fails where the head was fitted again and the file was not: `kgenre default_head` writes both."""
    metadata = read_metadata(row.litert_file)
    assert metadata["made_of"] == row.made_of
    settings, labels = row.settings()
    model = open_model(row.name)
    assert metadata["labels"] == labels and model.slice_spec == settings.slice_spec
    assert isinstance(model, LitertModel)
