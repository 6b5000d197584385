"""Clips a second of each decoder and format, against libsndfile: 30 s, 44.1 kHz stereo, to mono 22.05 kHz.

Seconds are of CPU time, so that TensorFlow's threads count in full and other work on the machine does not.
Run it with `.venv-tfio/bin/python -m benchmarks.decoding` for the rows of tensorflow-io (docs/decoding.md).
"""

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

from benchmarks.timing import best_rates, show
from kgenre.audio.decode import decode
from kgenre.audio.decoders import DECODERS, check_decoder
from kgenre.audio.tfio import tfio_ops
from kgenre.core.errors import KgenreError

CLIPS, SECONDS, RATE, MODEL_RATE = 3, 30, 44100, 22050
FORMATS = ("mp3", "ogg", "flac", "wav")


def write_clips(folder: Path, ending: str) -> list[str]:
    """Chords with noise, so that the encoder has work to leave behind."""
    rng = np.random.default_rng(0)
    time = np.arange(SECONDS * RATE) / RATE
    paths = []
    for number in range(CLIPS):
        left = sum(np.sin(2 * np.pi * note * time) for note in rng.uniform(80, 2000, 6)) / 12
        left += 0.05 * rng.standard_normal(len(time))
        paths.append(str(folder / f"{number}.{ending}"))
        with soundfile.SoundFile(paths[-1], "w", RATE, 2) as file:
            for second in np.split(np.stack([left, np.roll(left, 300)], axis=1), SECONDS):
                file.write(second)  # libsndfile's Vorbis encoder fails at long blocks
    return paths


def decoders() -> tuple[dict[str, Callable], dict[str, str]]:
    """{row: path -> samples} of what works here, and {row: reason} of what does not."""
    work, reasons = {}, {}
    for name in DECODERS:
        try:
            check_decoder(name)
            work[f"{name} + soxr"] = lambda path, name=name: decode(path, MODEL_RATE, decoder=name).samples
        except KgenreError as error:
            reasons[f"{name} + soxr"] = str(error)
    if "tfio + soxr" in work:
        work["tfio and its resampler, one graph"] = graph_decoder()
    return work, reasons


def graph_decoder() -> Callable:
    """Whole files by tensorflow-io alone: decoding, mix and resampling in a tf.function, nothing in Python."""
    import tensorflow_io

    tf, _ = tfio_ops()
    audio = tensorflow_io.audio
    decoders = {
        "mp3": audio.decode_mp3,
        "ogg": audio.decode_vorbis,
        "flac": lambda data: tf.cast(audio.decode_flac(data, dtype=tf.int16), "float32") / 2**15,
        "wav": lambda data: tf.cast(audio.decode_wav(data, dtype=tf.int16), "float32") / 2**15,
    }

    def graph(decoder: Callable) -> Callable:
        @tf.function(input_signature=[tf.TensorSpec([], tf.string)])
        def run(path):
            channels = decoder(tf.io.read_file(path))  # (samples, 2)
            mono = tf.reduce_mean(channels, axis=1, keepdims=True)  # (samples, 1)
            return audio.resample(mono, RATE, MODEL_RATE)[:, 0]

        return run

    graphs = {ending: graph(decoder) for ending, decoder in decoders.items()}
    return lambda path: graphs[path.rsplit(".", 1)[1]](path).numpy()


def main() -> None:
    work, reasons = decoders()
    print(f"  {CLIPS} clips of {SECONDS} s, 44.1 kHz stereo, to mono {MODEL_RATE} Hz; CPU time, {os.cpu_count()} cores")
    for row, reason in reasons.items():
        print(f"  {row} is left out: {reason}")
    with tempfile.TemporaryDirectory() as folder:
        for ending in FORMATS:
            paths = write_clips(Path(folder), ending)
            runs = {row: lambda run=run, paths=paths: len([run(path) for path in paths]) for row, run in work.items()}
            print(f"  {ending}")
            show(best_rates(runs, clock=time.process_time), "clips/s", "libsndfile + soxr")


if __name__ == "__main__":
    main()
