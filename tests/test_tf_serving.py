"""A model behind TF Serving's REST interface, spoken by a small server of our own; see the note in docs/web_app.md."""

import contextlib
import http.server
import json
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from libraries import LABELS, SINGLE

from kgenre.audio.slicing import SliceSpec
from kgenre.core.errors import KgenreError
from kgenre.model.tasks import task_values
from kgenre.serving.tf_serving import SLICES_AT_ONCE, TfServingModel

SPEC = SliceSpec(8000, 8000, 4000)
NAME = "/v1/models/genres"


def answer_of(slices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    levels = np.abs(slices).mean(axis=1, keepdims=True)
    scores = np.exp(-((20 * levels - np.arange(len(LABELS))) ** 2))
    return (scores / scores.sum(axis=1, keepdims=True)).astype("float32"), levels.astype("float32")


class Handler(http.server.BaseHTTPRequestHandler):
    """TF Serving's column form: {"signature_name", "inputs"} -> {"outputs"}, errors as {"error"}."""

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(asked["signature_name"])
        status, answer = self.answer(asked)
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def answer(self, asked: dict) -> tuple[int, dict]:
        if self.server.failures:
            return self.server.failures.pop(), {"error": "The server is full."}
        if self.path != f"{NAME}:predict":
            return 404, {"error": "Servable not found for request: Latest(other)"}
        if asked["signature_name"] == "about_rows":
            about = {**task_values(SINGLE), "sample_rate": 8000, "clip_samples": 8000, "hop_samples": 4000,
                     "input": "waveform", "weights_revision": "w1", "front_end_revision": "f1"}  # fmt: skip
            about.pop("clip_samples" if self.server.foreign else "", None)
            return 200, {"outputs": {name: [value] for name, value in about.items()}}
        probabilities, embeddings = answer_of(np.array(asked["inputs"]["waveform"], "float32"))
        found = {"probabilities": probabilities, "embedding": embeddings, "slice_probabilities": probabilities[:, None]}
        return 200, {"outputs": {name: value.tolist() for name, value in found.items()}}

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def tf_serving(failures=(), foreign: bool = False):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.asked, server.failures, server.foreign = [], list(failures), foreign
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server, f"http://127.0.0.1:{server.server_port}{NAME}"
        server.shutdown()


def test_model_of_tf_serving_answers_slices_as_they_are_in_parts():
    slices = np.random.default_rng(0).normal(0, 0.1, (2 * SLICES_AT_ONCE + 3, 8000)).astype("float32")
    with tf_serving() as (server, url):
        model = TfServingModel(url)
        found = model(slices)
        assert server.asked == ["about_rows"] + 3 * ["serving_default"]
    expected = answer_of(slices)  # JSON keeps every bit of a float32
    assert (found.probabilities == expected[0]).all() and (found.embeddings == expected[1]).all()
    assert model.labels == LABELS and model.slice_spec == SPEC and model.task.name == "single"
    assert model.identity == f"{url} w1 f1"


def test_model_of_tf_serving_busy_is_asked_again(monkeypatch):
    monkeypatch.setattr("kgenre.serving.tf_serving.FIRST_WAIT_SECONDS", 0.01)
    with tf_serving(failures=[503, 429]) as (server, url):
        assert TfServingModel(url).labels == LABELS and len(server.asked) == 3


def test_model_of_tf_serving_that_is_none_is_refused_with_the_address(monkeypatch):
    monkeypatch.setattr("kgenre.serving.tf_serving.FIRST_WAIT_SECONDS", 0.01)
    with tf_serving() as (server, url):
        with pytest.raises(KgenreError, match="status 404, Servable not found"):
            TfServingModel(url.replace("genres", "other"))
        with pytest.raises(KgenreError, match="Received: http://localhost"):
            TfServingModel("http://localhost:8501")
        server.failures = [503] * 4
        with pytest.raises(KgenreError, match="status 503, The server is full"):
            TfServingModel(url)
    with pytest.raises(KgenreError, match="no answer"):
        TfServingModel(url)
    with tf_serving(foreign=True) as (_, url), pytest.raises(KgenreError, match="does not tell 'clip_samples'"):
        TfServingModel(url)


def test_serve_answers_through_tf_serving_and_says_when_it_is_gone(songs):
    httpx = pytest.importorskip("httpx", reason="httpx is not installed")

    from kgenre.audio.open_reader import open_reader

    song = songs["song.ogg"].read_bytes()
    with tf_serving() as (server, url):
        command = [sys.executable, "-m", "kgenre.serve", "--tf-serving", url, "--port", "0", "--workers", "1"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent.parent)
        try:
            with httpx.Client(base_url=process.stdout.readline().split()[0], timeout=60) as client:
                while client.get("/readyz").status_code != 200:
                    assert process.poll() is None
                found = client.post("/api/predict", files={"file": ("song.ogg", song)}).json()
                slices = [piece.samples for piece in open_reader(SPEC).slices(str(songs["song.ogg"]))]
                expected = answer_of(np.stack(slices))[0].mean(axis=0)
                np.testing.assert_allclose(list(found["probabilities"].values()), expected, atol=1e-6)
                server.failures = [500]
                gone = client.post("/api/predict", files={"file": ("song.ogg", song)})
                assert gone.status_code == 503 and "retry-after" in gone.headers and url not in gone.text
                assert client.post("/api/predict", files={"file": ("song.ogg", song)}).status_code == 200
        finally:
            process.terminate()
            process.wait(20)
            process.stdout.close()
