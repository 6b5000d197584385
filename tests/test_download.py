"""Downloads from a real server on loopback: interrupted, killed, wrong, refused; and the table of weights."""

import contextlib
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import namedtuple

import numpy as np
import pytest
import requests
from download_server import Server

from kgenre.core import published, transfer
from kgenre.core.download import TIMEOUT_SECONDS, download
from kgenre.core.errors import KgenreError
from kgenre.core.progress import Progress

BODY = np.random.default_rng(0).bytes(3 * transfer.MIB + 1234)  # the last chunk is smaller than a file's buffer
SHA256, SHA1, MD5 = (hashlib.new(name, BODY).hexdigest() for name in ("sha256", "sha1", "md5"))
CHUNK = transfer.CHUNK_BYTES
OTHER, OTHER_SHA1 = hashlib.sha256(BODY[::-1]).hexdigest(), hashlib.sha1(BODY[::-1]).hexdigest()
HALF = 24 * CHUNK  # what is cut within a chunk is requested again


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(transfer, "BACKOFF_SECONDS", 0.01)
    running = Server({"file.bin": BODY})
    yield running
    running.stop()


@pytest.fixture
def asked(monkeypatch) -> list[str]:
    """What is requested, counted here: a server's thread may be late, and a bare socket has none."""
    urls, get = [], requests.get
    monkeypatch.setattr(requests, "get", lambda url, **options: urls.append(url) or get(url, **options))
    return urls


@pytest.fixture
def path(tmp_path):
    return tmp_path / "new" / "file.bin"


