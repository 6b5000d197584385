"""`kgenre serve --tf-serving`; what is asked of TF Serving and its faults are in test_client.py."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from test_client import LEVEL, level_answers
from tf_serving_servers import RestServer

from kgenre.audio.open_reader import open_reader


def test_serve_answers_through_tf_serving_and_says_when_it_is_gone(songs):
    httpx = pytest.importorskip("httpx", reason="httpx is not installed")
    song = songs["song.ogg"].read_bytes()
    with RestServer(level_answers) as server:
        command = [sys.executable, "-m", "kgenre.serve", "--tf-serving", server.url, "--port", "0", "--workers", "1"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent.parent)
        try:
            with httpx.Client(base_url=process.stdout.readline().split()[0], timeout=60) as client:
                while client.get("/readyz").status_code != 200:
                    assert process.poll() is None
                found = client.post("/api/predict", files={"file": ("song.ogg", song)}).json()
                slices = np.stack([piece.samples for piece in open_reader(LEVEL).slices(str(songs["song.ogg"]))])
                inputs = {"waveform": slices, "num_samples": np.full(len(slices), LEVEL.slice_samples)}
                expected = level_answers("waveform_masked", inputs)["probabilities"].mean(axis=0)
                np.testing.assert_allclose(list(found["probabilities"].values()), expected, atol=1e-6)
                server.faults[:] = [500]
                gone = client.post("/api/predict", files={"file": ("song.ogg", song)})
                assert gone.status_code == 503 and "retry-after" in gone.headers and server.url not in gone.text
                assert client.post("/api/predict", files={"file": ("song.ogg", song)}).status_code == 200
        finally:
            process.terminate()
            process.wait(20)
            process.stdout.close()
