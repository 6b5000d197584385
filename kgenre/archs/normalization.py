"""Batch normalisation of images in one kernel."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="kgenre")
class BatchNormalization(keras.layers.BatchNormalization):
    """As Keras's, in training on TensorFlow by its fused kernel: the same values to rounding.

    Keras computes it there by some twenty operations that each read or write the whole image, which was more than
    half of a training step of convpool. JAX and PyTorch fuse what they are given.

    Over several devices of TensorFlow the variance is the mean of (x - mean)^2, for Keras's mean of x^2 less mean^2
    loses in float32 what is small beside the mean.

    Input shape: (batch, ...), float. Output shape: the same.
    """

    def call(self, inputs, training=None, mask=None):
        if not (training and self.trainable and mask is None and self._fuses(inputs)):
            return super().call(inputs, training=training, mask=mask)
        import tensorflow as tf

        empty = tf.constant([], "float32")
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=ops.cast(inputs, "float32"),  # as Keras does, for half precision overflows
            scale=self.gamma,
            offset=self.beta,
            mean=empty,
            variance=empty,
            epsilon=self.epsilon,
        )
        # The kernel's variance is that of the population, n / (n - 1) of the batch's.
        n = ops.cast(tf.size(inputs) // inputs.shape[-1], "float32")
        for moving, batch in ((self.moving_mean, mean), (self.moving_variance, variance * (n - 1) / n)):
            moving.assign(moving * self.momentum + batch * (1 - self.momentum))
        return ops.cast(outputs, self.compute_dtype)

    def _moments(self, inputs, mask):
        if not self.synchronized:
            return super()._moments(inputs, mask)
        import tensorflow as tf

        device = tf.distribute.get_replica_context()
        if mask is not None or device is None:  # None: while the model is built
            return super()._moments(inputs, mask)

        def mean_of_all(x):  # of equal shares
            return device.all_reduce(tf.distribute.ReduceOp.MEAN, ops.mean(x, self._reduction_axes, keepdims=True))

        mean = mean_of_all(inputs)
        variance = mean_of_all(ops.square(inputs - mean))
        return ops.squeeze(mean, self._reduction_axes), ops.squeeze(variance, self._reduction_axes)

    def _fuses(self, inputs) -> bool:
        """Whether the kernel computes what the layer does: images by their channels, on one device."""
        plain = self.center and self.scale and not self.renorm and not self.synchronized
        of_images = len(inputs.shape) == 4 and self.axis in (-1, 3) and self.variable_dtype == "float32"
        return keras.backend.backend() == "tensorflow" and plain and of_images
