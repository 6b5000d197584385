"""The table of augmentations: what is changed at random in training, and where in the chain.

To add one, write it in a file of this folder and give it a row here. The command line's choices, the
README's table and the tests follow from the table. Those listed are applied in the table's order.
"""

from collections.abc import Callable
from dataclasses import dataclass

# From file to network; every place has its own kind of thing that a row builds.
#   window: while a window is read, in the decoding threads. draw(rng, n) -> a strength for each window;
#       reads(samples, strength) -> the samples that it needs to give so many;
#       apply(waveform, strength, samples) -> waveform (samples,), NumPy.
#   batch: on a batch of the pipeline. draw(rng, n); apply(waveforms, labels, strengths) -> waveforms and
#       labels, in TensorFlow's graph; labels come and go as shares (batch, classes).
#   waveform, picture: a layer in the model, before the feature or after it; the identity at inference.
PLACES = ("window", "batch", "waveform", "picture")


@dataclass(frozen=True)
class Augment:
    """One row of AUGMENTS.

    build: the config's values and a seed -> what the row's place asks for. What acts in the pipeline
        keeps no seed: it is handed a generator made of seed and epoch.
    where: one of PLACES.
    says: what it is, for the README's table.
    source: the system or paper it is from.
    strength: the config's field that says how strong it is.
    """

    build: Callable
    where: str
    says: str
    source: str
    strength: str


# The layers bring Keras, which `--help` can do without: so they are imported when one is built.


def _tempo(config, seed):
    from kgenre.augment.stretch import Tempo

    return Tempo(config.tempo_range, config.sample_rate_hz)


def _pitch(config, seed):
    from kgenre.augment.stretch import Pitch

    return Pitch(config.pitch_semitones, config.sample_rate_hz)


def _mixup(config, seed):
    from kgenre.augment.mixup import Mixup

    return Mixup(config.mixup_alpha)


def _gain(config, seed):
    from kgenre.augment.random_layers import RandomGain

    return RandomGain(config.gain_db, seed=seed, name="gain")


def _shift(config, seed):
    from kgenre.augment.random_layers import TimeShift

    return TimeShift(config.shift_share, seed=seed, name="shift")


def _zoom(config, seed):
    from kgenre.augment.zoom import ZoomRange

    return ZoomRange(config.zoom_range, seed=seed, name="zoom_range")


def _noise(config, seed):
    from kgenre.augment.random_layers import PictureNoise

    return PictureNoise(config.noise_std, seed=seed, name="noise")


def _specaugment(config, seed):
    from kgenre.augment.random_layers import SpecAugment

    return SpecAugment(config.mask_share, seed=seed, name="specaugment")


_VOICE = "Schlüter and Grill 2015"

AUGMENTS = {
    "tempo": Augment(_tempo, "window", "faster or slower at the same pitch", _VOICE, "tempo_range"),
    "pitch": Augment(_pitch, "window", "higher or lower at the same tempo", _VOICE, "pitch_semitones"),
    "mixup": Augment(
        _mixup, "batch", "two waveforms of a batch mixed, and their labels", "Zhang et al. 2018", "mixup_alpha"
    ),
    "gain": Augment(_gain, "waveform", "louder or softer, which features in dB do not see", _VOICE, "gain_db"),
    "shift": Augment(
        _shift, "picture", "turned round in time, the end before the beginning", "Piczak 2015", "shift_share"
    ),
    "zoom": Augment(_zoom, "picture", "scaled in frequency and time", "Music-Genre-Analysis", "zoom_range"),
    "noise": Augment(_noise, "picture", "Gaussian noise on the picture", "ATML GTZAN", "noise_std"),
    "specaugment": Augment(
        _specaugment, "picture", "bands and stretches of time masked", "Park et al. 2019", "mask_share"
    ),
}


def build_augmentations(config, where: str) -> dict:
    """What the config lists for a place, built, by name in the order of application.

    Each has a seed of its own: layers that draw alike from one seed would draw the same.
    """
    return {
        name: row.build(config, config.seed + place)
        for place, (name, row) in enumerate(AUGMENTS.items())
        if name in config.augment and row.where == where
    }
