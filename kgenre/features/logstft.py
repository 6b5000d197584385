"""The short-time spectrum at log-spaced frequencies."""

from typing import Annotated

from pydantic import Field

from kgenre.features.feature import DECIBELS, Feature, FeatureSettings, FmaxHz, HopLength, NFft, TopDb


class LogStftSettings(FeatureSettings):
    """Frames and frequencies."""

    n_fft: NFft = 2048
    hop_length: HopLength = 512
    n_frequencies: int = Field(128, ge=8, le=4096, description="frequencies, evenly spaced in octaves")
    fmin_hz: Annotated[float, Field(description="lowest frequency, above 0")] = 32.7  # C1, as the constant-Q transform
    fmax_hz: FmaxHz = None
    top_db: TopDb = 80.0


def build_logstft(sample_rate: int, settings: LogStftSettings):
    from kgenre.features.layers.logstft import LogStft

    sizes = (sample_rate, settings.n_fft, settings.hop_length, settings.n_frequencies)
    return LogStft(*sizes, settings.fmin_hz, settings.fmax_hz, settings.top_db, name="logstft")


def logstft_bins(sample_rate: int, settings: LogStftSettings):
    from kgenre.features.layers.logstft import log_hz

    return log_hz(sample_rate, settings.n_frequencies, settings.fmin_hz, settings.fmax_hz)


LOGSTFT = Feature(
    LogStftSettings,
    build_logstft,
    "spectrum at log-spaced frequencies, in dB",
    value_range=lambda settings: (-settings.top_db, 0.0),
    bins=logstft_bins,
    unit=DECIBELS,
)
