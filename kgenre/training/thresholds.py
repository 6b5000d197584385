"""What the task of a run chooses on the valid tracks once the weights are fixed: the thresholds of genres."""

import numpy as np

from kgenre.audio.open_reader import open_reader
from kgenre.core.progress import SILENT, Progress
from kgenre.serving.keras_model import KerasModel
from kgenre.serving.predict import predict_tracks
from kgenre.training.run import Run
from kgenre.training.settings import RunSettings


def choose_thresholds(settings: RunSettings, run: Run, progress: Progress = SILENT) -> None:
    """Chooses the parameters of the run's task by its trained model on whole valid tracks, and keeps them."""
    task, tracks = run.load_task(), run.load_tracks()
    if not task.parameters:
        return
    rows = tracks[tracks["split"] == "valid"]
    model = KerasModel(run.load_model(), task, settings.slice_spec)
    reader = open_reader(settings.slice_spec, policy=settings.reader.policy)
    sizes = (settings.training.batch_size, settings.reader.workers)
    with progress.task("choosing thresholds", len(rows), "tracks") as advance:
        results = predict_tracks(model, reader, list(rows["path"]), *sizes, advance)
        by_path = {result.path: result.probabilities for result in results}
    rows = rows[rows["path"].isin(by_path)]
    if len(rows):
        run.save_task(task.tuned(task.targets(rows), np.stack([by_path[path] for path in rows["path"]])))
