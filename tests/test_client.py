"""`kgenre client` against servers: KServe, which others wrote, and a PredictionService of the official messages.

KServe has an environment of its own: `tests/kserve_environment.sh` makes it, in .venv-kserve; KGENRE_KSERVE_PYTHON
names the Python of another one.
"""

import json
import os
import socket
import subprocess
import sys
import sysconfig
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import requests
from audio_files import music, write_sound
from libraries import LABELS, SINGLE
from tf_serving_servers import CODES, GrpcServer, Refused, RestServer

from kgenre import client, predict
from kgenre.audio.slicing import SliceSpec
from kgenre.core.errors import KgenreError
from kgenre.model.tasks import make_task, task_values
from kgenre.serving import messages
from kgenre.serving.clients.open_transport import open_transport
from kgenre.serving.clients.settings import ClientSettings
from kgenre.serving.clients.transport import Address
from kgenre.serving.exporters import export_model
from kgenre.serving.tf_serving import TfServingModel

ROOT = Path(__file__).parent.parent
KSERVE = Path(os.environ.get("KGENRE_KSERVE_PYTHON") or ROOT / ".venv-kserve/bin/python")
SPEC = SliceSpec(8000, 4000, 3000)  # slices overlap by a quarter
SERVERS = {"rest": RestServer, "grpc": GrpcServer}
TOLERANCE = 1e-5
pytest.importorskip("tensorflow_serving.apis", reason="tensorflow-serving-api is not installed")


# --- real servers ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> Path:
    """A small network of random weights, whose answers differ from slice to slice."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    waveform = keras.Input((SPEC.slice_samples,), name="waveform")
    frames = layers.Dense(16, "relu")(layers.Reshape((-1, 100))(waveform))  # (batch, 40, 16)
    embedding = layers.GlobalAveragePooling1D(name="embedding")(frames)
    network = keras.Model(waveform, layers.Dense(len(LABELS), name="logits")(embedding))
    network.get_layer("logits").set_weights([30 * weight for weight in network.get_layer("logits").get_weights()])
    folder = tmp_path_factory.mktemp("model") / "1"
    export_model(network, make_task("single", LABELS), SPEC, folder)
    return folder


@pytest.fixture(scope="module")
def tracks(tmp_path_factory) -> Path:
    """A folder of songs of several formats and lengths, and one that cannot be used."""
    folder = tmp_path_factory.mktemp("music")
    write_sound(folder / "short.flac", music(0.3, 44100, 2, seed=3), 44100)
    write_sound(folder / "one slice.wav", music(0.5, 8000, 1, seed=2), 8000)
    for suffix in (".mp3", ".ogg", ".flac"):
        write_sound(folder / f"stereo{suffix}", music(7.3, 44100, 2, seed=1), 44100)
    long = music(40.0, 22050, 1, seed=5) * np.linspace(0.05, 1, 40 * 22050)[:, None]
    write_sound(folder / "long.mp3", long, 22050)
    write_sound(folder / "nan.wav", np.full((8000, 1), np.nan, "float32"), 8000, subtype="FLOAT")
    return folder


def started(command, folder: Path, port: int | None = None) -> tuple[subprocess.Popen, int]:
    """A server process and its port, which it prints unless it is given."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
    log = open(folder / "server.log", "w")
    out = log if port else subprocess.PIPE
    process = subprocess.Popen([str(word) for word in command], stdout=out, stderr=log, env=environment, text=True)
    return process, port or int(process.stdout.readline())


@pytest.fixture(scope="module")
def kserve_url(exported, tmp_path_factory):
    if not KSERVE.exists():
        pytest.skip(f"{KSERVE} is missing: tests/kserve_environment.sh makes it")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    folder = tmp_path_factory.mktemp("kserve")
    command = [KSERVE, ROOT / "tests/kserve_server.py", exported, port, sysconfig.get_paths()["purelib"]]
    process, _ = started(command, folder, port)
    try:
        url = f"http://127.0.0.1:{port}/v1/models/genres"
        for _ in range(3000):
            assert process.poll() is None, (folder / "server.log").read_text()
            try:
                if requests.get(url, timeout=5).status_code == 200:
                    break
            except requests.ConnectionError:
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(60)


