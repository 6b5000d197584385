"""One song, one answer: predict, a library scan and the served graph give a track the same probabilities."""

import csv
import json
from dataclasses import dataclass

import numpy as np
import pytest
import soundfile
from audio_files import cut_short, music, write_av, write_sound

from kgenre import embed, predict
from kgenre.audio.decode import decode
from kgenre.audio.decoders import AudioError
from kgenre.audio.policy import DEFAULT_POLICY, ReadPolicy
from kgenre.audio.reader import TrackReader
from kgenre.audio.slicing import SliceSpec
from kgenre.embeddings.files import read_embeddings
from kgenre.library.scan.scan import scan
from kgenre.library.store import Library
from kgenre.model.aggregate import NOT_FINITE
from kgenre.model.tasks import make_task
from kgenre.serving.exporters import export_model
from kgenre.serving.predict import predict_track, predict_tracks
from kgenre.serving.saved_model import SavedModel

TOLERANCE = 1e-5
SPEC = SliceSpec(8000, 4000, 4000)
LABELS = ["blues", "jazz", "metal"]
LONG_SECONDS = 40.0
POLICIES = {"default": DEFAULT_POLICY, "seek": ReadPolicy(7), "pass": ReadPolicy(70)}  # 70 are more than MAX_SEEKS


@dataclass
class Music:
    folder: object
    paths: list
    failed: list


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> SavedModel:
    """A small exported network of random weights; its slices are half a second, so that 40 s are 80 of them."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    waveform = keras.Input((SPEC.slice_samples,), name="waveform")
    frames = layers.Dense(16, "relu")(layers.Reshape((-1, 100))(waveform))  # (batch, 40, 16)
    embedding = layers.GlobalAveragePooling1D(name="embedding")(frames)
    network = keras.Model(waveform, layers.Dense(len(LABELS), name="logits")(embedding))
    folder = tmp_path_factory.mktemp("model") / "1"
    export_model(network, make_task("single", tuple(LABELS)), SPEC, folder)
    return SavedModel(folder)


@pytest.fixture(scope="module")
def tracks(tmp_path_factory) -> Music:
    """Songs of several formats and lengths, and two that cannot be used."""
    folder = tmp_path_factory.mktemp("music")
    stereo = music(7.3, 44100, 2, seed=1)
    for suffix in (".wav", ".flac", ".mp3", ".opus"):
        rate = 48000 if suffix == ".opus" else 44100
        write_sound(folder / f"stereo{suffix}", stereo if rate == 44100 else music(7.3, rate, 2, seed=1), rate)
    write_av(folder / "stereo.m4a", stereo, 44100, "aac")
    write_sound(folder / "own rate.wav", music(5.0, 8000, 1, seed=2), 8000)
    write_sound(folder / "short.flac", music(0.3, 44100, 2, seed=3), 44100)
    write_sound(folder / "whole.mp3", music(9.0, 44100, 2, seed=4), 44100, bitrate_mode="CONSTANT")
    cut_short(folder / "whole.mp3", folder / "truncated.mp3", 0.6)
    long = music(LONG_SECONDS, 22050, 1, seed=5) * np.linspace(0.05, 1, round(LONG_SECONDS * 22050))[:, None]
    for suffix in (".flac", ".mp3"):
        with soundfile.SoundFile(folder / f"long{suffix}", "w", 22050, 1) as file:
            file.write(long)
    good = sorted(str(path) for path in folder.iterdir())
    write_sound(folder / "silent.wav", np.zeros((8000, 1), "float32"), 8000)
    write_sound(folder / "nan.wav", np.full((8000, 1), np.nan, "float32"), 8000, subtype="FLOAT")
    return Music(folder, good, [str(folder / name) for name in ("nan.wav", "silent.wav")])


def served(model: SavedModel, path: str, facts, sampled: bool) -> np.ndarray:
    """What the graph answers for the track's samples; of a sampled track, for its slices one after another."""
    spec = SPEC
    samples = decode(path, spec.sample_rate).samples
    if sampled:
        starts = np.round(np.array(facts.starts) * spec.sample_rate).astype(int)
        samples = np.concatenate([samples[start : start + spec.slice_samples] for start in starts])
    return model.module.signatures["serving_default"](waveform=samples[None])["probabilities"].numpy()[0]


