"""The wheel holds all that a clone gives: head, recipes, page; and works without the clone."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from built_wheel import ROOT, build_wheel

# In a folder that holds nothing else: what is found comes from the wheel.
USE = """
import json, kgenre
from kgenre.serving.packaged import PACKAGED
from kgenre.recipes import all_recipes
from kgenre.web.page_files import fill_page, page_files
assert "page/app.js" in page_files("kgenre.web.explore") and fill_page("kgenre.web.classify")
settings, labels = PACKAGED["compact"].settings()
print(json.dumps({
    "package": kgenre.__file__,
    "labels": len(labels),
    "recipes": {name: one.settings.get("arch") for name, one in all_recipes().items()},
}))
"""


def tracked(folder: str) -> set[str]:
    """Files of the package that git knows; all of them outside a checkout."""
    done = subprocess.run(["git", "ls-files", folder], cwd=ROOT, capture_output=True, text=True, check=False)
    return set(done.stdout.split()) if done.returncode == 0 else set()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


def test_wheel_holds_every_file_of_the_package_and_nothing_else(wheel):
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    expected = {name for name in tracked("kgenre") if (ROOT / name).is_file()}
    assert names == expected


def test_wheel_without_the_clone_has_head_recipes_and_page(wheel, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    (tmp_path / "empty").mkdir()
    done = subprocess.run([sys.executable, "-P", "-c", USE], cwd=tmp_path / "empty", env=environment,
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert str(tmp_path / "site") in done.stdout
    assert (
        '"labels": 10' in done.stdout
        and '"demo": "convpool"' in done.stdout
        and '"cnn_rnn/bbnn": "bbnn"' in done.stdout
    )


@pytest.mark.soak
def test_wheel_in_an_empty_environment_trains_predicts_and_maps(wheel, tmp_path):
    """As a user without a clone: installs from the package index, which takes minutes and 3 GB."""

    def run(*command) -> str:
        done = subprocess.run(
            [str(part) for part in command], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run(sys.executable, "-m", "venv", "venv")
    binaries = tmp_path / "venv" / "bin"
    run(binaries / "python", "-m", "pip", "install", "--quiet", f"{wheel}[train]")
    trained = run(binaries / "kgenre", "train", "--config", "demo", "--epochs", "2", "--out", "models/demo")
    assert "test of demo: 33 tracks" in trained
    song = next((tmp_path / "data" / "demo").rglob("*.mp3"))
    assert run(binaries / "kgenre", "predict", "--model", "models/demo", song).startswith(str(song))
    assert run(binaries / "kgenre", "predict", song, "--tags").count("\n") == 2  # the default model
    run(binaries / "kgenre", "explore", "data/demo", "--model", "models/demo", "--out", "map.html")
    assert (tmp_path / "map.html").stat().st_size > 100_000
