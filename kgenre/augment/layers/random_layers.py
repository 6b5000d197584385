"""Random layers: gain of the waveform; shift, noise and masks of the spectrogram."""

import keras
from keras import ops

from kgenre.augment.layers.draws import rows_of_batch
from kgenre.core.errors import KgenreError


class RandomLayer(keras.layers.Layer):
    """What these layers share: a change drawn for each example, in training only; float32, shape kept.

    Subclasses give `changed(x)`, draw from `generator`, and name in `setting` the argument that says how much.

    Args:
        value: float, of the setting, in `limits`; 0 switches the layer off.
        seed: int or None.

    Raises:
        KgenreError: the value outside `limits`.
    """

    setting, limits = "", (0.0, 1.0)
    in_statistics = False  # whether statistics of batch normalisation are measured with it, see batch_statistics.py

    def __init__(self, value, seed=None, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        low, high = self.limits
        if not low <= value <= high:
            raise KgenreError(f"`{self.setting}` must be from {low:g} to {high:g}. Received: {self.setting}={value}.")
        setattr(self, self.setting, value)
        self.seed = seed
        self.generator = keras.random.SeedGenerator(seed)

    def call(self, x, training=False):
        return self.changed(x) if training and getattr(self, self.setting) else x

    def uniform(self, shape, low=0.0, high=1.0):
        def draw(shape):
            return keras.random.uniform(shape, low, high, dtype="float32", seed=self.generator)

        return rows_of_batch(draw, shape)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), self.setting: getattr(self, self.setting), "seed": self.seed}


@keras.saving.register_keras_serializable(package="kgenre")
class RandomGain(RandomLayer):
    """Multiplies each waveform by 10^(g / 20), g uniform in [-gain_db, gain_db] dB.

    Not clipped at full scale: a real recording at that level would have been mastered, not clipped.

    Args:
        gain_db: float, dB, from 0 to 60; 0 switches the layer off.
        seed: int or None.

    Input shape: (batch, samples), float. Output shape: the same.
    """

    setting, limits = "gain_db", (0.0, 60.0)

    def __init__(self, gain_db=6.0, seed=None, **kwargs):
        super().__init__(gain_db, seed, **kwargs)

    def changed(self, waveform):
        decibels = self.uniform((ops.shape(waveform)[0], 1), -self.gain_db, self.gain_db)
        return waveform * 10 ** (decibels / 20)


@keras.saving.register_keras_serializable(package="kgenre")
class TimeShift(RandomLayer):
    """Rotates each spectrogram in time by whole columns, up to `shift_share` of its width either way.

    What leaves at one side comes in at the other: silence at the edge would be a feature that no music
    has. Of the spectrogram and not the waveform, whose ends would click where they meet.

    Args:
        shift_share: float from 0 to 0.5, where 0.5 is any place of the circle; 0 switches the layer off.
        seed: int or None.

    Input shape: (batch, height, width, channels), float. Output shape: the same.
    """

    setting, limits = "shift_share", (0.0, 0.5)

    def __init__(self, shift_share=0.5, seed=None, **kwargs):
        super().__init__(shift_share, seed, **kwargs)

    def changed(self, image):
        width = image.shape[2]
        columns = self.uniform((ops.shape(image)[0], 1), -self.shift_share, self.shift_share) * width
        columns = ops.cast(ops.round(columns), "int32")
        index = ops.mod(ops.arange(width, dtype="int32")[None] - columns, width)  # (batch, width)
        return ops.take_along_axis(image, index[:, None, :, None], axis=2)


@keras.saving.register_keras_serializable(package="kgenre")
class SpectrogramNoise(RandomLayer):
    """Adds Gaussian noise to each spectrogram, the same in all channels, which hold the same values.

    Args:
        noise_std: float from 0 to 1, standard deviation in a spectrogram of [0, 1]; 0 switches the layer off.
        seed: int or None.

    Input shape: (batch, height, width, channels), float. Output shape: the same; not clipped, for
        clipping would brighten the floor.
    """

    setting = "noise_std"
    # What varies by noise alone in training has hardly any variance without it, and normalisation by that variance
    # blows it up, layer after layer: without it ResNet18 lost 6 points (GTZAN); convpool gained 2 (FMA-small).
    in_statistics = True

    def __init__(self, noise_std=0.05, seed=None, **kwargs):
        super().__init__(noise_std, seed, **kwargs)

    def changed(self, image):
        def draw(shape):
            return keras.random.normal(shape, 0.0, self.noise_std, dtype="float32", seed=self.generator)

        return image + rows_of_batch(draw, (*ops.shape(image)[:3], 1))


@keras.saving.register_keras_serializable(package="kgenre")
class SpecAugment(RandomLayer):
    """Masks bands of frequency and of time; masked cells take the spectrogram's own mean.

    `masks` masks run across and as many down. Each is w rows or columns wide, w uniform in
    {0, ..., floor(mask_share * size)}, and lies anywhere inside; they may overlap.

    Args:
        mask_share: float from 0 to 1; 0 switches the layer off.
        masks: int, masks in either direction.
        seed: int or None.

    Input shape: (batch, height, width, channels), float. Output shape: the same.

    Reference: Park et al. 2019, policy LD (two and two), without its warp of time, which brought them
        the least; of speech F / size was 27 / 80.
    """

    setting = "mask_share"
    # What is not masked is as it will be, and the network has learnt it at the scale that it has beside the masks:
    # without them accuracy was up to 4 points lower in bandattn, a point higher in convpool (FMA-small, one seed).
    in_statistics = True

    def __init__(self, mask_share=0.15, masks=2, seed=None, **kwargs):
        super().__init__(mask_share, seed, **kwargs)
        if masks < 1:
            raise KgenreError(f"`masks` must be at least 1. Received: masks={masks}.")
        self.masks = masks

    def changed(self, image):
        batch, height, width = ops.shape(image)[0], *image.shape[1:3]
        rows, columns = self.masked(batch, height), self.masked(batch, width)
        mask = ops.logical_or(rows[:, :, None, None], columns[:, None, :, None])  # (batch, height, width, 1)
        return ops.where(mask, ops.mean(image, axis=(1, 2, 3), keepdims=True), image)

    def masked(self, batch, size: int):
        """Which of `size` rows or columns are masked, bool (batch, size)."""
        widths = ops.floor(self.uniform((batch, self.masks, 1)) * (int(self.mask_share * size) + 1))
        starts = ops.floor(self.uniform((batch, self.masks, 1)) * (size - widths + 1))
        position = ops.arange(size, dtype="float32")
        return ops.any(ops.logical_and(position >= starts, position < starts + widths), axis=1)

    def get_config(self):
        return {**super().get_config(), "masks": self.masks}
