"""`kgenre serve` over loopback: what the API answers, whom it refuses, what it leaves on the disk."""

import asyncio
import contextlib
import io
import json
import re
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
import uvicorn
from audio_files import SONG_SECONDS, music, write_av

from kgenre import serve
from kgenre.audio.decode import probe
from kgenre.audio.slicing import SliceSpec
from kgenre.model.tasks.single_label import SingleLabel
from kgenre.serving.packaged import PACKAGED
from kgenre.web.classify import connections
from kgenre.web.classify.admission import Admission
from kgenre.web.classify.api import public_name
from kgenre.web.classify.metrics import Metrics
from kgenre.web.classify.settings import ServeSettings
from kgenre.web.classify.uploads import PREFIX, UploadFolder, shown_name
from kgenre.web.guard import public_hosts

httpx = pytest.importorskip("httpx", reason="httpx is not installed")

from classify_server import part, running, until_free, upload, wait_for  # noqa: E402  it needs httpx

FORMATS = ("song.ogg", "song.m4a", "cbr.mp3", "pcm24.flac", "song.opus", "song.aiff", "song.wma", "eight.wav")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running(tmp_path_factory.mktemp("temporary")) as server:
        yield server


@pytest.fixture(scope="module")
def client(server):
    with server.client() as client:
        yield client


def post(client, name: str, data: bytes, path: str = "/api/predict", **options):
    return client.post(path, files={"file": (name, data)}, **options)


def flac(seconds: float, rate: int = 8000, channels: int = 1) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, music(seconds, rate, channels), rate, format="FLAC")
    return buffer.getvalue()


def temporary_files(server) -> list[Path]:
    return [path for path in server.temporary.rglob("*") if path.name not in ("lock",) and path.is_file()]


# Answers


@pytest.mark.parametrize("name", FORMATS)
def test_predict_song_of_a_format_is_answered_as_the_model_answers_it(client, songs, name):
    """As `predict` in this process: another process decodes, the slices and their mean are the same."""
    from kgenre.audio.open_reader import open_reader

    answer = post(client, name, songs[name].read_bytes())
    assert answer.status_code == 200, answer.text
    found = answer.json()
    slices = [piece.samples for piece in open_reader(SliceSpec(8000, 8000, 8000)).slices(str(songs[name]))]
    levels = np.abs(np.stack(slices)).mean(axis=1, keepdims=True)
    scores = np.exp(-((20 * levels - np.arange(6)) ** 2))
    expected = scores / scores.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(
        [list(part["probabilities"].values()) for part in found["by_slice"]], expected, atol=1e-5
    )
    np.testing.assert_allclose(list(found["probabilities"].values()), expected.mean(axis=0), atol=1e-5)
    assert found["file"] == name and found["slices"] == len(slices) and found["seconds"] == pytest.approx(7, abs=0.1)
    assert found["genre"] == max(found["probabilities"], key=found["probabilities"].get)
    assert found["tags"]["loud"] == pytest.approx(levels.mean(), abs=1e-5)


def test_predict_stream_gives_progress_and_the_same_answer(client):
    data = flac(100.0)
    answer = post(client, "song.flac", data, "/api/predict/stream")
    lines = [json.loads(line) for line in answer.text.splitlines()]
    shares = [line["progress"] for line in lines[:-1]]
    assert len(shares) == 4 and shares == sorted(shares) and 0 < shares[0] < 0.5 and shares[-1] == 1.0
    assert lines[-1]["result"] == post(client, "song.flac", data).json()
    broken = post(client, "broken.mp3", b"no music", "/api/predict/stream")
    assert broken.status_code == 422 and "not an audio file" in broken.json()["error"]


def test_predict_file_name_is_shown_without_folders_and_never_opened(client, songs):
    found = post(client, "../../etc/x<b>\u202e.ogg", songs["song.ogg"].read_bytes()).json()
    assert found["file"] == "x<b>\N{REPLACEMENT CHARACTER}.ogg"
    assert shown_name("C:\\Music\\a.mp3") == "a.mp3" and shown_name(None) == shown_name("/") == "song"


