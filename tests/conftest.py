"""Fixtures that several test files share. What writes the files is in audio_files.py."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow's start-up notes would bury a failure

import audio_files
import pytest


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