def refusal(server, path, **options) -> str:
    with pytest.raises(KgenreError) as caught:
        download(f"{server.url}/file.bin", path, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def left(path) -> list[str]:
    return sorted(entry.name for entry in path.parent.iterdir())


@pytest.mark.parametrize(
    "known",
    [{}, {"sha256": SHA256}, {"sha1": SHA1}, {"md5": MD5}, {"size": len(BODY)}],
    ids=lambda known: [*known],
)
def test_download_second_call_needs_no_server(known, server, path):
    assert download(f"{server.url}/file.bin", path, **known) == path
    assert path.read_bytes() == BODY and left(path) == ["file.bin"]
    server.stop()
    assert download(f"{server.url}/file.bin", path, **known) == path
    assert server.requests == [("file.bin", None, None)]


def test_download_interrupted_resumes_with_range(server, path):
    server.plan = [("cut", HALF), ("cut", CHUNK), ("cut", 0)]
    download(f"{server.url}/file.bin", path, sha256=SHA256)
    assert path.read_bytes() == BODY and left(path) == ["file.bin"]
    starts = [asked for _, asked, _ in server.requests]
    assert starts == [None, f"bytes={HALF}-", f"bytes={HALF + CHUNK}-", f"bytes={HALF + CHUNK}-"]


def test_download_interrupted_too_often_raises_and_keeps_part(server, path):
    server.plan = [("cut", HALF)] + [("cut", 0)] * (transfer.RETRIES + 1)
    text = refusal(server, path, sha256=SHA256)
    assert text.startswith(
        f"file.bin could not be downloaded from {server.url}/file.bin (Connection broken: Incomplete"
    )
    assert text.endswith(f"Connect to the network, or copy the file from another machine to {path}.")
    assert len(server.requests) == 1 + 1 + transfer.RETRIES
    assert left(path) == [".part-file.bin", ".part-file.bin.version"]
    download(f"{server.url}/file.bin", path, sha256=SHA256)
    assert path.read_bytes() == BODY and left(path) == ["file.bin"]
    assert server.requests[-1] == ("file.bin", f"bytes={HALF}-", '"1"')


@pytest.mark.parametrize("known", [{}, {"sha256": OTHER}, {"sha1": OTHER_SHA1}], ids=["unknown", "sha256", "sha1"])
@pytest.mark.parametrize(
    "validators",
    [{"ETag": '"2"'}, {"ETag": 'W/"1"', "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"}, {}],
    ids=["ETag", "date", "none"],
)
def test_download_changed_on_server_starts_again(known, validators, server, path):
    """Halves of two versions are never joined, whatever the server tells of its versions."""
    if "Last-Modified" in validators:
        server.validators = {"ETag": 'W/"1"', "Last-Modified": "Wed, 31 Dec 2025 00:00:00 GMT"}
    elif not validators:
        server.validators = {}
    server.plan = [("cut", HALF)] + [("cut", 0)] * (transfer.RETRIES + 1)
    refusal(server, path, **known)
    server.validators, server.files["file.bin"] = validators, BODY[::-1]
    download(f"{server.url}/file.bin", path, **known)
    assert path.read_bytes() == BODY[::-1] and left(path) == ["file.bin"]


@pytest.mark.parametrize("fault", ["no ranges", "other range"])
def test_download_server_without_ranges_starts_again(fault, server, path):
    server.plan = [("cut", HALF), fault]
    download(f"{server.url}/file.bin", path)
    assert path.read_bytes() == BODY


def test_download_server_that_always_breaks_raises(server, path):
    """A server that begins at the first byte and breaks at the same place makes no progress."""
    server.plan = [("cut", HALF)]
    for _ in range(10):
        server.plan += [416, ("cut", HALF)]
    refusal(server, path)
    assert len(server.requests) <= 2 + 2 * transfer.RETRIES


@pytest.mark.parametrize("known", [{"sha256": SHA256}, {"sha1": SHA1}, {"md5": MD5}], ids=lambda known: [*known])
def test_download_complete_part_is_not_fetched_again(known, server, path):
    path.parent.mkdir()
    path.with_name(".part-file.bin").write_bytes(BODY)
    download(f"{server.url}/file.bin", path, **known)
    assert path.read_bytes() == BODY
    assert server.requests == [("file.bin", f"bytes={len(BODY)}-", None)]
    path.rename(path.with_name(".part-file.bin"))
    download(f"{server.url}/file.bin", path, size=len(BODY), **known)
    assert len(server.requests) == 1


def test_download_wrong_digest_raises_and_keeps_nothing(server, path):
    text = refusal(server, path, sha256="0" * 64)
    assert text == (
        f"{server.url}/file.bin: not the published file: its sha256 must begin with 000000000000. "
        f"Received: {SHA256[:12]}. Try again later, or copy the published file to {path}."
    )
    assert left(path) == []
    assert f"its md5 must begin with 000000000000. Received: {MD5[:12]}" in refusal(server, path, md5="0" * 32)
    assert f"its sha1 must begin with 000000000000. Received: {SHA1[:12]}" in refusal(server, path, sha1="0" * 40)


@pytest.mark.parametrize("size", [len(BODY) - 1, len(BODY) + 1])
def test_download_wrong_size_raises_and_keeps_nothing(size, server, path):
    text = refusal(server, path, size=size)
    assert f"its size must be {size} bytes. Received: {len(BODY)} bytes" in text
    assert left(path) == []


@pytest.mark.parametrize(
    "known", [{"sha256": SHA256}, {"sha1": SHA1}, {"md5": MD5}, {"size": len(BODY)}], ids=lambda known: [*known]
)
def test_download_other_file_at_path_raises_and_leaves_it(known, server, path):
    path.parent.mkdir()
    path.write_bytes(b"words")
    text = refusal(server, path, **known)
    assert text.startswith(f"{path}: not the published file: its ") and "Remove it" in text
    assert path.read_bytes() == b"words" and not server.requests


def test_download_corrupt_part_starts_again(server, path):
    path.parent.mkdir()
    path.with_name(".part-file.bin").write_bytes(bytes(HALF))
    download(f"{server.url}/file.bin", path, sha256=SHA256)
    assert path.read_bytes() == BODY
    assert [asked for _, asked, _ in server.requests] == [f"bytes={HALF}-", None]


@pytest.mark.parametrize("known", [{"size": len(BODY)}, {}], ids=["size known", "size of the answer"])
def test_download_without_space_raises_before_the_transfer(known, server, path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage(10**9, 0, len(BODY) - 1))
    text = refusal(server, path, **known)
    assert text == (
        f"{path.parent}: file.bin needs 3.1 MB of free space. Received: 3.1 MB. Free space there and try again."
    )
    assert left(path) == [] and len(server.requests) == (0 if known else 1)


@pytest.mark.parametrize("status", [404, 403, 410])
def test_download_permanent_status_is_not_retried(status, server, path):
    server.plan = [status]
    assert f"(HTTP {status} " in refusal(server, path)
    assert len(server.requests) == 1 and left(path) == []


def test_download_503_then_success(server, path):
    server.plan = [503, 429, 500]
    download(f"{server.url}/file.bin", path, sha256=SHA256)
    assert path.read_bytes() == BODY and len(server.requests) == 4


def test_download_503_for_ever_raises(server, path):
    server.plan = [503] * 10
    assert "(HTTP 503 Service Unavailable)" in refusal(server, path)
    assert len(server.requests) == 1 + transfer.RETRIES


def test_download_silent_server_raises_after_the_timeout(server, path, asked):
    server.plan = ["silent"] * 5
    begin = time.monotonic()
    assert "(Read timed out." in refusal(server, path, timeout=0.3)
    assert time.monotonic() - begin < TIMEOUT_SECONDS and len(asked) == 1


def test_download_no_connection_raises_after_the_timeout(path, server, asked):
    """Packets that nobody answers: a socket whose queue of connections is full."""
    with socket.socket() as full, contextlib.ExitStack() as clients:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):
            client = clients.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(full.getsockname())
        begin = time.monotonic()
        with pytest.raises(KgenreError, match="timed out"):
            download(f"http://127.0.0.1:{full.getsockname()[1]}/file.bin", path, timeout=0.5)
        assert time.monotonic() - begin < TIMEOUT_SECONDS and len(asked) == 1