@pytest.fixture(scope="module")
def grpc_url(exported, tmp_path_factory):
    process, port = started(
        [sys.executable, ROOT / "tests/tf_serving_servers.py", exported], tmp_path_factory.mktemp("grpc")
    )
    yield f"grpc://127.0.0.1:{port}/v1/models/genres"
    process.terminate()
    process.wait(60)
    process.stdout.close()


@pytest.fixture(params=["kserve", "grpc"])
def url(request) -> str:
    return request.getfixturevalue(f"{request.param}_url")


def records(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_client_answers_as_predict_does(url, exported, tracks, tmp_path, capsys):
    flags = [str(tracks), "--slices", "--out"]
    assert predict.main(["--model", str(exported), *flags, str(tmp_path / "local.jsonl")]) == 1
    local = capsys.readouterr().err.replace("local.jsonl", "")
    assert client.main([url, *flags, str(tmp_path / "served.jsonl")]) == 1
    assert capsys.readouterr().err.replace("served.jsonl", "") == local and "nan.wav: " in local
    expected, found = records(tmp_path / "local.jsonl"), records(tmp_path / "served.jsonl")
    assert [Path(one["path"]).name for one in found] == [
        "long.mp3", "one slice.wav", "short.flac", "stereo.flac", "stereo.mp3", "stereo.ogg",
    ]  # fmt: skip
    assert [one["slices"] for one in found] == [107, 1, 1, 20, 20, 20]
    # Slices differ by more than what is tolerated, or agreement would mean nothing.
    answers = [list(part["probabilities"].values()) for part in expected[0]["by_slice"]]
    assert np.ptp(answers, axis=0).max() > 1000 * TOLERANCE
    for one, other in zip(found, expected):
        for part, wanted in zip([one, *one.pop("by_slice")], [other, *other.pop("by_slice")], strict=True):
            values, wanted_values = part.pop("probabilities"), wanted.pop("probabilities")
            assert list(values) == list(wanted_values) and part == wanted
            np.testing.assert_allclose(list(values.values()), list(wanted_values.values()), rtol=0, atol=TOLERANCE)


def test_client_in_parts_answers_the_same_and_as_text_and_csv(url, exported, tracks, capsys):
    song = str(tracks / "long.mp3")
    for flags in (["--slices"], ["--format", "csv"]):
        assert predict.main(["--model", str(exported), song, *flags]) == 0
        expected = capsys.readouterr().out
        assert client.main([url, song, *flags, "--max-message-mib", "0.07"]) == 0
        found = capsys.readouterr().out
        assert found.count("\n") == expected.count("\n")
        assert found == expected or flags != ["--slices"]  # percents, which hide the last digits


LOADED = "import sys; from kgenre.client import main; status = main(sys.argv[1:]); print(status, *sorted(sys.modules))"


def test_client_loads_no_tensorflow(url, tracks):
    done = subprocess.run(
        [sys.executable, "-c", LOADED, url, str(tracks / "short.flac")],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    answer, modules = done.stdout.splitlines()
    assert "short.flac: " in answer and modules.startswith("0 "), done.stderr
    assert done.stderr == ""
    loaded = {name.split(".")[0] for name in modules.split()}
    assert not {"tensorflow", "keras", "pandas", "tensorflow_serving"} & loaded


def test_client_of_a_model_that_is_not_there_is_one_line(url, tracks, capsys):
    assert client.main([url.replace("genres", "other"), str(tracks / "short.flac")]) == 2
    assert capsys.readouterr().err.startswith(f"kgenre: {url.replace('genres', 'other')}: TF Serving: NOT_FOUND, ")


def test_wrong_signature_is_refused(url):
    with pytest.raises(KgenreError, match="INVALID_ARGUMENT, .*bogus.* not found in signature def"):
        open_transport(url, ClientSettings()).ask("bogus", {"row": np.zeros(1, "int32")})


def test_client_grpc_flag_asks_by_grpc(grpc_url, tracks, capsys):
    assert client.main([grpc_url.replace("grpc:", "http:"), str(tracks / "short.flac"), "--grpc"]) == 0
    assert "short.flac: " in capsys.readouterr().out


# --- faults ---------------------------------------------------------------------------------------

LEVEL = SliceSpec(8000, 8000, 4000)
ABOUT = {**task_values(SINGLE), "sample_rate": 8000, "slice_samples": 8000, "hop_samples": 4000, "input": "waveform",
         "weights_revision": "w1", "front_end_revision": "f1"}  # fmt: skip
N_EMBEDDING = 3


def level_answers(signature: str, inputs: dict) -> dict:
    """A model of the mean level of a slice. Its embedding holds each slice's first samples."""
    if signature == "about_rows":
        return {name: np.array([value] * len(inputs["row"])) for name, value in ABOUT.items()}
    if signature != "waveform_masked":
        raise Refused(400, f'Serving signature name: "{signature}" not found in signature def')
    slices = inputs["waveform"].astype("float32")
    assert (inputs["num_samples"] == LEVEL.slice_samples).all() and slices.shape[1:] == LEVEL.shape
    levels = np.abs(slices).mean(axis=1, keepdims=True)
    scores = np.exp(-((20 * levels - np.arange(len(LABELS))) ** 2))
    probabilities = (scores / scores.sum(axis=1, keepdims=True)).astype("float32")
    return {"probabilities": probabilities, "embedding": slices[:, :N_EMBEDDING], "num_slices": inputs["num_samples"]}


@pytest.fixture(params=SERVERS)
def server(request, monkeypatch):
    # No slow test asks in between whether the model is the same.
    monkeypatch.setattr("kgenre.serving.tf_serving.CONFIRM_SECONDS", 1e9)
    with SERVERS[request.param](level_answers) as serving:
        yield serving


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr("kgenre.serving.clients.transport.WAITS", (0.01, 0.02, 0.05, 0.1))


def noise(n: int) -> np.ndarray:
    return np.random.default_rng(n).normal(0, 0.1, (n, *LEVEL.shape)).astype("float32")


def test_model_keeps_every_bit_and_says_what_it_is(server):
    model, slices = TfServingModel(server.url), noise(5)
    slices[0, :N_EMBEDDING] = [1e-30, -1 / 3, 0.1]
    found = model(slices)
    assert (found.embeddings == slices[:, :N_EMBEDDING]).all() and found.probabilities.dtype == np.float32
    assert (found.probabilities == level_answers("waveform_masked", {
        "waveform": slices, "num_samples": np.full(5, 8000)})["probabilities"]).all()  # fmt: skip
    assert model.labels == LABELS and model.slice_spec == LEVEL and model.task.name == "single"
    assert model.identity == f"{server.url} w1 f1" and model.name == server.url


@pytest.mark.parametrize("mib", [0.2, 0.5, 1.0])
def test_messages_are_as_many_as_their_limit_asks_for(server, mib):
    slices = noise(17)
    model = TfServingModel(server.url, ClientSettings(max_message_mib=mib))
    found = model(slices)
    value_bytes = {"http": 16, "grpc": 4}[server.url.partition(":")[0]]
    at_once = int(mib * 2**20 - 500) // (8000 * value_bytes + 100)
    assert at_once == model.slices_at_once
    assert server.asked == ["about_rows"] + ["waveform_masked"] * -(-17 // at_once)
    assert max(server.sizes) <= mib * 2**20
    assert (found.embeddings == slices[:, :N_EMBEDDING]).all()


def test_message_that_cannot_hold_a_slice_is_refused(server):
    with pytest.raises(KgenreError, match=r"--max-message-mib must hold a slice of .*, 0\.\d+ MiB. Received: 0.02"):
        TfServingModel(server.url, ClientSettings(max_message_mib=0.02))


def test_client_sends_a_song_in_parts_and_short_ones_together(server, tmp_path, capsys):
    for name, seconds in (("long.wav", 12.0), ("a.wav", 1.0), ("b.wav", 0.7)):
        write_sound(tmp_path / name, music(seconds, 8000, 1), 8000)
    mib = 1.0 if server.url.startswith("http") else 0.25  # eight slices
    assert client.main([server.url, str(tmp_path), "--max-message-mib", str(mib), "--format", "jsonl"]) == 0
    assert [json.loads(line)["slices"] for line in capsys.readouterr().out.splitlines()] == [1, 1, 23]
    assert server.asked == ["about_rows"] + 4 * ["waveform_masked"] + ["about_rows"]  # 25 slices


def test_server_that_is_full_or_starts_is_asked_again(server, quick):
    server.faults[:] = [503, 429]
    assert TfServingModel(server.url).labels == LABELS and len(server.sizes) == 3


def test_server_that_stays_full_is_named_after_the_retries(server, quick):
    server.faults[:] = 5 * [503]
    with pytest.raises(KgenreError, match=r"UNAVAILABLE, .*The server is full\. Is the address right") as caught:
        TfServingModel(server.url)
    assert "\n" not in str(caught.value) and len(server.sizes) == 5 and not server.faults


def test_patient_model_waits_for_a_server_that_has_answered(server, quick):
    server.faults[:] = 9 * [503]
    with pytest.raises(KgenreError, match="UNAVAILABLE"):
        TfServingModel(server.url, patient=True)
    assert len(server.faults) == 4
    server.faults.clear()
    model = TfServingModel(server.url, patient=True)
    server.faults[:] = 9 * [503]
    assert len(model(noise(1)).probabilities) == 1 and not server.faults


@pytest.mark.parametrize("status", [400, 404, 500])
def test_other_faults_are_not_asked_again(server, quick, status):
    model = TfServingModel(server.url)
    server.faults[:] = [status]
    with pytest.raises(KgenreError, match=f"{CODES[status]}, .*The server is full"):
        model(noise(1))
    assert len(server.sizes) == 2


def test_answer_that_does_not_come_in_time_ends_the_request(server, monkeypatch):
    model = TfServingModel(server.url)
    monkeypatch.setattr(model._transport, "settings", ClientSettings(timeout_seconds=0.3))
    server.stall, began = 60.0, time.monotonic()
    with pytest.raises(KgenreError, match="DEADLINE_EXCEEDED, no answer within 0.3 s. Allow it more time"):
        model(noise(1))
    assert time.monotonic() - began < 30


def test_retries_end_with_the_time_of_the_request(server, monkeypatch):
    monkeypatch.setattr("kgenre.serving.clients.transport.WAITS", (0.01, 60.0))
    model = TfServingModel(server.url, ClientSettings(timeout_seconds=30.0))
    server.faults[:], began = 9 * [503], time.monotonic()
    with pytest.raises(KgenreError, match="UNAVAILABLE"):
        model(noise(1))
    assert time.monotonic() - began < 20 and len(server.faults) == 7  # at 0 and 0.01 s


def test_rest_answer_that_drips_is_late():
    """requests' own timeout is of each wait."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def drip():
            connection, _ = listening.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n")
                for _ in range(600):
                    try:
                        connection.sendall(b" " * 1000)
                    except OSError:
                        return
                    time.sleep(0.1)

        threading.Thread(target=drip, daemon=True).start()
        began = time.monotonic()
        with pytest.raises(KgenreError, match="DEADLINE_EXCEEDED"):
            TfServingModel(
                f"http://127.0.0.1:{listening.getsockname()[1]}/v1/models/genres", ClientSettings(timeout_seconds=0.5)
            )
        assert time.monotonic() - began < 30


@pytest.mark.parametrize("kind", SERVERS)
def test_server_that_restarts_is_asked_again(kind):
    with SERVERS[kind](level_answers) as first:
        model, port = TfServingModel(first.url), first.port
        expected = model(noise(2))
    timer = threading.Timer(0.8, lambda: restarted.append(SERVERS[kind](level_answers, port)))
    restarted = []
    timer.start()
    try:
        assert (model(noise(2)).probabilities == expected.probabilities).all()
    finally:
        timer.join()
        restarted[0].stop()


@pytest.mark.parametrize("kind", SERVERS)
def test_server_that_is_away_is_named(kind, quick):
    with SERVERS[kind](level_answers) as server:
        url = server.url
    with pytest.raises(KgenreError, match=f"{url}: TF Serving: UNAVAILABLE, .*refused.* Is the address right, and the"):
        TfServingModel(url)


def test_model_that_kgenre_did_not_export_is_refused(server, monkeypatch):
    monkeypatch.delitem(ABOUT, "slice_samples")
    with pytest.raises(KgenreError, match="not a model that kgenre exported: it does not tell 'slice_samples'"):
        TfServingModel(server.url)
    server.answer = lambda signature, inputs: level_answers("half_plus_two", inputs)
    with pytest.raises(KgenreError, match="not a model that kgenre exported .*half_plus_two"):
        TfServingModel(server.url)


def test_model_that_is_replaced_by_one_of_other_labels_is_told(server):
    model, before = TfServingModel(server.url), server.answer
    server.answer = lambda *asked: {**before(*asked), "probabilities": np.zeros((2, 3), "float32")}
    with pytest.raises(KgenreError, match=r"2 slices must have 6 probabilities .*Received: the shapes \(2, 3\)"):
        model(noise(2))


def test_answer_larger_than_grpcs_own_limit_is_taken(monkeypatch):
    monkeypatch.setattr("test_client.N_EMBEDDING", 8000)
    with GrpcServer(level_answers) as server:
        slices = noise(160)  # 5 MB
        assert (TfServingModel(server.url)(slices).embeddings == slices).all()


def test_message_larger_than_the_server_takes_is_told():
    with GrpcServer(level_answers, most_bytes=100000) as server:
        model = TfServingModel(server.url)
        with pytest.raises(KgenreError, match="TOO_LARGE, .*Send less at once with --max-message-mib"):
            model(noise(4))
        assert len(TfServingModel(server.url, ClientSettings(max_message_mib=0.09))(noise(4)).probabilities) == 4


def test_client_of_a_model_of_spectrograms_sends_these(server, tmp_path, capsys):
    about = {**ABOUT, "sample_rate": 4.0, "slice_samples": 32, "hop_samples": 24, "bins": 12, "input": "spectrogram"}
    server.answer = lambda signature, inputs: (
        {name: np.array([value]) for name, value in about.items()}
        if signature == "about_rows"
        else spectrogram_answers(signature, **inputs)
    )
    frames = np.random.default_rng(0).uniform(0, 1, (77, 12)).astype("float32")
    np.save(tmp_path / "song.npy", frames.T)  # bins first, as the reader takes arrays
    assert client.main([server.url, str(tmp_path / "song.npy"), "--format", "jsonl"]) == 0
    found = json.loads(capsys.readouterr().out)
    starts = (0, 24, 45)
    means = np.mean([frames[start : start + 32, : len(LABELS)].mean(axis=0) for start in starts], axis=0)
    assert found["slices"] == 3
    np.testing.assert_allclose(list(found["probabilities"].values()), means, rtol=1e-5)


def spectrogram_answers(signature: str, spectrogram, num_frames) -> dict:
    assert signature == "spectrogram_masked" and (num_frames == 32).all()
    means = spectrogram.mean(axis=1)
    return {"probabilities": means[:, : len(LABELS)], "embedding": means}


@pytest.mark.parametrize("end", ["", "/versions/3", "/labels/stable"])
def test_version_and_label_are_asked_for(server, end):
    TfServingModel(server.url + end + "/")
    assert server.models == [f"genres{end}"]


@pytest.mark.parametrize(
    "url", ["http://localhost:8501", "localhost:8501/v1/models/x", "ftp://h/v1/models/x", "http:///v1/models/x",
            "http://h:x/v1/models/x", "http://h/v1/models/x/versions/last", "http://h/v1/models/x:predict",
            "grpc://h:8500", "grpc://[h/v1/models/x", "http://h/v1/models/x?a=1"],
)  # fmt: skip
def test_address_that_is_none_is_refused(url):
    with pytest.raises(KgenreError, match=r"A model of TF Serving is an address like http://localhost:8501/v1/models/"):
        open_transport(url, ClientSettings())


def test_address_has_its_parts():
    found = open_transport("https://a.org/serving/v1/models/my.genres/labels/canary/", ClientSettings()).address
    url = "https://a.org/serving/v1/models/my.genres/labels/canary"
    assert found == Address(url, "https", "a.org", "my.genres", None, "canary")


def test_rest_answer_of_something_else_is_told(quick):
    with RestServer(lambda *_: {"probabilities": np.zeros(0)}) as server, pytest.raises(KgenreError) as caught:
        TfServingModel(server.url)
    assert 'INTERNAL, answered with something else than predictions: {"predictions": []}' in str(caught.value)


def test_grpc_that_is_not_installed_is_named_with_the_extra(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "grpc", None)
    assert client.main(["grpc://localhost:1/v1/models/genres", "song.mp3"]) == 2
    assert capsys.readouterr().err == (
        "kgenre: grpc is not installed, which this needs. Install it: pip install 'kgenre[client]'\n"
    )


# --- messages -------------------------------------------------------------------------------------


def test_request_is_the_bytes_of_the_official_one():
    import tensorflow as tf
    from tensorflow_serving.apis import predict_pb2

    url = "grpc://localhost:1/v1/models/genres"
    inputs = {"waveform": noise(2), "num_samples": np.array([8000, 7], "int32")}
    for end, version in (("/versions/3", {"version": {"value": 3}}), ("/labels/a", {"version_label": "a"}), ("", {})):
        ours = open_transport(url + end, ClientSettings()).encode("waveform_masked", inputs)
        spec = {"name": "genres", "signature_name": "waveform_masked", **version}
        official = predict_pb2.PredictRequest(
            model_spec=spec, inputs={name: tf.make_tensor_proto(value) for name, value in inputs.items()}
        )
        assert predict_pb2.PredictRequest.FromString(ours.SerializeToString()) == official


@pytest.mark.parametrize("values", [
    np.float32([[1.5, -2], [0, 3]]), np.float64(0.1), np.int32([7]), np.int64([[1 << 40, 2]]),
    np.zeros((0, 3), "float32"), np.full((3, 4), 2.5, "float32"), np.array(["jazz", "música"]),
], ids=lambda values: str(values.dtype))  # fmt: skip
@pytest.mark.parametrize("by_number", [False, True])
def test_tensor_values_are_those_of_the_official_message(values, by_number):
    import tensorflow as tf

    proto = tf.make_tensor_proto(values)
    if by_number and proto.tensor_content:
        proto.ClearField("tensor_content")
        getattr(proto, messages.TYPES[proto.dtype][1]).extend(values.ravel().tolist())
    ours = messages.message_class("Tensor").FromString(proto.SerializeToString())
    found = messages.tensor_values(ours)
    assert found.dtype == values.dtype and found.shape == values.shape and (found == values).all()
    if values.dtype.kind in "fi":
        filled = messages.message("Tensor")
        messages.fill_tensor(filled, np.asarray(values))
        assert (tf.make_ndarray(type(proto).FromString(filled.SerializeToString())) == values).all()


def test_tensor_of_a_constant_has_it_once():
    import tensorflow as tf

    proto = tf.make_tensor_proto(2.5, shape=(3, 4))
    assert len(proto.float_val) == 1
    ours = messages.message_class("Tensor").FromString(proto.SerializeToString())
    assert (messages.tensor_values(ours) == np.full((3, 4), 2.5, "float32")).all()


def test_tensor_of_another_type_or_size_is_refused():
    tensor = messages.message("Tensor")
    tensor.dtype = 99
    with pytest.raises(KgenreError, match="Received: 99"):
        messages.tensor_values(tensor)
    messages.fill_tensor(tensor, np.zeros(3, "float32"))
    messages.set_shape(tensor, (2,))
    with pytest.raises(KgenreError, match=r"shape \(3, 2\) must have 6 values. Received: 3"):
        messages.tensor_values(tensor)