@pytest.mark.parametrize("name", POLICIES)
def test_probabilities_of_predict_scan_and_served_graph_agree(model, tracks, tmp_path, name):
    policy = POLICIES[name]
    reader = TrackReader(SPEC, policy=policy)
    predicted = {result.path: result for result in predict_tracks(model, reader, tracks.paths + tracks.failed)}
    assert sorted(predicted) == tracks.paths and sorted(reader.failures) == tracks.failed
    with Library(tmp_path / "library.sqlite") as library:
        report = scan(library, tracks.folder, model, policy, workers=2)
        assert report.failures == reader.failures
        space, paths = library.space(), library.tracks()["path"]
        assert space.policy.slices_per_track == policy.slices_per_track
        scanned = dict(zip((paths[track_id] for track_id in library.probabilities(space)[0]),
                           library.probabilities(space)[1]))  # fmt: skip
        lengths, notes = library.tracks().set_index("path")["seconds"], library.notes()
        starts = {paths[track_id]: library.slices(space, track_id)[0] for track_id in paths.index}
    assert sorted(scanned) == tracks.paths
    for path, result in predicted.items():
        sampled = "sampled" in result.facts.flags
        assert sampled == (SPEC.count(round(result.seconds * SPEC.sample_rate)) > policy.slices_per_track)
        np.testing.assert_allclose(scanned[path], result.probabilities, rtol=0, atol=TOLERANCE)
        np.testing.assert_allclose(
            served(model, path, result.facts, sampled), result.probabilities, rtol=0, atol=TOLERANCE
        )
        np.testing.assert_allclose(starts[path], result.facts.starts, rtol=1e-6)
        assert lengths[path] == result.seconds
        assert notes.get(path, "") == result.facts.truncation
    assert {path for path in predicted if "truncated" in predicted[path].facts.flags} == {
        str(tracks.folder / "truncated.mp3")
    }
    # Tracks differ by more than what is tolerated, or agreement would mean nothing.
    answers = np.stack([predicted[str(tracks.folder / name)].probabilities for name in ("stereo.wav", "long.flac")])
    assert np.abs(answers[0] - answers[1]).max() > 100 * TOLERANCE


def test_probabilities_of_a_sampled_track_differ_from_those_of_the_whole(model, tracks):
    """So the tests above would see a policy that only one of the paths follows."""
    path = str(tracks.folder / "long.flac")
    whole, few = (
        next(predict_tracks(model, TrackReader(SPEC, policy=policy), [path])).probabilities
        for policy in (DEFAULT_POLICY, ReadPolicy(7))
    )
    assert np.abs(whole - few).max() > 10 * TOLERANCE


def test_predict_of_a_sampled_track_says_so(model, tracks, tmp_path, capsys):
    songs = [str(tracks.folder / name) for name in ("long.flac", "short.flac")]
    table = tmp_path / "out.csv"
    options = ["--model", str(model.path), "--slices-per-track", "3"]
    assert predict.main([*options, "--out", str(table), *songs]) == 0
    note = "sampled: 3 slices, not all of the track."
    with open(table, newline="") as file:
        rows = {row["path"]: row for row in csv.DictReader(file)}
    assert [(rows[path]["slices"], rows[path]["note"]) for path in songs] == [("3", note), ("1", "")]
    assert predict.main([*options, *songs]) == 0
    assert f"  {note}\n" in capsys.readouterr().out
    assert predict.main([*options, "--slices", "--format", "jsonl", songs[0]]) == 0
    (row,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert (row["slices"], row["note"]) == (3, note)
    assert [part["start"] for part in row["by_slice"]] == pytest.approx([6.583, 19.75, 32.917], abs=1e-3)
    assert predict.main(["--model", str(model.path), "--slices-per-track", "all", "--format", "jsonl", songs[0]]) == 0
    (row,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert (row["slices"], row["note"]) == (80, "")


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "some"])
def test_slices_per_track_that_is_not_a_number_from_one_is_refused(tracks, value, capsys):
    with pytest.raises(SystemExit) as caught:
        predict.main(["--slices-per-track", value, tracks.paths[0]])
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert f"must be a whole number from 1, or all. Received: {value}" in error or "expected one argument" in error


def test_embed_keeps_slices_per_track_and_refuses_to_mix(model, tracks, tmp_path, capsys):
    out, song = tmp_path / "out.npz", str(tracks.folder / "long.flac")
    assert embed.main(["--model", str(model.path), "--out", str(out), "--slices-per-track", "5", song]) == 0
    read = read_embeddings(out)
    assert read.header["config"]["slices_per_track"] == 5 and len(read.slice_starts) == 5
    reader = TrackReader(SPEC, policy=ReadPolicy(5))
    (result,) = predict_tracks(model, reader, [song])
    np.testing.assert_allclose(read.slice_embeddings, result.slices.embeddings, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(read.slice_starts, result.facts.starts, rtol=1e-6)
    capsys.readouterr()
    assert embed.main(["--model", str(model.path), "--out", str(out), song]) == 2
    assert "holds vectors of other settings: slices_per_track 5, now 1200. Name" in capsys.readouterr().err


def test_predict_of_a_model_that_answers_nan_is_a_failure(model, tracks, monkeypatch):
    answer = SavedModel.__call__
    monkeypatch.setattr(SavedModel, "__call__", lambda self, slices: [np.nan * part for part in answer(self, slices)])
    song = str(tracks.folder / "long.flac")
    reader = TrackReader(SPEC, policy=ReadPolicy(5))
    assert not list(predict_tracks(model, reader, [song])) and reader.failures == {song: NOT_FINITE}
    with pytest.raises(AudioError, match="NaN or infinite"):
        predict_track(model, song)
