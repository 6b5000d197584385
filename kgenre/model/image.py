"""The layer between feature and network: a spectrogram as an image in [0, 1]."""

import keras
from keras import layers, ops

IMAGE = "spectrogram_image"  # name of the layer; of several features with their names behind it


@keras.saving.register_keras_serializable(package="kgenre")
class SpectrogramImage(layers.Layer):
    """Turns a spectrogram into an image: frequency down, time across, [low, high] as [0, 1].

    Args:
        low, high: float, values that become 0 and 1.
        height, width: int or None, size to resize to (bilinear); None keeps the spectrogram's.
        channels: int, equal channels to repeat it in.
        frame_scaling: bool, scale each time frame to [0, 1] by itself, which erases the level contour.

    Input shape: (batch, frames, bins), float32.
    Output shape: (batch, height or bins, width or frames, channels), float32.
    """

    def __init__(self, low=-80.0, high=0.0, height=None, width=None, channels=1, frame_scaling=False, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.low, self.high, self.height, self.width = low, high, height, width
        self.channels, self.frame_scaling = channels, frame_scaling

    def call(self, spectrogram):
        x = (spectrogram - self.low) / (self.high - self.low)
        if self.frame_scaling:
            low, high = ops.min(x, axis=2, keepdims=True), ops.max(x, axis=2, keepdims=True)
            x = (x - low) / ops.maximum(high - low, 1e-6)
        x = ops.transpose(x, (0, 2, 1))[..., None]  # (batch, bins, frames, 1)
        size = (self.height or x.shape[1], self.width or x.shape[2])
        if size != x.shape[1:3]:
            x = ops.image.resize(x, size, data_format="channels_last")
        return ops.repeat(x, self.channels, axis=3) if self.channels > 1 else x

    def compute_output_shape(self, input_shape):
        batch, frames, bins = input_shape
        return (batch, self.height or bins, self.width or frames, self.channels)

    def get_config(self):
        names = ("low", "high", "height", "width", "channels", "frame_scaling")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
