"""`kgenre serve --tf-serving`; what is asked of TF Serving and its faults are in test_client.py."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from test_client import LEVEL, level_answers
from tf_serving_servers import RestServer

from kgenre.audio.open_reader import open_reader

httpx = pytest.importorskip("httpx", reason="httpx is not installed")

from classify_server import until_free, upload, wait_for  # noqa: E402  it needs httpx


@pytest.fixture
def served():
    """A RestServer, and a client of `kgenre serve` that asks it."""
    with RestServer(level_answers) as server:
        command = [sys.executable, "-m", "kgenre.serve", "--tf-serving", server.url, "--port", "0", "--workers", "2"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent.parent)
        try:
            with httpx.Client(base_url=process.stdout.readline().split()[0], timeout=60) as client:
                while client.get("/readyz").status_code != 200:
                    assert process.poll() is None
                client.process = process
                yield server, client
        finally:
            process.kill()
            process.wait(20)
            process.stdout.close()


def send(client, path):
    return client.post("/api/predict", files={"file": (path.name, path.read_bytes())})


def test_serve_answers_through_tf_serving_and_says_when_it_is_gone(served, songs):
    server, client = served
    song = songs["song.ogg"]
    found = send(client, song).json()
    slices = np.stack([piece.samples for piece in open_reader(LEVEL).slices(str(song))])
    inputs = {"waveform": slices, "num_samples": np.full(len(slices), LEVEL.slice_samples)}
    expected = level_answers("waveform_masked", inputs)["probabilities"].mean(axis=0)
    np.testing.assert_allclose(list(found["probabilities"].values()), expected, atol=1e-6)
    server.faults[:] = [500]
    gone = send(client, song)
    assert gone.status_code == 503 and "retry-after" in gone.headers and server.url not in gone.text
    assert send(client, song).status_code == 200


def test_serve_answers_with_the_genres_of_the_model_that_replaced_the_first(served, songs):
    server, client = served
    first = send(client, songs["song.ogg"]).json()
    names = list(first["probabilities"])

    def turned(signature, inputs):
        answer = level_answers(signature, inputs)
        if "labels" in answer:
            answer["labels"] = answer["labels"][:, ::-1]
        return answer

    server.answer = turned
    assert send(client, songs["song.ogg"]).status_code == 503  # it has noticed
    again = send(client, songs["song.ogg"]).json()
    assert list(again["probabilities"]) == names[::-1] and client.get("/api/model").json()["labels"] == names[::-1]


def test_serve_client_that_leaves_a_stalled_server_frees_its_place_and_a_stop_does_not_wait(served, songs):
    server, client = served
    server.stall = 300.0

    def ask_and_leave() -> None:
        asked = len(server.models)
        with upload(client, songs["song.ogg"].read_bytes()):
            wait_for(lambda: len(server.models) > asked)

    for _ in range(2):
        ask_and_leave()
    until_free(client)
    ask_and_leave()
    client.process.terminate()
    client.process.wait(50)  # a request ends by itself after a minute
