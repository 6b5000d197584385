"""`kgenre serve` in a process of its own, with a model that is at once ready or the default one, for tests."""

import contextlib
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

HERE = Path(__file__).parent

# The model's genres follow the level of a slice, its tags too.
SERVE = """
import json, os, sys
import numpy as np
from libraries import LABELS, SINGLE
from kgenre.audio.slicing import SliceSpec
from kgenre.core.errors import KgenreError
from kgenre.model.aggregate import SliceOutputs
from kgenre.serving.catalogue import open_model
from kgenre.serving.model import Model
from kgenre.web.classify.server import serve
from kgenre.web.classify.settings import ServeSettings
from kgenre.web.classify.start import make_classifier
from kgenre.web.guard import listen

class Loudness(Model):
    name, identity, task, slice_spec = "loudness", "1", SINGLE, SliceSpec(8000, 8000, 8000)
    tag_names = ("loud", "<b>bold")

    def tag_probabilities(self, slices):
        return np.array([slices.embeddings.mean(), 0.01], "float32")

    def __call__(self, slices):
        if os.path.exists(os.environ["TMPDIR"] + "/away"):
            raise KgenreError("the model is away.")
        level = np.abs(slices).mean(axis=1, keepdims=True)
        scores = np.exp(-((20 * level - np.arange(len(LABELS))) ** 2))
        return SliceOutputs((scores / scores.sum(axis=1, keepdims=True)).astype("float32"), level)

options = json.loads(sys.argv[1])
listening = listen(0, options["host"])
print(listening.getsockname()[1], flush=True)
model = open_model() if options["default"] else Loudness()
classifier = make_classifier(model, ServeSettings(**options["settings"]))
if options["reader"]:
    pool = classifier.pool
    classifier.pool = type(pool)(pool.n, pool.settings, pool.max_seconds, options["reader"])
serve(classifier, ServeSettings(**options["settings"]), listening, options["names"])
"""


@dataclass
class Server:
    """process: Popen. address: http://127.0.0.1:PORT. temporary: the folder for its temporary files. errors: stderr."""

    process: subprocess.Popen
    address: str
    temporary: Path
    errors: Path

    def client(self, **options) -> httpx.Client:
        return httpx.Client(base_url=self.address, timeout=120, **options)

    def children(self) -> list[int]:
        """Process ids of the decoding processes."""
        found = []
        for thread in Path(f"/proc/{self.process.pid}/task").glob("*/children"):
            with contextlib.suppress(OSError):  # it has ended
                found += map(int, thread.read_text().split())
        return found

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def wait_for(holds: Callable, seconds: float = 120) -> None:
    give_up = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < give_up
        time.sleep(0.02)


def until_free(client: httpx.Client) -> None:
    """Waits until no song is in the server; not as long as a request or a reader stalls by itself, a minute."""
    wait_for(lambda: "kgenre_songs_in_flight 0.0" in client.get("/metrics").text, 50)


def part(name: str, data: bytes) -> bytes:
    """A file of a form whose boundary is x."""
    return f'--x\r\nContent-Disposition: form-data; name="{name}"; filename="a.flac"\r\n\r\n'.encode() + data + b"\r\n"


def upload(client: httpx.Client, data: bytes, path: str = "/api/predict") -> socket.socket:
    """A connection that has sent a song to the client's server, and reads no answer."""
    url, body = client.base_url, part("file", data) + b"--x--\r\n"
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {url.netloc.decode()}\r\nContent-Length: {len(body)}\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n\r\n"
    )
    connection = socket.create_connection((url.host, url.port))
    connection.sendall(head.encode() + body)
    return connection


@contextlib.contextmanager
def running(
    temporary: Path,
    reader: str = "",
    names=(),
    host: str = "127.0.0.1",
    wait: bool = True,
    limits=(),
    default: bool = False,
    **settings,
) -> Iterator[Server]:
    """A server, ready to classify.

    Args:
        reader: "module:function" in place of web.classify.reading's.
        limits: of `resource`, and its value.
        default: whether the default model answers, through LiteRT where it is installed.
    """
    options = json.dumps(
        {"settings": settings, "reader": reader, "names": list(names), "host": host, "default": default}
    )
    environment = os.environ | {"TMPDIR": str(temporary), "PYTHONPATH": os.pathsep.join((str(HERE), str(HERE.parent)))}
    errors = temporary.parent / f"{temporary.name}.errors"
    with open(errors, "w") as file:
        process = subprocess.Popen(
            [sys.executable, "-c", SERVE, options], stdout=subprocess.PIPE, stderr=file, text=True, env=environment,
            preexec_fn=(lambda: resource.setrlimit(limits[0], (limits[1], limits[1]))) if limits else None,
        )  # fmt: skip
    server = Server(process, f"http://127.0.0.1:{int(process.stdout.readline())}", temporary, errors)
    try:
        give_up = time.monotonic() + 60
        while wait and httpx.get(f"{server.address}/readyz", timeout=60).status_code != 200:
            assert time.monotonic() < give_up and process.poll() is None
            time.sleep(0.05)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(60)
        finally:
            process.kill()
            process.stdout.close()