def test_model_states_labels_and_limits(client):
    answer = client.get("/api/model").json()
    assert answer["labels"] == ["blues", "classical", "hip-hop", "jazz", "metal", "vocal"]
    assert answer["slice_seconds"] == 1.0 and answer["has_tags"] and answer["limits"]["max_upload_bytes"] == 256 << 20


def test_metrics_count_songs_requests_and_their_time(client, songs):
    def value(line: str) -> float:
        text = client.get("/metrics").text
        found = re.search(rf"^{re.escape(line)} (\S+)$", text, re.MULTILINE)
        return float(found[1]) if found else 0.0

    names = ('kgenre_songs_total{result="classified"}', 'kgenre_songs_total{result="failed"}',
             "kgenre_predict_seconds_count",
             'kgenre_http_requests_total{path="/api/predict",status="200"}',
             'kgenre_http_requests_total{path="other",status="404"}',
             "kgenre_audio_seconds_total")  # fmt: skip
    before = [value(name) for name in names]
    post(client, "song.ogg", songs["song.ogg"].read_bytes())
    post(client, "broken.mp3", b"no music")
    client.get("/nowhere")
    grown = [value(name) - old for name, old in zip(names, before)]
    assert grown == [1, 1, 2, 1, 1, pytest.approx(7.0)] and value("kgenre_songs_in_flight") == 0
    assert value("process_resident_memory_bytes") > 1e7


# What is refused


BAD = {
    "empty": (b"", "empty file"),
    "text": (b"no music at all", "not an audio file"),
    "silence": (None, "silent"),
    "short": (None, "too short"),
}


@pytest.mark.parametrize("fault", BAD)
def test_predict_file_that_is_no_song_is_refused_with_the_cause(client, server, fault, faulty):
    data, cause = BAD[fault]
    names = {"silence": "silence.flac", "short": "10_ms.wav"}
    data = data if data is not None else (faulty / names[fault]).read_bytes()
    answer = post(client, f"{fault}.mp3", data)
    assert answer.status_code == 422 and set(answer.json()) == {"error"} and cause in answer.json()["error"]
    assert str(server.temporary) not in answer.text and PREFIX not in answer.text


def test_predict_form_without_a_file_is_refused(client):
    text = b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\ntext\r\n'
    for parts in (text, part("other", b"x"), b""):
        answer = raw(client, parts + b"--x--\r\n")
        assert answer.status_code == 422 and "`file`" in answer.json()["error"]
    for options in ({"data": {"file": "text"}}, {"content": b"no form"}, {}):
        answer = client.post("/api/predict", **options)
        assert answer.status_code == 415 and "`file`" in answer.json()["error"]
    broken = client.post(
        "/api/predict", content=b"no form", headers={"Content-Type": "multipart/form-data; boundary=x"}
    )
    assert broken.status_code in (400, 422) and set(broken.json()) == {"error"}
    assert client.get("/api/predict").status_code == 405


def test_predict_song_over_the_limits_is_refused(tmp_path):
    with running(tmp_path, max_upload_mib=1, max_minutes=0.5, max_decoded_mib=4) as server, server.client() as client:
        large = bytes((1 << 20) + 1)
        assert post(client, "large.wav", large).status_code == 413

        def parts():
            yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
            for _ in range(20):
                yield bytes(1 << 16)
            yield b"\r\n--x--\r\n"

        chunked = client.post(
            "/api/predict", content=parts(), headers={"Content-Type": "multipart/form-data; boundary=x"}
        )
        assert chunked.status_code == 413 and "1 MiB" in chunked.json()["error"]
        long = post(client, "long.flac", flac(40.0))
        assert long.status_code == 422 and "0.5 minutes" in long.json()["error"]
        # A second of 16 channels at 192 kHz is 12 MB when decoded, and a few kB as silence.
        buffer = io.BytesIO()
        silence = music(1.0, 192000, 8) * 0
        soundfile.write(buffer, silence, 192000, format="FLAC")
        bomb = post(client, "bomb.flac", buffer.getvalue())
        assert len(buffer.getvalue()) < 100_000 and bomb.status_code == 422 and "4 MiB" in bomb.json()["error"]
        assert post(client, "good.flac", flac(20.0)).status_code == 200
        assert not temporary_files(server)


