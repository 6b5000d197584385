"""Tracks a second: decoding alone against decoding, front end and convpool, on mp3 songs."""

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import tempfile
from pathlib import Path

import numpy as np
import soundfile

from benchmarks.timing import best_rates, show
from kgenre.audio.reader import TrackReader
from kgenre.model.build import build_model
from kgenre.model.settings import ModelSettings
from kgenre.model.tasks.single_label import SingleLabel
from kgenre.serving.keras_model import KerasModel
from kgenre.serving.predict import predict_tracks, slice_batches

TRACKS, SECONDS, RATE = 24, 30, 44100


def write_songs(folder: Path) -> list[str]:
    """Stereo mp3 files of 30 s at 44.1 kHz: chords with noise, so that the encoder has work to leave behind."""
    rng = np.random.default_rng(0)
    time = np.arange(SECONDS * RATE) / RATE
    paths = []
    for number in range(TRACKS):
        notes = rng.uniform(80, 2000, 6)
        left = sum(np.sin(2 * np.pi * note * time) for note in notes) / 12 + 0.05 * rng.standard_normal(len(time))
        paths.append(str(folder / f"{number}.mp3"))
        soundfile.write(paths[-1], np.stack([left, np.roll(left, 300)], axis=1), RATE)
    return paths


def main() -> None:
    settings, batch_size = ModelSettings.compose({}), 32
    task = SingleLabel(tuple("abcdefgh"))
    model = KerasModel(build_model(settings, 8), task, settings.audio.slice_spec)
    with tempfile.TemporaryDirectory() as folder:
        paths = write_songs(Path(folder))

        def reader() -> TrackReader:
            return TrackReader(settings.audio.slice_spec)

        def decode() -> int:
            for _ in slice_batches(reader(), paths, batch_size):
                pass
            return TRACKS

        def whole() -> int:
            return len(list(predict_tracks(model, reader(), paths, batch_size)))

        print(f"  {TRACKS} mp3 of {SECONDS} s, 44.1 kHz stereo, two decoding threads, no cache, float32")
        show(best_rates({"decode": decode, "decode + front end + convpool": whole}), "tracks/s", "decode")


if __name__ == "__main__":
    main()
