"""The constant-Q transform."""

from kgenre.features.feature import DECIBELS, Feature, FeatureSettings, HopLength, TopDb


class CqtSettings(FeatureSettings):
    """Frames and range; the bins are fixed, 12 an octave from C1."""

    # As CNNs and RNNs on FMA-small published it; at 512 the transform takes twice the time.
    hop_length: HopLength = 1024
    top_db: TopDb = 80.0


def build_cqt(sample_rate: int, settings: CqtSettings):
    from kgenre.features.layers.cqt import Cqt

    return Cqt(sample_rate, settings.hop_length, top_db=settings.top_db, name="cqt")


def cqt_bins(sample_rate: int, settings: CqtSettings) -> list[float]:
    from kgenre.features.layers.cqt import C1_HZ

    return [C1_HZ * 2 ** (number / 12) for number in range(84)]


CQT = Feature(
    CqtSettings,
    build_cqt,
    "constant-Q transform, 84 bins from C1, in dB",
    value_range=lambda settings: (-settings.top_db, 0.0),
    bins=cqt_bins,
    unit=DECIBELS,
)
