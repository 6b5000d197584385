"""The docker-compose.yml of an export: what it says holds. No container is started, which needs Docker."""

import http.server
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import yaml

import kgenre
from kgenre import cli, serve
from kgenre.serving.exporters.tf_serving import model_name, write_server_files
from kgenre.web.guard import public_hosts

DOCKERFILE = Path(__file__).parent.parent / "Dockerfile"
AVAILABLE = '{"model_version_status": [{"version": "2", "state": "LOADING"}, {"version": "1", "state": "AVAILABLE"}]}'
LOADING = AVAILABLE.replace("AVAILABLE", "START")


@pytest.fixture
def folder(tmp_path) -> Path:
    """A serving folder, whose name is not the model's."""
    folder = tmp_path / "my genres VERSION"
    folder.mkdir()
    write_server_files(folder)
    return folder


@pytest.fixture
def services(folder) -> dict[str, dict]:
    return yaml.safe_load((folder / "docker-compose.yml").read_text())["services"]


def program(name: str) -> str:
    """The path of a program of this environment, or of the system; skips the test where there is none."""
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    return found or pytest.skip(f"{name} is not installed")


def test_compose_file_is_one_for_compose(folder):
    done = subprocess.run(
        [program("docker-compose"), "config", "--quiet"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_services_are_published_on_loopback_only(services):
    assert set(services) == {"tensorflow-serving", "web"}
    ports = [port for service in services.values() for port in service["ports"]]
    assert ports == ["127.0.0.1:8500:8500", "127.0.0.1:8501:8501", "127.0.0.1:8642:8642"]


def test_web_command_asks_the_model_of_the_other_service_and_answers_a_browser(services, monkeypatch):
    parsed = []
    monkeypatch.setattr(cli, "run", lambda _, args: parsed.append(args) or 0)
    web = services["web"]
    assert web["entrypoint"] == ["kgenre", "serve"]
    assert serve.main(web["command"]) == 0
    (args,) = parsed
    assert args.tf_serving == f"http://tensorflow-serving:8501/v1/models/{model_name(Path('my genres VERSION'))}"
    assert (args.host, f"127.0.0.1:8642:{args.port}") == ("0.0.0.0", web["ports"][0])
    is_own = public_hosts(args.allowed_host)
    assert is_own("localhost:8642") and is_own("127.0.0.1:8642") and not is_own("other.example:8642")
    assert web["depends_on"] == {"tensorflow-serving": {"condition": "service_healthy"}}


def test_web_image_is_one_built_from_the_dockerfile_and_never_fetched(services):
    web = services["web"]
    assert (web["image"], web["pull_policy"]) == (f"kgenre:{kgenre.__version__}", "never")
    assert "build" not in web
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", kgenre.__version__)  # what a tag may be
    check = re.search(r'CMD (\["python", "-c", ".+"\])', DOCKERFILE.read_text())[1]
    assert web["healthcheck"]["test"] == ["CMD", *yaml.safe_load(check)]


@pytest.mark.parametrize("status, body", [(200, AVAILABLE), (200, LOADING), (404, '{"error": "Servable not found"}')])
def test_health_of_tf_serving_is_that_a_version_of_the_model_is_available(services, status, body):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            named = self.path == "/v1/models/my_genres_VERSION" and self.headers["Host"] == "localhost"
            self.send_response(status if named else 500)
            self.end_headers()
            self.wfile.write(body.encode() if named else b"")

        def log_message(self, *_):
            pass

    kind, *command = services["tensorflow-serving"]["healthcheck"]["test"]
    assert kind == "CMD" and command[0] == "bash"
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        command[-1] = command[-1].replace("127.0.0.1/8501", f"127.0.0.1/{server.server_port}")
        done = subprocess.run([program("bash"), *command[1:]], capture_output=True, check=False, timeout=60)
        server.shutdown()
    assert (done.returncode == 0) == (body == AVAILABLE)
    closed = subprocess.run([program("bash"), *command[1:]], capture_output=True, check=False, timeout=60)
    assert closed.returncode != 0  # nothing listens there any more
