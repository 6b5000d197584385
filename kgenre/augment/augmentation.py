"""What an augmentation declares."""

from collections.abc import Callable
from dataclasses import dataclass

from kgenre.core.settings import Settings

# From file to network; every place has its own kind of object that a row builds.
#   crop: while a crop is read, in the decoding threads. draw(rng, n) -> a value for each crop;
#       reads(samples, value) -> the samples that it needs to give so many;
#       apply(waveform, value, samples) -> waveform (samples,), NumPy.
#   batch: on a batch of the pipeline. draw(rng, n); apply(waveforms, labels, values) -> waveforms and
#       labels, NumPy; labels come and go as shares (batch, classes).
#   waveform, spectrogram: a layer in the model, before the feature or after it; the identity at inference.
PLACES = ("crop", "batch", "waveform", "spectrogram")
AUDIO_PLACES = ("crop", "waveform")  # which there are not where the tracks are spectrograms


@dataclass(frozen=True)
class Augmentation:
    """One row of AUGMENTS.

    settings: the augmentation's own settings; the first says how much is changed.
    build: settings, SliceSpec of the model, seed -> the object that the row's place asks for. What acts in the
        pipeline keeps no seed: it is handed a generator made from seed and epoch.
    place: one of PLACES.
    description: what it is, for the table in docs/networks.md.
    source: the system or paper it is from.
    """

    settings: type[Settings]
    build: Callable
    place: str
    description: str
    source: str

    @property
    def setting(self) -> str:
        """The name of the setting that says how much is changed."""
        return next(iter(self.settings.model_fields))
