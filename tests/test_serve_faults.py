"""Decoders that crash, hang and swell, and bombs: the song fails, the server and the other songs go on."""

import io
import os
import select
import signal
import struct
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import soundfile
from audio_files import music

pytest.importorskip("httpx", reason="httpx is not installed")

from classify_readers import FAULTS  # noqa: E402  after httpx
from classify_server import running  # noqa: E402

SECONDS = 2.0  # that a song may take to decode

CAUSES = {
    b"SEGFAULT": "crashed (SIGSEGV)",
    b"KILLED!!": "crashed (SIGKILL)",
    b"EXITS!!!": "exit status 3",
    b"HANGS!!!": "given up",
    b"SPINS!!!": "given up",
    b"SWELLS!!": "crashed (SIGABRT)",
    b"NUMPY!!!": "MemoryError",
    b"RAISES!!": "IndexError",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("temporary")
    options = {"workers": 1, "max_decode_seconds": SECONDS, "max_decode_mib": 256}
    with running(folder, reader="classify_readers:fault", **options) as server:
        yield server


def wav(seconds: float = 2.0) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, music(seconds, 8000, 1), 8000, format="WAV")
    return buffer.getvalue()


def post(client, data: bytes, name: str = "song.wav"):
    return client.post("/api/predict", files={"file": (name, data)})


def answered(client, data: bytes, cause: str = ""):
    """The answer, asked for again where the machine stood still for as long as a song may take.

    cause: of the song's failure; "given up" is then an answer as any other.
    """
    for _ in range(5):
        found = post(client, data)
        if "given up" not in found.text or cause == "given up":
            break
    return found


def good_answer(client, data: bytes) -> dict:
    found = answered(client, data)
    assert found.status_code == 200, found.text
    return found.json()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.decode().strip("!"))
def test_decoder_that_fails_costs_its_own_song_alone(server, fault):
    with server.client() as client:
        before = good_answer(client, wav())
        failed = answered(client, fault + bytes(100), CAUSES[fault])
        assert failed.status_code == 422 and CAUSES[fault] in failed.json()["error"]
        assert good_answer(client, wav()) == before
        assert client.get("/healthz").status_code == 200
        assert not [path for path in server.temporary.rglob("song*")]


def test_decoder_killed_while_it_is_idle_is_replaced(server):
    with server.client() as client:
        expected = good_answer(client, wav())
        for child in server.children():
            end = os.pidfd_open(child)
            os.kill(child, signal.SIGKILL)
            assert select.select([end], [], [], 60)[0]
            os.close(end)
        assert good_answer(client, wav()) == expected


def test_decoders_failing_beside_good_songs_leave_them_alone(tmp_path):
    """Nothing that a crashed process had sent is taken for the next song's."""
    options = {"workers": 2, "max_decode_seconds": SECONDS, "max_decode_mib": 256, "max_requests": 16}
    with running(tmp_path, reader="classify_readers:fault", **options) as server, server.client() as client:
        songs = [wav(1.0 + number) for number in range(4)]
        expected = [good_answer(client, song) for song in songs]
        kinds = [b"SEGFAULT", b"KILLED!!", b"RAISES!!", b"EXITS!!!"]
        mixed = list(zip(songs, expected)) * 3 + [(kind, None) for kind in kinds] * 2

        def ask(pair) -> None:
            data, wanted = pair
            with server.client() as own:
                found = answered(own, data if wanted else data + bytes(50))
            assert (found.json() == wanted) if wanted else found.status_code == 422, found.text

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(ask, mixed[::2] + mixed[1::2]))