def test_predict_header_that_states_less_than_there_is_does_not_pass_the_limit(tmp_path, songs):
    """An AAC stream states no length: FFmpeg takes it from the bytes of its beginning, and silence has fewer."""
    loud, path = music(8.0, 44100, 1), tmp_path / "long.aac"
    write_av(path, np.concatenate([loud, np.zeros((44100 * 60, 1), "float32"), loud]), 44100, "aac")
    assert probe(path).seconds < 22
    with running(tmp_path, max_minutes=0.4) as server, server.client() as client:
        assert post(client, "song.m4a", songs["song.m4a"].read_bytes()).status_code == 200  # 7 s
        long = post(client, "long.aac", path.read_bytes())
        assert long.status_code == 422 and "too long" in long.json()["error"]


def test_predict_more_songs_than_are_taken_at_once_come_again_later(tmp_path):
    with running(tmp_path, reader="classify_readers:held", max_requests=1, workers=1) as server:
        with server.client() as client, server.client() as second:
            data, answers = flac(2.0), []
            first = threading.Thread(target=lambda: answers.append(post(client, "held.flac", data)))
            first.start()
            wait_for(lambda: "in_flight 1.0" in second.get("/metrics").text)
            refused = post(second, "song.flac", data)
            assert refused.status_code == 429 and int(refused.headers["retry-after"]) >= 1
            assert second.get("/healthz").status_code == 200
            (tmp_path / "go").touch()
            first.join()
            assert answers[0].status_code == 200
            until_free(second)
            assert post(second, "song.flac", data).status_code == 200


def test_predict_before_the_model_is_loaded_is_put_off(tmp_path):
    with running(tmp_path, wait=False) as server, server.client() as client:
        ready = client.get("/readyz")
        assert client.get("/healthz").json() == {"status": "ok"}
        if ready.status_code == 503:  # it loads within a second or two
            answer = post(client, "song.flac", flac(1.0))
            assert answer.status_code in (200, 503) and (answer.status_code == 200 or answer.headers["retry-after"])
        assert ready.status_code in (200, 503)


def test_model_that_goes_away_is_told_until_it_is_back(tmp_path):
    with running(tmp_path) as server, server.client() as client:
        (tmp_path / "away").touch()
        assert client.get("/readyz").status_code == 200  # nobody has noticed yet
        answer = post(client, "song.flac", flac(1.0))
        assert (
            answer.status_code == 503 and answer.headers["retry-after"] and "does not answer" in answer.json()["error"]
        )
        gone = client.get("/readyz")
        assert gone.status_code == 503 and gone.json() == {"status": "away"}
        assert client.get("/healthz").status_code == 200
        (tmp_path / "away").unlink()
        assert client.get("/readyz").json() == {"status": "ok"}
        assert post(client, "song.flac", flac(1.0)).status_code == 200


def test_upload_that_stalls_is_ended_and_frees_its_place(tmp_path):
    """A client that sends half a song and then nothing."""
    with running(tmp_path, max_requests=1, max_stall_seconds=0.3) as server:
        port = int(server.address.rsplit(":", 1)[1])
        with socket.create_connection(("127.0.0.1", port)) as half:
            head = f"POST /api/predict HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 1000\r\n"
            half.sendall(f"{head}Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n".encode())
            half.settimeout(60)
            assert b"408" in half.recv(1000)
        with server.client() as client:
            until_free(client)
            for _ in range(5):  # a good upload stalls, too, where the machine stands still
                answer = post(client, "song.flac", flac(1.0))
                if answer.status_code != 408:
                    break
            assert answer.status_code == 200


@pytest.mark.parametrize("path", ["/api/predict", "/api/predict/stream"])
def test_client_that_leaves_ends_its_analysis_and_frees_its_place(tmp_path, path):
    """One leaves while its song is decoded, another while it waits for the decoder."""
    settings = {"reader": "classify_readers:hang", "workers": 1, "max_requests": 2}
    with running(tmp_path, **settings) as server, server.client() as client:
        with upload(client, flac(1.0), path), upload(client, flac(1.0), path):
            wait_for(lambda: len(temporary_files(server)) == 2)
        until_free(client)
        assert not temporary_files(server)
        assert 'kgenre_songs_total{result="abandoned"} 2.0' in client.get("/metrics").text


