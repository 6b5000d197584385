"""`kgenre serve` under load: eight clients, good and bad songs mixed. Two minutes in the long form."""

import threading
import time
from collections import Counter

import numpy as np
import pytest

httpx = pytest.importorskip("httpx", reason="httpx is not installed")

from classify_server import running  # noqa: E402  it needs httpx

CLIENTS, FRACTION_BAD = 8, 0.3
GOOD = ("song.ogg", "cbr.mp3", "pcm16.flac", "song.m4a", "song.opus", "22k.mp3", "eight.wav", "song.wma")
BAD = ("text.mp3", "zero_bytes.mp3", "silence.flac", "nan.wav", "header_cbr.mp3", "no_samples.wav")


def put_under_load(folder, songs, faulty, seconds: float, default: bool = False) -> None:
    """Prints what became of the requests; asserts that no answer is wrong and that memory is flat."""
    with running(folder, default=default, max_requests=6, workers=2) as server:
        good = {name: songs[name].read_bytes() for name in GOOD}
        bad = {name: (faulty / name).read_bytes() for name in BAD}
        with server.client() as client:
            expected = {name: post(client, name, data).json()["probabilities"] for name, data in good.items()}
        statuses, times, faults = Counter(), [], []  # times: of the songs that were answered
        end, memory = time.monotonic() + seconds, []

        def ask(seed: int) -> None:
            rng = np.random.default_rng(seed)
            with server.client() as client:
                while time.monotonic() < end:
                    kind = bad if rng.random() < FRACTION_BAD else good
                    name = str(rng.choice(list(kind)))
                    begun = time.monotonic()
                    answer = post(client, name, kind[name])
                    if answer.status_code == 200:
                        times.append(time.monotonic() - begun)
                    statuses[answer.status_code] += 1
                    if answer.status_code == 429:
                        time.sleep(0.1)
                    elif answer.status_code != (422 if kind is bad else 200):
                        faults.append((name, answer.status_code, answer.text))
                    elif kind is good and answer.json()["probabilities"] != expected[name]:
                        faults.append((name, "another song's answer"))

        threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(CLIENTS)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            memory.append(resident_mib([server.process.pid, *server.children()]))
            time.sleep(min(1.0, seconds / 10))
        for thread in threads:
            thread.join()
        p50, p95 = np.percentile(times, [50, 95])
        third = len(memory) // 3
        grown = np.median(memory[-third:]) - np.median(memory[third : 2 * third])
        print(
            f"{dict(statuses)}; p50 {p50:.2f} s, p95 {p95:.2f} s; memory {np.median(memory):.0f} MiB, {grown:+.1f} MiB"
        )
        assert not faults and set(statuses) <= {200, 422, 429} and statuses[200] and statuses[422]
        assert grown < 16  # of the last third over the second: noise of the allocators
        assert not [path for path in folder.rglob("song*")]


def post(client, name: str, data: bytes):
    return client.post("/api/predict", files={"file": (name, data)})


def resident_mib(processes: list[int]) -> float:
    total = 0
    for process in processes:
        try:
            with open(f"/proc/{process}/status") as file:
                total += next((int(line.split()[1]) for line in file if line.startswith("VmRSS")), 0)
        except OSError:  # it has just ended
            continue
    return total / 1024


@pytest.mark.soak
def test_load_of_eight_clients_is_answered_without_a_fault(tmp_path, songs, faulty):
    put_under_load(tmp_path, songs, faulty, 6.0)


@pytest.mark.soak
@pytest.mark.parametrize("default", [False, True], ids=["model_of_the_test", "default_model"])
def test_load_of_eight_clients_for_two_minutes_is_answered_with_flat_memory(default, tmp_path, songs, faulty):
    if default:
        pytest.importorskip("ai_edge_litert", reason="LiteRT is not installed")
    put_under_load(tmp_path, songs, faulty, 120.0, default)
