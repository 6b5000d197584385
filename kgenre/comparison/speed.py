"""How fast a finished run predicts: whole tracks from the disk, by the model that it exported."""

import time
from collections.abc import Mapping
from pathlib import Path

from kgenre.comparison.process import call_in_process
from kgenre.core.errors import KgenreError
from kgenre.core.progress import SILENT, Progress

TRACKS = 48  # at most
LEAST_SECONDS = 1.0  # the tracks are predicted again until then


def measure_speeds(runs: Mapping[str, Path], progress: Progress = SILENT) -> dict[str, float]:
    """Tracks a second of each run, one run after the other in another process: {name: tracks/s}.

    Runs that cannot be opened any more are left out.
    """
    speeds = {}
    with progress.task("measuring speed", len(runs), "runs") as advance:
        measured = call_in_process(tracks_per_second, [(folder,) for folder in runs.values()])
        for name, speed in zip(runs, measured):
            if not isinstance(speed, KgenreError):
                speeds[name] = speed
            advance()
    return speeds


def tracks_per_second(folder: Path) -> float:
    """Of a run: its evaluated tracks, decoded, cut and predicted; without the model's start and the first track."""
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
