"""What `kgenre client` and `kgenre serve --tf-serving` make of servers that are slow, odd or hostile."""

import base64
import http.server
import logging
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
import requests
from audio_files import music, write_sound
from test_client import ABOUT, LABELS, SERVERS, level_answers, noise

from kgenre import client
from kgenre.core.errors import KgenreError
from kgenre.serving import messages
from kgenre.serving.clients import http_session
from kgenre.serving.clients.open_transport import open_transport
from kgenre.serving.clients.settings import ClientSettings
from kgenre.serving.tf_serving import TfServingModel

pytest.importorskip("tensorflow_serving.apis", reason="tensorflow-serving-api is not installed")
HEADERS = b"HTTP/1.1 200 OK\r\n"


@pytest.fixture(params=SERVERS)
def server(request, monkeypatch):
    # No slow test asks in between whether the model is the same.
    monkeypatch.setattr("kgenre.serving.tf_serving.CONFIRM_SECONDS", 1e9)
    with SERVERS[request.param](level_answers) as serving:
        yield serving


# --- deadlines, and giving up before --------------------------------------------------------------


@pytest.mark.parametrize(("first", "piece"), [
    (HEADERS + b"Content-Length: 50000\r\n\r\n", b" "),
    (HEADERS + b"Connection: close\r\n\r\n", b" "),
    (HEADERS + b"X-A: ", b"a"),
    (HEADERS + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    (HEADERS + b"Content-Length: 50000\r\n\r\n", b""),
], ids=["body", "open end", "headers", "chunks", "100 Continue", "silence"])  # fmt: skip
def test_rest_answer_that_drips_is_late_and_its_connection_is_cut(first, piece):
    cut = threading.Event()

    def drip(listening):
        connection, _ = listening.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(first)
            connection.settimeout(0.05)
            for _ in range(1200):  # a minute
                try:
                    connection.sendall(piece)
                    if connection.recv(65536) == b"":
                        raise ConnectionError
                except TimeoutError:
                    continue
                except OSError:
                    cut.set()
                    return

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=drip, args=(listening,), daemon=True).start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/v1/models/genres"
        transport = open_transport(url, ClientSettings(timeout_seconds=0.5))
        began = time.monotonic()
        with pytest.raises(KgenreError, match="DEADLINE_EXCEEDED, no answer within 0.5 s"):
            transport.ask("about_rows", {"row": np.zeros(1, "int32")})
        assert time.monotonic() - began < 30
        assert cut.wait(30)


def test_rest_wait_of_a_process_that_stood_still_is_late(monkeypatch):
    def fails(*_):
        raise requests.ConnectionError("Read timed out.")

    times = iter([0.0, 0.0])  # of the deadline and of the first look; the process goes on after it
    monkeypatch.setattr(http_session, "time", SimpleNamespace(monotonic=lambda: next(times, 9.0)))
    monkeypatch.setattr(http_session.HttpSession, "_post", fails)
    with pytest.raises(TimeoutError, match="no answer within 3 s"):
        http_session.HttpSession().post("http://localhost/", b"", 3.0, lambda: None)
    times = iter([0.0, 0.0, 1.0])
    with pytest.raises(requests.ConnectionError):
        http_session.HttpSession().post("http://localhost/", b"", 3.0, lambda: None)


class GivenUp(Exception):
    pass


@pytest.mark.parametrize("state", ["slow", "full"])
def test_check_ends_a_request_that_waits(server, state):
    model = TfServingModel(server.url)
    if state == "slow":
        server.stall = 60.0
    else:
        server.faults[:] = 9 * [503]
    began = time.monotonic()

    def check():
        if time.monotonic() - began > 0.7:
            raise GivenUp

    with pytest.raises(GivenUp):
        model.ask(noise(1), check)
    assert time.monotonic() - began < 30
    server.stall = 0.0
    server.faults.clear()
    assert len(model(noise(2)).probabilities) == 2


