"""Fixtures that several test files share. What writes the files is in audio_files.py."""

import dataclasses
import gc
import hashlib
import logging
import os
import shutil
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow's start-up notes would bury a failure

import answers_here
import audio_files
import pytest

# Where the environment forbids to keep compiled files, each of a hundred processes compiles the package again.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# TensorFlow's modules and traces are millions of objects, and each of Python's frequent collections visits them all:
# a tenth of the time of a training. Defaults: 700, 10, 10.
gc.set_threshold(50_000, 20, 10)


@pytest.fixture(scope="session", autouse=True)
def exports_are_asked_here():
    """Exports are checked in this process, but for those of commands that are processes themselves."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kgenre.serving.exporters.verify.run_apart", answers_here.run_here)
        yield


@pytest.fixture(scope="session")
def songs(tmp_path_factory):
    """{name: path} of one good file for each row of audio_files.SONGS."""
    return audio_files.make_songs(tmp_path_factory.mktemp("songs"))


@pytest.fixture(scope="session")
def faulty(songs, tmp_path_factory):
    """The folder of files that must be refused or flagged; audio_files.make_faulty lists them."""
    folder = tmp_path_factory.mktemp("faulty")
    audio_files.make_faulty(folder, songs)
    return folder


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    """A wheel like musicnn's, its variables drawn from a seed."""
    import musicnn_reference

    return musicnn_reference.write_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture
def cache(wheel, tmp_path, monkeypatch):
    """A cache directory that holds the drawn wheel alone, whose hash and size are the published ones."""
    return musicnn_cache(wheel, tmp_path, monkeypatch)


def musicnn_cache(wheel, folder, monkeypatch):
    """Points the cache directory into `folder`, puts the drawn wheel there, and publishes it in the rows of musicnn."""
    from kgenre.weights import WEIGHTS

    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    published = {"sha256": hashlib.sha256(wheel.read_bytes()).hexdigest(), "size": wheel.stat().st_size}
    for name in ("musicnn-msd", "musicnn-mtt"):
        monkeypatch.setitem(WEIGHTS, name, dataclasses.replace(WEIGHTS[name], **published))
    directory = folder / "kgenre"
    directory.mkdir()
    shutil.copy(wheel, directory)
    return directory


@pytest.fixture(scope="session")
def collection(tmp_path_factory):
    """The folder of a small demo collection: 18 songs of small_run.GENRES."""
    import small_run

    from kgenre.collections.demo.files import make_demo

    folder = tmp_path_factory.mktemp("music") / "demo"
    return make_demo(folder, genres=small_run.GENRES, songs_per_genre=6, seconds=(2.0, 3.5))


@pytest.fixture(scope="session")
def run(collection, tmp_path_factory):
    """A run that `kgenre train` made of `collection`."""
    import small_run

    from kgenre import train
    from kgenre.training.run import Run

    out = tmp_path_factory.mktemp("models") / "run"
    assert train.main(["--data", str(collection / "manifest.csv"), "--out", str(out), *small_run.SMALL]) == 0
    return Run(out)


@pytest.fixture(scope="session")
def waveforms(tmp_path_factory):
    """An exported model of waveforms: exported_models.Exported."""
    import exported_models

    return exported_models.export_of_waveforms(tmp_path_factory.mktemp("waveforms") / "1")


@pytest.fixture(scope="session")
def spectrograms(tmp_path_factory):
    """An exported model of spectrograms: exported_models.Exported."""
    import exported_models

    return exported_models.export_of_spectrograms(tmp_path_factory.mktemp("spectrograms") / "1")


@pytest.fixture(scope="module")
def server(place, request):
    """The address of the page of the library in `place`, of a server in its own process.

    A test file gives `place`, and with SERVED_MODEL the model of tests/libraries.py that completes the library.
    """
    from page_server import served

    with served(place, getattr(request.module, "SERVED_MODEL", "")) as address:
        yield address


@pytest.fixture(scope="module")
def browser():
    """A running Chromium, for the tests of one file."""
    from chromium import chromium

    with chromium() as browser:
        yield browser


@pytest.fixture
def tab(browser):
    """A new tab; the test fails if a script of its page does."""
    from chromium import new_tab

    with new_tab(browser) as tab:
        yield tab


@pytest.fixture(autouse=True)
def quiet_logger():
    """A command that ran in this process has set the logger's level, which is not this test's concern."""
    logging.getLogger("kgenre").setLevel(logging.NOTSET)
