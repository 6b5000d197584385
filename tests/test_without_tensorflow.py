"""The install without TensorFlow: in a process where it cannot be imported, and in an environment that lacks it."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from built_wheel import build_wheel
from without_tensorflow import LOCKED

import kgenre
from kgenre import cli
from kgenre.__main__ import main

HERE = Path(__file__).parent
# What `kgenre predict` must not spend time on.
HEAVY = LOCKED | {"pandas", "scipy", "sklearn", "requests"}


@pytest.fixture
def music(songs, tmp_path) -> Path:
    """A folder that holds music/ with songs in five formats."""
    (tmp_path / "music").mkdir()
    for name in ("mp3", "flac", "ogg", "wav", "m4a"):
        path = next(path for path in map(Path, songs.values()) if path.suffix == f".{name}")
        shutil.copy(path, tmp_path / "music" / f"{name}{path.suffix}")
    return tmp_path


def loaded(python, folder: Path, **environment) -> dict[str, list[str]]:
    """The modules that the commands of without_tensorflow.py load."""
    command = [str(python), str(HERE / "without_tensorflow.py"), str(folder)]
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def served(python: Path, song: Path) -> dict:
    """What `kgenre serve` of an environment answers to a song."""
    import httpx

    command = [python, "-m", "kgenre.serve", "--port", "0", "--workers", "1"]
    process = subprocess.Popen(command, cwd=song.parent, stdout=subprocess.PIPE, text=True)
    try:
        with httpx.Client(base_url=process.stdout.readline().split()[0], timeout=60) as client:
            while client.get("/readyz").status_code != 200:
                assert process.poll() is None
                time.sleep(0.2)
            return client.post("/api/predict", files={"file": (song.name, song.read_bytes())}).raise_for_status().json()
    finally:
        process.terminate()
        process.wait(20)
        process.stdout.close()


def test_commands_where_tensorflow_cannot_be_imported_answer(music):
    modules = loaded(sys.executable, music, PYTHONPATH=str(HERE.parent), XDG_CACHE_HOME=str(music / "cache"))
    assert "ai_edge_litert" in modules["predict"]
    assert not HEAVY & set(modules["predict"])
    assert not LOCKED & set(modules["all"])
    assert not (music / "cache").exists()  # nothing was fetched


def test_command_that_needs_a_missing_package_names_the_extra(capsys):
    def train(args) -> int:
        raise ModuleNotFoundError("No module named 'keras'", name="keras.layers")

    assert cli.run(train, None) == 2
    assert "kgenre: keras is not installed, which this needs. Install it: pip install 'kgenre[train]'" in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize("words", [["train", "--data", "nowhere"], ["predict", "--runtime", "tensorflow", "song.wav"]])
def test_command_without_tensorflow_says_so_before_it_reads_or_fetches(words, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "song.wav").touch()
    assert main(words) == 2
    [*_, line] = capsys.readouterr().err.splitlines()
    assert line.startswith("kgenre: tensorflow is not installed, which this needs.")
    assert not (tmp_path / "cache").exists()


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> Path:
    """The programs of an environment that the wheel was installed into, from the package index: a minute and 640 MB."""
    folder = tmp_path_factory.mktemp("plain")
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    binaries = folder / "venv" / "bin"
    subprocess.run([binaries / "python", "-m", "pip", "install", "--quiet", build_wheel(folder)], check=True)
    return binaries


@pytest.mark.soak
def test_plain_install_in_an_empty_environment_answers(plain, music):
    python = plain / "python"
    listed = subprocess.run([python, "-m", "pip", "list"], capture_output=True, text=True, check=True).stdout.lower()
    assert "ai-edge-litert" in listed
    assert not {"tensorflow", "keras", "librosa"} & {line.split()[0] for line in listed.splitlines()}
    assert "ai_edge_litert" in loaded(python, music)["predict"]
    song = next((music / "music").iterdir())
    expected = kgenre.open_model(runtime="litert").predict(song)
    assert list(served(python, song)["probabilities"].values()) == pytest.approx(expected.probabilities, abs=1e-5)
    refused = subprocess.run([python, "-m", "kgenre.export", "--out", "served"], cwd=music,
                             capture_output=True, text=True, check=False)  # fmt: skip
    assert refused.returncode == 2 and "pip install 'kgenre[train]'" in refused.stderr


@pytest.mark.soak
def test_plain_install_without_network_predicts_and_maps_at_once(plain, music):
    """In a network namespace that has loopback alone, with an empty home and cache."""
    apart = ["unshare", "--user", "--map-root-user", "--net"]
    if not shutil.which("unshare"):
        pytest.skip("unshare of util-linux is missing, which takes the network away")
    if refused := subprocess.run([*apart, "true"], capture_output=True, text=True, check=False).stderr:
        pytest.skip(f"the kernel gives no network namespace: {refused.strip()}")
    (home := music / "home").mkdir()
    environment = {"PATH": os.environ["PATH"], "HOME": str(home)}
    command = [*apart, plain / "python", HERE / "offline.py", plain / "kgenre", music]
    done = subprocess.run(command, cwd=music, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    print(done.stdout)
    found = json.loads(done.stdout)
    assert found["interfaces"] == ["lo"]
    for name in ("predict", "tags", "map"):
        assert found[name]["status"] == 0, found[name]
    genre, tags = found["predict"]["stdout"], found["tags"]["stdout"].splitlines()
    assert genre.startswith(found["song"]) and tags[0] == genre.strip() and len(tags) == 2
    assert (music / "map.html").stat().st_size > 100_000
    assert "kgenre-token" in found["page"]["html"] and len(found["page"]["data"]["titles"]) == 5
    assert not [path for path in home.rglob("*") if path.is_file()]  # nothing was fetched or kept
