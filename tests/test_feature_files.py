"""The files that `kgenre features DATA` writes: each is of the track that the manifest says, whatever came before."""

import dataclasses
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from kgenre.__main__ import main
from kgenre.audio.spectrograms import read_spectrogram
from kgenre.collections import load_collection
from kgenre.collections.feature_files import FeatureFiles, write_features
from kgenre.collections.feature_names import file_names
from kgenre.collections.spectrogram_facts import collection_facts

RATE = 8000


def write_tone(path: Path, hertz: float) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = 0.3 * np.sin(2 * np.pi * hertz * np.arange(2 * RATE) / RATE)
    with open(os.fsencode(path), "wb") as file:
        soundfile.write(file, samples, RATE, format="WAV")
    return path


def write_folder(folder: Path, hertz: float) -> Path:
    """Two genres of three albums, each with a song.wav, a tone of its own."""
    for number, album in enumerate("abc"):
        write_tone(folder / "jazz" / album / "song.wav", hertz + 200 * number)
        write_tone(folder / "rock" / album / "song.wav", hertz + 100 + 200 * number)
    return folder


def features(source: Path, out: Path) -> int:
    settings = "--sample-rate-hz 8000 --n-mels 40 --workers 1".split()
    return main(["features", str(source), "--out", str(out), *settings])


def assert_each_is_of_its_track(source: Path, out: Path, tmp_path: Path) -> None:
    """Compares with what a fresh folder gets, row by row."""
    fresh = tmp_path / f"fresh-{len(list(tmp_path.iterdir()))}"
    assert features(source, fresh) == 0
    held, expected = (pd.read_csv(folder / "manifest.csv", dtype=str) for folder in (out, fresh))
    assert list(held["album"]) == list(expected["album"]) and len(held)
    for name, other in zip(held["path"], expected["path"]):
        np.testing.assert_array_equal(read_spectrogram(out / name), read_spectrogram(fresh / other))


def test_features_of_another_collection_in_the_folder_are_its_own(tmp_path):
    first, second, out = (
        write_folder(tmp_path / "first", 300),
        write_folder(tmp_path / "second", 1500),
        tmp_path / "out",
    )
    assert features(first, out) == 0 and features(second, out) == 0  # the second's songs are older than the files
    assert_each_is_of_its_track(second, out, tmp_path)


def test_features_after_a_song_of_the_same_name_was_added_are_of_their_songs(tmp_path):
    folder, out = write_folder(tmp_path / "songs", 300), tmp_path / "out"
    assert features(folder, out) == 0
    kept = {path: path.stat().st_mtime_ns for path in out.glob("*/*.npy")}
    write_tone(folder / "rock" / "a0" / "song.wav", 2500)  # between the others
    assert features(folder, out) == 0
    assert_each_is_of_its_track(folder, out, tmp_path)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept  # nothing is computed again


def test_features_with_another_tree_of_genres_keep_the_files(tmp_path):
    folder, out = write_folder(tmp_path / "songs", 300), tmp_path / "out"
    collection, files = load_collection(str(folder)), FeatureFiles("mfcc", RATE, {}, "npy")
    assert write_features(collection, files, out, 1) == ({}, len(collection.table))
    kept = {path: path.stat().st_mtime_ns for path in out.glob("*/*.npy")}
    tree = dataclasses.replace(collection, parents={"jazz": "rock"})
    assert write_features(tree, files, out, 1)[0] == {}
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert collection_facts(f"spectrograms:{out}").parents == tree.parents


def test_features_of_songs_of_one_name_are_not_one_recording(tmp_path):
    folder, out = write_folder(tmp_path / "songs", 300), tmp_path / "out"
    assert features(folder, out) == 0
    table = load_collection(f"spectrograms:{out}").table  # refused if an id were on two sides
    assert list(table["track_id"]) == ["song", "song-2", "song-3"] * 2
    assert set(table["split"]) == {"train", "valid", "test"}