def test_client_that_leaves_a_stream_in_the_middle_ends_its_analysis(tmp_path):
    with running(tmp_path, reader="classify_readers:stall") as server, server.client() as client:
        with client.stream("POST", "/api/predict/stream", files={"file": ("song.flac", flac(100.0))}) as answer:
            assert 0 < json.loads(next(answer.iter_lines()))["progress"] < 1  # long before the reader goes on
        until_free(client)
        assert not temporary_files(server)
        assert 'kgenre_songs_total{result="abandoned"} 1.0' in client.get("/metrics").text


def test_admission_client_that_does_not_take_its_answer_loses_its_place():
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def deaf(message):
        await asyncio.Event().wait()

    async def attempt():
        headers = [(b"content-type", b"multipart/form-data; boundary=x")]
        scope = {"type": "http", "method": "POST", "path": "/api/predict", "headers": headers}
        admission = Admission(app, ServeSettings(max_stall_seconds=0.1), lambda: True, Metrics())
        await asyncio.wait_for(admission(scope, None, deaf), 60)
        assert admission.in_flight == 0

    asyncio.run(attempt())


def test_server_that_is_stopped_during_an_analysis_ends_soon(tmp_path):
    with running(tmp_path, reader="classify_readers:hang", workers=1) as server, server.client() as client:
        with upload(client, flac(1.0)):
            wait_for(lambda: temporary_files(server))
        until_free(client)

        answers = []
        sender = threading.Thread(target=lambda: answers.append(post(client, "song.flac", flac(1.0))))
        sender.start()
        wait_for(lambda: temporary_files(server))
        server.process.terminate()
        server.process.wait(60)  # the reader would be waited for twice as long
        sender.join()
        assert answers[0].status_code == 503 and "being stopped" in answers[0].json()["error"]
        assert "Traceback" not in server.errors.read_text()
    assert not list(tmp_path.glob(f"{PREFIX}*"))


def raw(client, parts: bytes, kind: str = "multipart/form-data; boundary=x"):
    return client.post("/api/predict", content=parts, headers={"content-type": kind})


def test_predict_form_of_two_songs_or_of_another_type_is_refused(client):
    song = part("file", flac(1.0))
    assert raw(client, song + b"--x--\r\n").status_code == 200
    two = raw(client, 2 * song + b"--x--\r\n")
    assert two.status_code == 400 and "Maximum number of files" in two.json()["error"]
    other = raw(client, b"&" * 1000, "application/x-www-form-urlencoded")
    assert other.status_code == 415 and "multipart/form-data" in other.json()["error"]


def test_health_is_told_while_every_place_is_taken(tmp_path):
    """More places than the threads that Starlette shares between all requests."""
    settings, data = {"reader": "classify_readers:hang", "workers": 1, "max_requests": 50}, flac(1.0)
    with running(tmp_path, **settings) as server, server.client() as client:
        with contextlib.ExitStack() as places:
            for _ in range(45):
                places.enter_context(upload(client, data))
            wait_for(lambda: len(temporary_files(server)) == 45)
            # The first place becomes free after two minutes.
            assert client.get("/healthz", timeout=60).json() == {"status": "ok"}
            assert client.get("/", timeout=60).status_code == 200  # one of the shared threads answers
            assert "kgenre_songs_in_flight 45.0" in client.get("/metrics", timeout=60).text
        until_free(client)


def test_upload_that_finds_the_disk_full_is_told_so(tmp_path):
    with running(tmp_path, limits=(resource.RLIMIT_FSIZE, 1 << 20)) as server, server.client() as client:
        answer = post(client, "song.wav", bytes(4 << 20))
        assert answer.status_code == 507 and "no room" in answer.json()["error"]
        assert "File too large" in server.errors.read_text()
        assert post(client, "song.flac", flac(1.0)).status_code == 200


