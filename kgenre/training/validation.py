"""Validation: loss and accuracy of a model in training on whole tracks."""

import math
from collections.abc import Callable

import keras
import numpy as np

from kgenre.audio.reader import TrackReader
from kgenre.model.build import slice_model
from kgenre.serving.predict import SliceModel, predict_tracks


def training_slice_model(model: keras.Model) -> SliceModel:
    """What `predict_tracks` asks of a model that is being trained; it follows the weights as they change."""
    import tensorflow as tf

    network = slice_model(model)
    signature = [tf.TensorSpec(model.input.shape, tf.float32)]
    graph = tf.function(lambda windows: network(windows, training=False), input_signature=signature)
    return lambda windows: [output.numpy() for output in graph(windows)]


def validate(
    predict: SliceModel,
    reader: TrackReader,
    truth: dict[str, int],
    batch_size: int,
    workers: int,
    advance: Callable[[], None] = lambda: None,
) -> dict[str, float]:
    """Cross-entropy and accuracy of the mean over slices.

    Args:
        predict: SliceModel, as `training_slice_model` gives it.
        truth: {path: label number} of the tracks to classify.

    Returns:
        valid_loss and valid_accuracy; NaN where there are no tracks.
    """
    results = predict_tracks(predict, reader, list(truth), batch_size, workers, advance)
    pairs = [(truth[result.path], result.probabilities) for result in results]
    if not pairs:
        return {"valid_loss": math.nan, "valid_accuracy": math.nan}
    own = np.array([probabilities[label] for label, probabilities in pairs])
    hits = np.array([probabilities.argmax() == label for label, probabilities in pairs])
    return {"valid_loss": float(-np.log(np.maximum(own, 1e-12)).mean()), "valid_accuracy": float(hits.mean())}