def test_model_answers_several_threads_at_once(server):
    model, slices = TfServingModel(server.url), noise(40)
    expected = model(slices).embeddings
    server.stall = 0.05
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda n: model(slices[n : n + 1]).embeddings, range(8)))
    assert (np.concatenate(found) == expected[:8]).all()


def test_first_retry_is_told(server, caplog):
    server.faults[:] = [503]
    with caplog.at_level(logging.INFO, "kgenre"):
        TfServingModel(server.url)
    assert [record.getMessage() for record in caplog.records] == [
        f"{server.url}: no answer yet (UNAVAILABLE); asking again for 8 s."
    ]


# --- addresses ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("url", "asked"), [
    ("http://a:8501/v1/models/x", "grpc://a:8500/v1/models/x"),
    ("https://[::1]:8501/v1/models/x", "grpcs://[::1]:8500/v1/models/x"),
    ("http://a:18501/v1/models/x", "grpc://a:18501/v1/models/x"),
    ("grpc://a:8501/v1/models/x", "grpc://a:8501/v1/models/x"),
])  # fmt: skip
def test_grpc_flag_leaves_the_port_of_rest(url, asked, monkeypatch):
    urls = []

    def stopped(url, *_, **__):
        urls.append(url)
        raise KgenreError("stopped")

    monkeypatch.setattr("kgenre.serving.tf_serving.TfServingModel.__init__", lambda self, *args, **_: stopped(*args))
    assert client.main([url, "song.mp3", "--grpc"]) == 2
    assert urls == [asked]


def test_login_of_an_address_is_sent_by_rest_and_never_shown(capsys):
    logins = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            logins.append(self.headers["Authorization"])
            self.send_error(404)

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as serving:
        threading.Thread(target=serving.serve_forever, args=(0.05,), daemon=True).start()
        url = f"http://us%40er:sec%2Fret@127.0.0.1:{serving.server_port}/v1/models/genres"
        assert client.main([url, "song.mp3"]) == 2
        serving.shutdown()
    assert logins == [f"Basic {base64.b64encode(b'us@er:sec/ret').decode()}"]
    shown = capsys.readouterr().err
    assert shown.startswith(f"kgenre: http://127.0.0.1:{serving.server_port}/v1/models/genres: TF Serving: NOT_FOUND")
    assert "sec" not in shown and "er" not in shown.partition("http")[2][:3]
    assert client.main(["http://user:secret@host/v2/models/genres", "song.mp3"]) == 2
    assert "secret" not in capsys.readouterr().err
    address = open_transport("grpc://user:secret@host:8500/v1/models/genres", ClientSettings()).address
    assert "secret" not in repr(address) and address.netloc == "host:8500" and address.login == ("user", "secret")


# --- answers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("values", [
    {"sample_rate": "x"}, {"slice_samples": 0}, {"slice_samples": 1 << 40}, {"labels": [1, 2]}, {"labels": ["a", "a"]},
    {"labels": "abc"}, {"input": "picture"}, {"task": 5}, {"bins": 12}, {"thresholds": [0.5]}, {"hop_samples": 0.5},
], ids=str)  # fmt: skip
def test_model_that_describes_itself_wrongly_is_refused_in_one_line(server, monkeypatch, values):
    for name, value in values.items():
        monkeypatch.setitem(ABOUT, name, value)
    with pytest.raises(KgenreError, match="not a model that kgenre exported: ") as caught:
        TfServingModel(server.url)
    assert "\n" not in str(caught.value)


def answering(server, probabilities) -> TfServingModel:
    model, answer = TfServingModel(server.url), server.answer
    server.answer = lambda signature, inputs: {
        **answer(signature, inputs),
        **({"probabilities": np.array([probabilities])} if signature != "about_rows" else {}),
    }
    return model


def test_probabilities_a_little_beyond_their_range_are_clipped(server):
    found = answering(server, [1.0000001, -1e-4, 0.0, 0.5, 0.25, 1.0])(noise(1)).probabilities
    np.testing.assert_allclose(found, [[1.0, 0.0, 0.0, 0.5, 0.25, 1.0]], rtol=0, atol=1e-7)
    assert found.max() <= 1 and found.min() >= 0


