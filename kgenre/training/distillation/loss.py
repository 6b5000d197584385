"""The loss and the metric of a student: targets and outputs are the embedding, then the labels.

Targets (batch, d + labels) are the teacher's standardised embedding and its probabilities; outputs of the same shape
are the student's embedding and its logits.
"""

import keras
from keras import ops

from kgenre.model.tasks import make_task


@keras.saving.register_keras_serializable(package="kgenre")
class DistillationLoss(keras.losses.Loss):
    """Mean squared error of the embedding + weight x cross-entropy of the labels, sigmoid or softmax as the task says.

    Args:
        size: d, of the embedding.
        task: name of the teacher's task.
        weight: of the cross-entropy.
    """

    def __init__(self, size, task, weight, name="distillation_loss", **kwargs):
        super().__init__(name=name, **kwargs)
        self.size, self.task, self.weight = size, task, weight
        self.of_labels = make_task(task, ()).loss(mixed=True)

    def call(self, y_true, y_pred):
        y_true = ops.cast(y_true, y_pred.dtype)
        error = ops.mean(ops.square(y_true[:, : self.size] - y_pred[:, : self.size]), axis=-1)
        return error + self.weight * self.of_labels.call(y_true[:, self.size :], y_pred[:, self.size :])

    def get_config(self):
        return {**super().get_config(), "size": self.size, "task": self.task, "weight": self.weight}


@keras.saving.register_keras_serializable(package="kgenre")
class ExplainedShare(keras.metrics.Mean):
    """1 - mean squared error of the standardised embedding: R2 where the targets have the variance of train slices."""

    def __init__(self, size, name="r2", **kwargs):
        super().__init__(name=name, **kwargs)
        self.size = size

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true = ops.cast(y_true, y_pred.dtype)
        error = ops.mean(ops.square(y_true[:, : self.size] - y_pred[:, : self.size]), axis=-1)
        return super().update_state(1 - error)

    def get_config(self):
        return {**super().get_config(), "size": self.size}
