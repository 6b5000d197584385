"""How fast a finished run predicts: whole tracks from the disk, by the model that it exported."""

import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from kgenre.core.progress import SILENT, Progress

TRACKS = 48  # at most
LEAST_SECONDS = 1.0  # the tracks are predicted again until then


def measure_speeds(runs: Mapping[str, Path], progress: Progress = SILENT) -> dict[str, float]:
    """Tracks a second of each run, one run after the other in a process of its own: {name: tracks/s}."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool, progress.task("speed", len(runs), "runs") as advance:
        speeds = {}
        for name, folder in runs.items():
            speeds[name] = pool.submit(tracks_per_second, folder).result()
            advance()
        return speeds


def tracks_per_second(folder: Path) -> float:
    """Of a run: its test tracks, decoded, cut and predicted; without the start of the model and the first track."""
    from kgenre.audio.open_reader import open_reader
    from kgenre.evaluation.evaluate import release_memory
    from kgenre.evaluation.predictions import read_predictions
    from kgenre.serving.catalogue import open_model
    from kgenre.serving.predict import predict_tracks
    from kgenre.training.run import Run

    reading, model = Run(folder).load_settings().reader, open_model(folder)
    paths = list(read_predictions(folder).rows["path"])[:TRACKS]
    reader = open_reader(model.slice_spec, policy=reading.policy)
    list(predict_tracks(model, reader, paths[:1], workers=reading.workers))
    n, began = 0, time.monotonic()
    while not n or time.monotonic() - began < LEAST_SECONDS:
        n += sum(1 for _ in predict_tracks(model, reader, paths, workers=reading.workers))
    speed = n / (time.monotonic() - began)
    release_memory()
    return speed