def test_download_offline_raises_the_destination(server, path):
    server.stop()
    text = refusal(server, path)
    assert "Connection refused" in text and text.endswith(f"copy the file from another machine to {path}.")
    assert left(path) == []
    with pytest.raises(KgenreError, match=r"could not be downloaded from http://a+/ \(Failed to parse"):
        download(f"http://{'a' * 300}/", path)  # longer than a host's name may be
    with pytest.raises(KgenreError, match=r"could not be downloaded from no-url \(Invalid URL"):
        download("no-url", path)


def test_download_directory_not_writable_raises(server, tmp_path):
    (tmp_path / "new").write_text("a file")
    assert "cannot be written (" in refusal(server, tmp_path / "new" / "file.bin")


class Recorder(Progress):
    def __init__(self):
        self.events = []

    @contextlib.contextmanager
    def task(self, title, total, unit, done=0):
        self.events.append((title, total, unit, done))
        yield lambda n=1, title=None, total=None: self.events.append((n, total))


def test_download_progress_counts_every_mebibyte(server, path):
    recorder = Recorder()
    server.plan = [("cut", HALF)]
    download(f"{server.url}/file.bin", path, progress=recorder, sha256=SHA256)
    [checked] = [place for place, event in enumerate(recorder.events) if event[0] == "checking file.bin"]
    first, *advances = recorder.events[:checked]
    assert first == ("downloading file.bin", None, "MiB", 0)
    assert recorder.events[checked] == ("checking file.bin", 3, "MiB", 0)
    assert recorder.events[checked + 1 :] == [(1, None)] * 3 + [(0, None)]
    assert sum(n for n, _ in advances) == 3
    assert {total for _, total in advances if total} == {4}


KILLED = """
import sys
from kgenre.core.download import download
download(sys.argv[1], sys.argv[2], sha256=sys.argv[3])
"""


def start(server, path) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-c", KILLED, f"{server.url}/file.bin", str(path), SHA256])


def wait_for(condition) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_download_killed_process_is_resumed_by_the_next(server, path):
    server.plan = [("slow", HALF, 60)]
    process = start(server, path)
    part = path.with_name(".part-file.bin")
    wait_for(lambda: part.exists() and part.stat().st_size >= HALF)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    arrived = part.stat().st_size
    assert left(path) == [".part-file.bin", ".part-file.bin.version"]
    assert start(server, path).wait() == 0
    assert path.read_bytes() == BODY and left(path) == ["file.bin"]
    assert server.requests == [("file.bin", None, None), ("file.bin", f"bytes={arrived}-", '"1"')]


def test_download_two_processes_transfer_once(server, path):
    server.plan = [("slow", HALF, 1.0)]
    process = start(server, path)
    wait_for(lambda: server.requests)
    threads = [threading.Thread(target=download, args=(f"{server.url}/file.bin", path, SHA256)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert process.wait() == 0 and path.read_bytes() == BODY
    assert len(server.requests) == 1 and left(path) == ["file.bin"]


@pytest.mark.parametrize("given", [True, False])
def test_cache_dir_follows_xdg(given, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg") if given else "")
    assert published.cache_dir() == tmp_path / ("xdg" if given else ".cache") / "kgenre"
