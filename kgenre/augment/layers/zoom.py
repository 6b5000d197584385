"""Random zoom of a spectrogram in frequency and time."""

import keras
from keras import ops

from kgenre.augment.layers.draws import rows_of_batch
from kgenre.core.errors import KgenreError


@keras.saving.register_keras_serializable(package="kgenre")
class ZoomRange(keras.layers.Layer):
    """Scales height and width by factors drawn independently for each example.

    A factor f from [1 - zoom_range, 1 + zoom_range] samples the spectrogram at c + f (i - c) about its
    centre c, linearly between pixels; what lies outside takes the nearest edge pixel. So f < 1
    magnifies and f > 1 shrinks, as `zoom_range` of Keras's ImageDataGenerator did. Active only with
    `training=True`.

    Args:
        zoom_range: float in [0, 1). 0 switches the layer off.
        seed: int or None.

    Input shape: (batch, height, width, channels), float.
    Output shape: the same.

    Raises:
        KgenreError: `zoom_range` outside [0, 1).
    """

    def __init__(self, zoom_range=0.3, seed=None, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        if not 0 <= zoom_range < 1:
            raise KgenreError(f"`zoom_range` must be in [0, 1). Received: zoom_range={zoom_range}.")
        self.zoom_range, self.seed = zoom_range, seed
        self.generator = keras.random.SeedGenerator(seed)
        # TensorFlow's kernel is 3-7 times as fast as gathers that XLA can compile (CPU), but XLA cannot.
        self.supports_jit = keras.backend.backend() != "tensorflow"

    def call(self, image, training=False):
        if not training or not self.zoom_range:
            return image
        factors = rows_of_batch(self._factors, (2, ops.shape(image)[0]), axis=1)
        return zoom(image, factors[0], factors[1])

    def _factors(self, shape):
        return keras.random.uniform(shape, 1 - self.zoom_range, 1 + self.zoom_range, seed=self.generator)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "zoom_range": self.zoom_range, "seed": self.seed}


def zoom(image, height_factors, width_factors):
    """Zooms each spectrogram by its own two factors: (batch, height, width, channels), (batch,), (batch,)."""
    height, width = image.shape[1:3]
    zero = ops.zeros_like(height_factors)
    down, right = (1 - height_factors) * (height - 1) / 2, (1 - width_factors) * (width - 1) / 2
    # Rows of the affine matrix, x before y, as ops.image.affine_transform takes them.  # (batch, 8)
    transform = ops.stack([width_factors, zero, right, zero, height_factors, down, zero, zero], axis=1)
    return ops.image.affine_transform(image, transform, fill_mode="nearest", data_format="channels_last")