def test_connection_that_sends_no_request_is_closed(monkeypatch):
    async def attempt() -> None:
        monkeypatch.setattr(connections, "HEADER_SECONDS", 0.2)
        config = uvicorn.Config(
            lambda *_: None, http=connections.HttpProtocol, port=0, log_level="error", lifespan="off"
        )
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.02)
        port = server.servers[0].sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost")
        assert await asyncio.wait_for(reader.read(), 60) == b""
        server.should_exit = True
        await serving

    asyncio.run(attempt())


def test_model_is_named_without_folder_or_address():
    assert public_name("/home/me/models/run-3/") == "run-3" and public_name("default") == "default"
    assert public_name("http://me:secret@host:8501/v1/models/genres") == "genres"
    assert public_name("http://host:8501/v1/models/genres/versions/2") == "genres/versions/2"
    assert public_name("C:\\\\models\\\\run") == "run"


# Whom it answers


PATHS = (
    "/",
    "/docs",
    "/openapi.json",
    "/page/app.js",
    "/shared/dom.js",
    "/api/model",
    "/healthz",
    "/readyz",
    "/metrics",
)


@pytest.mark.parametrize("path", PATHS)
def test_guard_request_of_another_page_or_name_is_refused(client, path):
    answer = client.get(path)
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy
    assert "access-control-allow-origin" not in answer.headers
    for headers in ({"Host": "evil.example"}, {"Host": "127.0.0.1:1"}, {"Origin": "http://evil.example"},
                    {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}):  # fmt: skip
        refused = client.get(path, headers=headers)
        assert refused.status_code == 403 and set(refused.json()) == {"error"}, headers


def test_guard_upload_from_another_page_is_refused(client, songs):
    data = songs["song.ogg"].read_bytes()
    for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
                    {"Host": "evil.example"}):  # fmt: skip
        assert post(client, "song.ogg", data, headers=headers).status_code == 403


def test_guard_served_to_others_knows_addresses_and_named_hosts_alone():
    own = public_hosts(["Music.example.org"])
    for host in ("music.example.org", "music.example.org:443", "192.168.1.5:8642", "[::1]:8642", "[fe80::1]",
                 "localhost:80", "127.0.0.1"):  # fmt: skip
        assert own(host), host
    for host in (
        "evil.example",
        "evil.example:8642",
        "music.example.org.evil.example",
        "",
        "1.2.3.4.evil.example",
        "[x]",
    ):
        assert not own(host), host


def test_serve_to_others_answers_by_its_name(tmp_path):
    with running(tmp_path, host="0.0.0.0", names=["music.example.org"]) as server, server.client() as client:
        for host, status in {"music.example.org": 200, "evil.example": 403}.items():
            assert client.get("/healthz", headers={"Host": host}).status_code == status
        named = {"Host": "music.example.org", "Origin": "https://music.example.org"}  # behind a proxy with TLS
        assert post(client, "song.flac", flac(1.0), headers=named).status_code == 200


@pytest.mark.parametrize(
    "path",
    ["/page/../server.py", "/page/..%2fserver.py", "/page/%2e%2e/server.py", "/page//etc/passwd", "/page/index.html",
     "/shared/..%2fguard.py", "/shared/types.d.ts", "/../../etc/passwd", "/%2fetc%2fpasswd"],
)  # fmt: skip
def test_server_path_outside_page_files_is_not_found(client, path):
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", client.base_url.port)  # httpx would tidy the path
    connection.request("GET", path)
    answer = connection.getresponse()
    assert answer.status == 404 and json.loads(answer.read()).keys() == {"error"}


def test_predict_playlist_reads_no_other_file(client, songs, tmp_path):
    """Formats of FFmpeg that name other files: what they name lies there, and is a song."""
    write_av(tmp_path / "secret.ts", music(SONG_SECONDS, 44100), 44100, "aac")
    secret = tmp_path / "secret.ts"
    lists = {
        "list.m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:8\n#EXTINF:7,\n{secret}\n#EXT-X-ENDLIST\n",
        "list.mp3": f"ffconcat version 1.0\nfile {secret}\n",
        "near.mp3": "ffconcat version 1.0\nfile ../lock\n",
    }
    for name, text in lists.items():
        answer = post(client, name, text.encode())
        assert answer.status_code == 422 and "not an audio file" in answer.json()["error"], name


