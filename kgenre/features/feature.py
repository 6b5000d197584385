"""What a feature declares, and the settings that several features share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import Field

from kgenre.core.settings import Settings

# librosa's defaults stand beside these in each class, so that results compare with the literature's.
NFft = Annotated[int, Field(ge=16, le=65536, description="samples of a frame")]
HopLength = Annotated[int, Field(ge=1, le=65536, description="samples between frames")]
NMels = Annotated[int, Field(ge=1, le=1024, description="mel bands")]
FminHz = Annotated[float, Field(description="lower edge of the lowest band")]
FmaxHz = Annotated[float | None, Field(description="upper edge of the highest band; half the sample rate if not given")]
TopDb = Annotated[float, Field(ge=1, le=300, description="range kept below the maximum")]

DECIBELS = "dB below the maximum"


class FeatureSettings(Settings):
    """What every feature has; a subclass may give another default."""

    hop_length: HopLength = 512


@dataclass(frozen=True)
class Feature:
    """One row of FEATURES.

    settings: the feature's own settings.
    build: sample rate in Hz, settings -> a layer, waveform (batch, samples) -> (batch, frames, bins).
    description: what it is, for the table in docs/networks.md.
    value_range: settings -> (low, high), the values that become 0 and 1 in the spectrogram image.
    bins: sample rate, settings -> what each bin stands for, lowest first: its frequency in Hz, or its name.
    unit: of the values, for the scale of a plot.
    defaults: values of other components' settings that differ for this feature.
    """

    settings: type[FeatureSettings]
    build: Callable
    description: str
    value_range: Callable[[FeatureSettings], tuple[float, float]]
    bins: Callable[[int, FeatureSettings], Sequence]
    unit: str
    defaults: dict = field(default_factory=dict)
