"""Fifty songs of many formats and lengths: the Keras model, each signature of its SavedModel and LiteRT agree.

KGENRE_MUSIC=FOLDER takes songs of a folder, real ones, in place of those that are written here.
"""

import os
import tempfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
from audio_files import SONGS, music

from kgenre.audio.decode import decode
from kgenre.audio.reader import TrackReader
from kgenre.audio.walk import expand_paths
from kgenre.serving.exporters import export_model
from kgenre.serving.keras_model import KerasModel
from kgenre.serving.litert_model import LitertModel
from kgenre.serving.predict import predict_tracks
from kgenre.serving.saved_model import SavedModel

SONG_COUNT, IN_A_REQUEST = 50, 5
# wav_bytes has another resampler, which agrees to -60 dB; with a song of 4 kHz half of all bands lie below that.
TOLERANCES = {"waveform_masked": 1e-5, "serving_default": 1e-5, "embed": 1e-5, "litert": 1e-4, "wav_bytes": 2e-3}


def written(folder: Path) -> list[str]:
    """Songs of all formats of SONGS, of 0.3 to 60 s."""
    names, seconds = list(SONGS), np.geomspace(0.3, 60, SONG_COUNT)
    for number, length in enumerate(seconds):
        name = names[number % len(names)]
        song = SONGS[name]
        song.write(folder / f"{number}_{name}", music(length, song.rate, song.channels, seed=number), song.rate)
    return expand_paths([str(folder)])


def chosen(folder: str) -> list[str]:
    """Songs of a folder, of all formats there in turn."""
    paths = [path for path in expand_paths([folder]) if os.path.getsize(path) < 30e6]
    by_format = {}
    for path in np.random.default_rng(0).permutation(paths).tolist():
        by_format.setdefault(Path(path).suffix, []).append(path)
    turns = sorted((turn, ending, path) for ending, of in by_format.items() for turn, path in enumerate(of))
    return [path for *_, path in turns[:SONG_COUNT]]


def write_wav(path: str, folder: Path) -> str:
    """A song's 16-bit WAV of its own rate and channels, as far as libsndfile reads it; else at 44.1 kHz."""
    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError:
        samples, rate = decode(path, 44100).samples[:, None], 44100
    target = tempfile.mkstemp(".wav", dir=folder)[1]
    soundfile.write(target, np.clip(samples, -1, 1), rate, subtype="PCM_16")
    return target


def of_requests(model: SavedModel, waveforms: list[np.ndarray]) -> np.ndarray:
    """Probabilities of tracks of mixed lengths, several in a request."""
    import tensorflow as tf

    answers = []
    for at in range(0, len(waveforms), IN_A_REQUEST):
        part = waveforms[at : at + IN_A_REQUEST]
        longest = max(map(len, part))
        padded = np.stack([np.pad(one, (0, longest - len(one)), constant_values=0.5) for one in part])
        lengths = tf.constant([len(one) for one in part], tf.int32)
        found = model.module.signatures["waveform_masked"](waveform=tf.constant(padded), num_samples=lengths)
        answers.append(found["probabilities"].numpy())
    return np.concatenate(answers)


@pytest.mark.soak
def test_fifty_songs_have_one_answer_of_keras_saved_model_and_litert(run, tmp_path):
    import tensorflow as tf

    songs = tmp_path / "songs"
    songs.mkdir()
    paths = chosen(os.environ["KGENRE_MUSIC"]) if "KGENRE_MUSIC" in os.environ else written(songs)
    network, task, spec = run.load_model(), run.load_task(), run.load_settings().slice_spec
    for name, target in {"saved_model": tmp_path / "1", "litert": tmp_path / "model.tflite"}.items():
        export_model(network, task, spec, target, name)
    saved, litert = SavedModel(tmp_path / "1"), LitertModel(tmp_path / "model.tflite")
    signatures = saved.module.signatures
    keras = by_path(KerasModel(network, task, spec), paths)
    used = [path for path in paths if path in keras]
    assert len(used) >= 0.9 * SONG_COUNT and len({Path(path).suffix for path in used}) >= 3
    expected = np.stack([keras[path].probabilities for path in used])
    waveforms = [decode(path, spec.sample_rate).samples for path in used]
    alone = [signatures["serving_default"](waveform=tf.constant(one[None])) for one in waveforms]
    embeddings = [signatures["embed"](waveform=tf.constant(one[None]))["embedding"][0] for one in waveforms]
    wavs = [write_wav(path, tmp_path) for path in used]
    in_graph = [signatures["wav_bytes"](wav_bytes=tf.io.read_file(path)[None])["probabilities"][0] for path in wavs]
    of_wav = by_path(KerasModel(network, task, spec), wavs)
    by_litert = by_path(litert, used)
    differences = {
        "serving_default": np.abs([one["probabilities"][0] for one in alone] - expected),
        "waveform_masked": np.abs(of_requests(saved, waveforms) - expected),
        "embed": np.abs(np.stack(embeddings) - np.stack([keras[path].embedding for path in used])),
        "wav_bytes": np.abs(np.stack(in_graph) - np.stack([of_wav[path].probabilities for path in wavs])),
        "litert": np.abs(np.stack([by_litert[path].probabilities for path in used]) - expected),
    }
    largest = {name: float(values.max()) for name, values in differences.items()}
    print(len(used), "songs:", largest)
    assert all(largest[name] <= limit for name, limit in TOLERANCES.items()), largest


def by_path(model, paths: list[str]) -> dict:
    return {found.path: found for found in predict_tracks(model, TrackReader(model.slice_spec), paths)}