# What it leaves


def test_uploads_are_removed_after_every_answer_and_with_the_server(tmp_path, songs):
    with running(tmp_path) as server, server.client() as client:
        post(client, "song.ogg", songs["song.ogg"].read_bytes())
        post(client, "song.ogg", songs["song.ogg"].read_bytes(), "/api/predict/stream")
        post(client, "broken.mp3", b"no music")
        assert not temporary_files(server)
        folder = next(tmp_path.glob(f"{PREFIX}*"))
        assert folder.stat().st_mode & 0o777 == 0o700
        children = server.children()
        assert len(children) == 2
    assert not list(tmp_path.glob(f"{PREFIX}*"))
    wait_for(lambda: not any(Path(f"/proc/{child}").exists() for child in children))


def test_uploads_of_a_killed_server_are_removed_by_the_next_one(tmp_path):
    with running(tmp_path, reader="classify_readers:hang", workers=1) as server:

        def send() -> None:
            with server.client() as client, pytest.raises(httpx.HTTPError):
                post(client, "song.flac", flac(1.0))

        sender = threading.Thread(target=send)
        sender.start()
        wait_for(lambda: temporary_files(server))
        server.kill()
        sender.join()
        left = temporary_files(server)
        assert left
        with UploadFolder(tmp_path) as running_one:  # it is alive: the next must leave it
            assert not any(path.exists() for path in left)
            with UploadFolder(tmp_path):
                assert running_one.folder.exists()
        assert not list(tmp_path.glob(f"{PREFIX}*"))


# The command


def test_serve_command_wrong_flag_or_model_ends_with_one_line(capsys, monkeypatch):
    from libraries import LevelModel

    assert serve.main(["--max-upload-mib", "0"]) == 2
    assert "must be from 1 to 16384" in capsys.readouterr().err
    assert serve.main(["--model", "nowhere", "--port", "0"]) == 2
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        assert serve.main(["--port", str(taken.getsockname()[1])]) == 2
        assert "--port" in capsys.readouterr().err
    assert serve.main(["--host", "192.0.2.1", "--port", "0"]) == 2
    assert "--host" in capsys.readouterr().err
    model = LevelModel()
    model.task = SingleLabel(())
    monkeypatch.setattr("kgenre.serving.catalogue.open_model", lambda name, runtime: model)
    assert serve.main(["--port", "0"]) == 2
    assert "names no genres" in capsys.readouterr().err


def test_serve_command_answers_through_the_runtime_that_is_asked_for(capsys):
    command = ["--model", str(PACKAGED["compact"].litert_file), "--runtime", "tensorflow", "--port", "0"]
    assert serve.main(command) == 2
    assert "answers through LiteRT. Received: --runtime tensorflow" in capsys.readouterr().err
    url = "http://localhost:1/v1/models/genres"
    assert serve.main(["--tf-serving", url, "--runtime", "litert", "--port", "0"]) == 2
    assert "--runtime applies to models of this machine. Received: --runtime litert" in capsys.readouterr().err


def test_serve_command_serves_a_trained_run_until_it_is_stopped(run, songs, tmp_path):
    command = [sys.executable, "-m", "kgenre.serve", "--model", str(run.folder), "--port", "0", "--workers", "1"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent.parent)
    try:
        address = process.stdout.readline().split()[0]
        with httpx.Client(base_url=address, timeout=60) as client:
            give_up = time.monotonic() + 120
            while client.get("/readyz").status_code != 200:
                assert time.monotonic() < give_up
                time.sleep(0.2)
            found = post(client, "song.ogg", songs["song.ogg"].read_bytes()).json()
            import kgenre

            expected = kgenre.open_model(run.folder).predict(songs["song.ogg"])
            assert list(found["probabilities"].values()) == pytest.approx(expected.probabilities.tolist(), abs=1e-5)
            assert "tags" not in found
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        process.stdout.close()


def test_settings_of_serve_have_flags_and_help(capsys):
    with pytest.raises(SystemExit):
        serve.main(["--help"])
    text = capsys.readouterr().out
    assert all(f"--{name.replace('_', '-')}" in text for name in ServeSettings.model_fields)