@pytest.mark.parametrize("name", ["n" * 251, "ü" * 125, os.fsdecode(b"caf\xe9"), "a:b?#c", ".. "])
def test_features_of_an_odd_file_name_are_read_back(tmp_path, name):
    folder, out = write_folder(tmp_path / "songs", 300), tmp_path / "out"
    write_tone(folder / "rock" / "d" / f"{name}.wav", 2500)
    assert features(folder, out) == 0
    assert len(load_collection(f"spectrograms:{out}").table) == 7


def test_file_names_keep_what_a_track_has_and_number_the_others():
    paths = ["/x/a.mp3", "/y/A.mp3", "/z/a.mp3", "/z/b.mp3"]
    table = pd.DataFrame({"path": paths, "genre": ["Rock", "Rock", "Rock", ""]})
    fresh = file_names(table, ".npy", {})
    assert list(fresh.values()) == ["Rock/a.npy", "Rock/A-2.npy", "Rock/a-3.npy", "several genres/b.npy"]
    held = file_names(table, ".npy", {"Rock/a.npy": "/z/a.mp3", "Rock/a-x.npy": "/x/a.mp3", "Pop/b.npy": "/z/b.mp3"})
    assert [held[path] for path in paths] == ["Rock/a-2.npy", "Rock/A-3.npy", "Rock/a.npy", "several genres/b.npy"]


# In parts
def part_of(source: Path, out: Path, part: str, *more: str) -> int:
    settings = "--sample-rate-hz 8000 --n-mels 40 --workers 1".split()
    return main(["features", str(source), "--out", str(out), *settings, "--part", part, *more])


def test_file_of_a_part_that_was_removed_is_computed_again(tmp_path):
    source, out = write_folder(tmp_path / "in", 300), tmp_path / "out"
    out.mkdir()
    (out / ".part-9-spectrograms.json").write_text("{")  # of another part, which is being written
    assert part_of(source, out, "1/2") == 0
    first, *_ = out.rglob("*.npy")
    first.unlink()
    assert part_of(source, out, "1/2") == 0 and first.is_file()


def test_features_that_workers_wrote_elsewhere_are_missed(tmp_path, capsys, monkeypatch):
    source = write_folder(tmp_path / "in", 300)
    monkeypatch.setattr("kgenre.collections.feature_files._write_feature", lambda *arguments: None)
    assert features(source, tmp_path / "out") == 2
    assert "6 of 6 files that workers wrote are not there." in capsys.readouterr().err
    assert not (tmp_path / "out" / "manifest.csv").exists()


def test_merge_of_features_takes_their_folder_and_settings_alone(tmp_path, capsys):
    source = write_folder(tmp_path / "in", 300)
    assert features(source, tmp_path / "other") == 0
    for part in ("1/2", "2/2"):
        assert part_of(source, tmp_path / "out", part) == 0
    parts = str(tmp_path / ".out.parts")
    capsys.readouterr()
    assert main(["merge", parts, "--out", str(tmp_path / "other")]) == 2
    assert f"holds parts of {tmp_path}/out. Received: --out {tmp_path}/other." in capsys.readouterr().err
    facts = tmp_path / "out" / "spectrograms.json"
    text = facts.read_text()
    facts.write_text(text.replace('"n_mels": 40', '"n_mels": 41'))
    assert main(["merge", parts, "--out", str(tmp_path / "out")]) == 2
    assert "holds spectrograms with n_mels=41. Received: n_mels=40." in capsys.readouterr().err
    facts.write_text(text)
    assert main(["merge", parts, "--out", str(tmp_path / "out")]) == 0 and (tmp_path / "out" / "manifest.csv").is_file()


def test_features_at_a_url_are_refused(tmp_path, capsys, monkeypatch):
    source = write_folder(tmp_path / "in", 300)
    monkeypatch.chdir(tmp_path)
    assert main(["features", str(source), "--out", "memory://mels"]) == 2
    assert "a URL, where a folder or file" in capsys.readouterr().err and os.listdir(tmp_path) == ["in"]
