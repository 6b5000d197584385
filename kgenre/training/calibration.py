"""What the task of a run chooses on the valid tracks once the weights are fixed: temperature and thresholds."""

import numpy as np

from kgenre.audio.open_reader import open_reader
from kgenre.core.progress import SILENT, Progress
from kgenre.model.aggregate import aggregate_tracks
from kgenre.model.temperature import slice_scores
from kgenre.serving.keras_model import KerasModel
from kgenre.serving.predict import predict_tracks
from kgenre.training.run import Run
from kgenre.training.settings import RunSettings


def calibrate_run(settings: RunSettings, run: Run, progress: Progress = SILENT) -> None:
    """Fits the temperature by the trained model on whole valid tracks, then the parameters of the task, and keeps both.

    The thresholds are chosen on calibrated probabilities. It begins with the weights as they were trained and writes
    once, so that it can be repeated.
    """
    task, tracks, network = run.load_task(), run.load_tracks(), run.load_trained()
    rows = tracks[tracks["split"] == "valid"]
    model = KerasModel(network, task, settings.slice_spec)
    reader = open_reader(settings.slice_spec, policy=settings.reader.policy)
    sizes = (settings.training.batch_size, settings.reader.workers)
    with progress.task("calibrating", len(rows), "tracks") as advance:
        results = predict_tracks(model, reader, list(rows["path"]), *sizes, advance)
        by_path = {result.path: slice_scores(network, result.slices.embeddings) for result in results}
    rows = rows[rows["path"].isin(by_path)]
    targets, parts = task.targets(rows), [by_path[path] for path in rows["path"]]
    scores, counts = np.concatenate([np.zeros((0, len(task.labels))), *parts]), [len(part) for part in parts]
    temperature = task.temperature(targets, scores, counts)
    answers = aggregate_tracks(task.probabilities(scores / temperature), counts)
    run.save_calibration(temperature, task.tuned(targets, answers))
