"""`kgenre serve` against its own OpenAPI document, asked by schemathesis with what fits it and what does not."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

httpx = pytest.importorskip("httpx", reason="httpx is not installed")

from classify_server import running  # noqa: E402  it needs httpx

LEFT_OUT = "positive_data_acceptance"  # the document cannot say which bytes are a song


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running(tmp_path_factory.mktemp("temporary"), max_requests=64) as server:
        yield server


def run_schemathesis(server, examples: int, folder: Path) -> None:
    program = shutil.which("schemathesis", path=str(Path(sys.executable).parent))
    if program is None:
        pytest.skip("schemathesis is not installed")
    command = [
        program, "run", f"{server.address}/openapi.json", "--exclude-checks", LEFT_OUT, "--max-examples", str(examples),
        "--seed", "1", "--generation-database", "none", "--no-color", "--continue-on-failure",
        "--request-timeout", "120", "--suppress-health-check", "too_slow",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr
    assert "6 selected" in done.stdout, done.stdout


def test_api_answers_as_its_document_says(server, tmp_path):
    run_schemathesis(server, 15, tmp_path)


@pytest.mark.soak
def test_api_answers_a_thousand_times_as_its_document_says(server, tmp_path):
    run_schemathesis(server, 1000, tmp_path)


def test_document_has_examples_and_describes_every_answer(server):
    document = httpx.get(f"{server.address}/openapi.json").json()
    predict, stream = (document["paths"][path]["post"] for path in ("/api/predict", "/api/predict/stream"))
    schemas = document["components"]["schemas"]
    body = predict["requestBody"]["content"]["multipart/form-data"]["schema"]["$ref"].rsplit("/", 1)[1]
    assert "file" in schemas[body]["required"]
    assert set(predict["responses"]) == {"200", "400", "403", "408", "413", "415", "422", "429", "503", "507"}
    answer = schemas["Answer"]["properties"]
    assert all(answer[name]["examples"] for name in ("file", "genre", "probabilities", "by_slice", "tags"))
    assert stream["responses"]["200"]["content"].keys() == {"application/x-ndjson"}


def test_answer_about_a_song_fits_the_document(server, songs):
    """What schemathesis sends is never a song."""
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    document = httpx.get(f"{server.address}/openapi.json").json()
    data = songs["song.ogg"].read_bytes()
    answer = httpx.post(f"{server.address}/api/predict", files={"file": ("song.ogg", data)}, timeout=60).json()
    found = {"/api/predict": answer, "/api/model": httpx.get(f"{server.address}/api/model").json()}
    for path, value in found.items():
        operation = next(iter(document["paths"][path].values()))
        schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
        jsonschema.validate(value, {**schema, "components": document["components"]})
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**value, "task": "none"}, {**schema, "components": document["components"]})