def test_decoding_waits_for_the_model_do_not_count_as_a_hang(tmp_path):
    """Ten songs for one process: the last one waits longer than a song may take."""
    options = {"workers": 1, "max_requests": 10, "max_decode_seconds": 4.0}
    with running(tmp_path, reader="classify_readers:slow", **options) as server:
        statuses = []

        def ask() -> None:
            with server.client() as client:
                statuses.append(post(client, wav()).status_code)

        threads = [threading.Thread(target=ask) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert statuses == [200] * 10


# Real bombs, through the real reader.


def header_of_wav(channels: int, rate: int, data_bytes: int) -> bytes:
    """A float WAV that states as much data, and holds a second of nothing."""
    block = 4 * channels
    form = struct.pack("<HHIIHH", 3, channels, rate, rate * block & 0xFFFFFFFF, block & 0xFFFF, 32)
    return b"RIFF" + struct.pack("<I", 0xFFFFFFF0) + b"WAVEfmt " + struct.pack("<I", 16) + form + b"data" + struct.pack(
        "<I", data_bytes
    )  # fmt: skip


def silent_flac(seconds: float) -> bytes:
    """An hour of silence is some 50 kB."""
    buffer = io.BytesIO()
    with soundfile.SoundFile(buffer, "w", 192000, 8, format="FLAC") as file:
        second = np.zeros((192000, 8), "float32")
        for _ in range(int(seconds)):
            file.write(second)
    return buffer.getvalue()


BOMBS = {
    "channels.wav": lambda: header_of_wav(1024, 8000, 0x7FFFFF00) + bytes(1 << 20),
    "rate.wav": lambda: header_of_wav(1, 0x7FFFFFFF, 0x7FFFFF00) + bytes(1 << 20),
    "slow.wav": lambda: header_of_wav(1, 1, 0x7FFFFF00) + bytes(1 << 20),
    "silence.flac": lambda: silent_flac(60),
}


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    folder = tmp_path_factory.mktemp("temporary")
    with running(folder, workers=1, max_decode_seconds=20, max_decode_mib=256, max_decoded_mib=256) as server:
        yield server


@pytest.mark.parametrize("name", BOMBS)
def test_bomb_is_refused_and_memory_stays_flat(real, name):
    def memory() -> float:
        with open(f"/proc/{real.process.pid}/status") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmRSS")) / 1024

    data = BOMBS[name]()
    assert len(data) < 4 << 20
    with real.client() as client:
        post(client, wav())
        before, begun = memory(), time.monotonic()
        answer = post(client, data, name)
        assert answer.status_code == 422 and answer.json()["error"], answer.text
        assert time.monotonic() - begun < 30 and memory() - before < 64
        assert post(client, wav()).status_code == 200


def test_mutated_songs_leave_the_server_answering(real, songs):
    """Bytes of real files changed, lost and repeated."""
    mutate_and_post(real, songs, 40)


@pytest.mark.soak
def test_thousand_mutated_songs_leave_the_server_answering(real, songs):
    mutate_and_post(real, songs, 1000)


def mutate_and_post(server, songs, n: int) -> None:
    rng, names = np.random.default_rng(n), sorted(songs)
    with server.client() as client:
        for number in range(n):
            name = names[number % len(names)]
            answer = post(client, mutated(songs[name].read_bytes()[: 1 << 18], rng), name)
            assert answer.status_code in (200, 422), (name, answer.text)
            assert str(server.temporary) not in answer.text
        assert post(client, wav()).status_code == 200


def mutated(data: bytes, rng) -> bytes:
    found = np.frombuffer(data, "uint8").copy()
    places = rng.integers(0, len(found), rng.integers(1, 64))
    found[places] = rng.integers(0, 256, len(places))
    if rng.random() < 0.5:  # headers are where decoders break
        head = rng.integers(0, min(64, len(found)), 4)
        found[head] = rng.integers(0, 256, 4)
    start, length = int(rng.integers(0, len(found))), int(rng.integers(1, 4096))
    cut = {0: [found], 1: [found[:start]], 2: [found[:start], found[start + length :]], 3: [found, found[:length]]}
    return np.concatenate(cut[int(rng.integers(0, 4))]).tobytes()
