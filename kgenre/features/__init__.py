"""The table of features: what the networks look at, each a layer from waveform to spectrogram."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Feature:
    """One row of FEATURES.

    build: the config's values -> a layer, waveform (batch, samples) -> (batch, frames, bins) in dB.
    """

    build: Callable
    says: str


def _logmel(config):
    from kgenre.features.logmel import (
        LogMel,  # brings Keras, which `--help` can do without
    )

    return LogMel(
        sample_rate=config.sample_rate_hz,
        n_fft=config.n_fft,
        hop_length=config.hop_length,
        n_mels=config.n_mels,
        fmin=config.fmin_hz,
        fmax=config.fmax_hz,
        top_db=config.top_db,
        name="logmel",
    )


FEATURES = {
    "logmel": Feature(_logmel, "mel power spectrogram in dB below its maximum, as librosa computes it"),
}
