"""The install without TensorFlow: in a process where it cannot be imported, and in an environment that lacks it."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
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


@pytest.mark.soak
def test_plain_install_in_an_empty_environment_answers(music):
    """From the package index: takes a minute and 640 MB; with TensorFlow it would be 3 GB."""
    subprocess.run([sys.executable, "-m", "venv", music / "venv"], check=True)
    python = music / "venv" / "bin" / "python"
    source = music / "source"  # a copy: setuptools leaves build/ behind, and takes what it finds there
    shutil.copytree(HERE.parent / "kgenre", source / "kgenre", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(HERE.parent / name, source)
    subprocess.run([python, "-m", "pip", "install", "--quiet", source], check=True)
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
