"""Dropout that is the same whatever the number of devices."""

import keras
from keras import ops

from kgenre.augment.layers.draws import rows_of_batch, share


@keras.saving.register_keras_serializable(package="kgenre")
class Dropout(keras.layers.Dropout):
    """As Keras's; where several devices divide a batch, with the values that one device would draw for the whole of it.

    Input shape: (batch, ...), float. Output shape: the same.
    """

    def call(self, inputs, training=False):
        if not training or not self.rate or share()[0] == 1:
            return super().call(inputs, training=training)
        return inputs * rows_of_batch(self._factors, ops.shape(inputs))

    def _factors(self, shape):
        """0 or 1 / (1 - rate) for each value, of shape (batch, ...)."""
        ones = ops.ones(shape, self.compute_dtype)
        return keras.random.dropout(ones, self.rate, self.noise_shape, self.seed_generator)
