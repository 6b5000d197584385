"""Log-mel spectrograms a second: the layer in a TensorFlow graph against librosa in a loop; batches of noise."""

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import time

import librosa
import numpy as np
import tensorflow as tf

from benchmarks.timing import best_rates, show
from kgenre.features.layers.logmel import LogMel

SAMPLE_RATE = 22050


def compare(seconds: float, batch: int) -> None:
    waveforms = (0.1 * np.random.default_rng(0).standard_normal((batch, round(seconds * SAMPLE_RATE)))).astype(
        "float32"
    )
    layer, tensor = LogMel(), tf.constant(waveforms)
    graph, compiled = tf.function(layer), tf.function(layer, jit_compile=True)

    def with_librosa() -> int:
        for y in waveforms:
            librosa.power_to_db(librosa.feature.melspectrogram(y=y, sr=SAMPLE_RATE), ref=np.max)
        return batch

    def with_layer(function):
        def run() -> int:
            function(tensor).numpy()
            return batch

        return run

    reference = np.stack(
        [librosa.power_to_db(librosa.feature.melspectrogram(y=y, sr=SAMPLE_RATE), ref=np.max) for y in waveforms]
    )
    error = np.abs(graph(tensor).numpy().transpose(0, 2, 1) - reference).max()
    candidates = {"librosa": with_librosa, "LogMel": with_layer(graph), "LogMel, jit_compile": with_layer(compiled)}
    print(f"  {batch} x {seconds:g} s, float32, largest difference {error:.1e} dB")
    for clock, unit in ((time.perf_counter, "clips/s"), (time.process_time, "clips/s of processor")):
        show(best_rates(candidates, clock=clock), unit, "librosa")


if __name__ == "__main__":
    compare(30.0, 16)
    compare(5.94, 32)
