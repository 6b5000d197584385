"""Binary cross-entropy in which the presence of a label has a weight of its own."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="kgenre")
class WeightedBinaryCrossentropy(keras.losses.Loss):
    """Mean over labels of -(w y ln s(x) + (1 - y) ln(1 - s(x))), s the sigmoid, x the logits.

    Args:
        positive_weights: list of float (labels,), w.

    Input shape: targets and logits (batch, labels).
    """

    def __init__(self, positive_weights, name="weighted_binary_crossentropy", **kwargs):
        super().__init__(name=name, **kwargs)
        self.positive_weights = list(positive_weights)

    def call(self, y_true, y_pred):
        y_true = ops.cast(y_true, y_pred.dtype)
        weights = ops.convert_to_tensor(self.positive_weights, y_pred.dtype)
        losses = weights * y_true * ops.softplus(-y_pred) + (1 - y_true) * ops.softplus(y_pred)
        return ops.mean(losses, axis=-1)

    def get_config(self):
        return {**super().get_config(), "positive_weights": self.positive_weights}
