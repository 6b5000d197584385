"""Validation of a model in training, on whole tracks."""

import math
from collections.abc import Callable

import numpy as np

from kgenre.audio.open_reader import Reader
from kgenre.serving.model import Model
from kgenre.serving.predict import predict_tracks


def validate(
    model: Model,
    reader: Reader,
    truth: dict,
    batch_size: int,
    workers: int,
    advance: Callable[[], None] = lambda: None,
) -> dict[str, float]:
    """The task's loss and main metric of whole tracks.

    Args:
        model: serving.Model, as KerasModel makes of a model in training.
        truth: {path: target} of the tracks, targets as the task gives them.

    Returns:
        valid_loss, and valid_ with the name of the metric; NaN where there are no tracks.
    """
    results = predict_tracks(model, reader, list(truth), batch_size, workers, advance)
    pairs = [(truth[result.path], result.probabilities) for result in results]
    task, main = model.task, model.task.metrics[0]  # the others may take long
    if not pairs:
        return {"valid_loss": math.nan, f"valid_{main}": math.nan}
    targets, probabilities = (np.array(column) for column in zip(*pairs))
    return {
        "valid_loss": float(task.track_loss(targets, probabilities).mean()),
        f"valid_{main}": task.score(targets, probabilities),
    }
