"""The install without TensorFlow: in a process where it cannot be imported, and in an environment that lacks it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from without_tensorflow import LOCKED

from kgenre import cli

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


@pytest.mark.soak
def test_plain_install_in_an_empty_environment_answers(music):
    """From the package index: takes a minute and 700 MB, of which TensorFlow would be as much again."""
    subprocess.run([sys.executable, "-m", "venv", music / "venv"], check=True)
    python = music / "venv" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", HERE.parent], check=True)
    listed = subprocess.run([python, "-m", "pip", "list"], capture_output=True, text=True, check=True).stdout.lower()
    assert "ai-edge-litert" in listed
    assert not {"tensorflow", "keras", "librosa"} & {line.split()[0] for line in listed.splitlines()}
    assert "ai_edge_litert" in loaded(python, music)["predict"]
    refused = subprocess.run([python, "-m", "kgenre.export", "--out", "served"], cwd=music,
                             capture_output=True, text=True, check=False)  # fmt: skip
    assert refused.returncode == 2 and "pip install 'kgenre[train]'" in refused.stderr