@pytest.mark.parametrize("value", [np.nan, 1.01, -0.5, np.inf])
def test_probabilities_beyond_their_range_are_refused(server, value):
    with pytest.raises(KgenreError, match=r"probabilities must be in \[0, 1\]"):
        answering(server, [value, 0, 0, 0, 0, 0.0])(noise(1))


def test_probabilities_that_are_texts_are_refused(server):
    with pytest.raises(KgenreError, match="must have 6 probabilities"):
        answering(server, ["a"] * len(LABELS))(noise(1))


# --- models that are replaced, and servers that end in the middle ----------------------------------


def test_model_that_is_replaced_is_noticed_and_renewed(server, monkeypatch):
    model = TfServingModel(server.url)
    model(noise(1))
    monkeypatch.setitem(ABOUT, "labels", list(LABELS)[::-1])
    model(noise(1))  # not asked yet
    monkeypatch.setattr("kgenre.serving.tf_serving.CONFIRM_SECONDS", 0.0)
    for _ in range(2):
        with pytest.raises(KgenreError, match="the model was replaced while it was asked.* run again"):
            model(noise(1))
    assert model.renewed().labels == tuple(LABELS)[::-1] and len(model.renewed()(noise(1)).probabilities) == 1


def three_songs(tmp_path):
    for name in "abc":
        write_sound(tmp_path / f"{name}.wav", music(3.0, 8000, 1), 8000)
    return [str(tmp_path), "--out", str(tmp_path / "out.csv"), "--max-message-mib", "0.3"]


def test_client_writes_nothing_where_the_model_was_replaced(server, tmp_path, monkeypatch, capsys):
    answer = server.answer

    def replaced(signature, inputs):
        outputs = answer(signature, inputs)
        ABOUT["weights_revision"] = "w2"
        return outputs

    monkeypatch.setitem(ABOUT, "weights_revision", "w1")
    server.answer = replaced
    assert client.main([server.url, *three_songs(tmp_path)]) == 2
    assert "the model was replaced" in capsys.readouterr().err and not (tmp_path / "out.csv").exists()


def test_client_keeps_the_songs_before_a_fault(server, tmp_path, capsys):
    answer = server.answer

    def ends(signature, inputs):
        if len(server.asked) > 6:
            server.faults[:] = [400]
        return answer(signature, inputs)

    server.answer = ends
    flags = three_songs(tmp_path)
    if server.url.startswith("grpc"):
        flags[-1] = "0.07"
    assert client.main([server.url, *flags]) == 2
    shown = capsys.readouterr().err
    n = len((tmp_path / "out.csv").read_text().splitlines()) - 1
    assert n in (1, 2) and f"Incomplete: {n} of 3 songs." in shown and "INVALID_ARGUMENT" in shown


def test_client_tells_of_a_leaky_model(server, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(ABOUT, "leaky", "slices of its test tracks were trained on")
    write_sound(tmp_path / "a.wav", music(1.0, 8000, 1), 8000)
    assert client.main([server.url, str(tmp_path / "a.wav")]) == 0
    assert f"{server.url} is LEAKY, its metrics are too high: slices of its" in capsys.readouterr().err


def test_tensors_that_are_damaged_are_refused():
    def tensor(shape, **fields):
        made = messages.message_class("Tensor")(**fields)
        messages.set_shape(made, shape)
        return made

    for damaged in (
        tensor((1,), dtype=messages.FLOAT, tensor_content=b"12345"),
        tensor((-1, -1), dtype=messages.FLOAT, float_val=[1.0]),
        tensor((1 << 45,), dtype=messages.FLOAT, float_val=[1.0]),
        tensor((1 << 62, 4), dtype=messages.FLOAT),
        tensor((1,), dtype=messages.STRING, string_val=[b"\xff"]),
    ):
        with pytest.raises(KgenreError):
            messages.tensor_values(damaged)
