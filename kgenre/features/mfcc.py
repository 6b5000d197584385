"""Mel-frequency cepstral coefficients."""

from kgenre.features.feature import Feature, FeatureSettings, HopLength, NFft, NMels


class MfccSettings(FeatureSettings):
    """Frames, and the mel bands below the coefficients."""

    n_fft: NFft = 2048
    hop_length: HopLength = 512
    n_mels: NMels = 128


def build_mfcc(sample_rate: int, settings: MfccSettings):
    from kgenre.features.layers.mfcc import Mfcc

    return Mfcc(sample_rate, settings.n_fft, settings.hop_length, settings.n_mels, name="mfcc")


def coefficients(sample_rate: int, settings: MfccSettings) -> list[str]:
    return [f"{slope}{number}" for slope in ("", "Δ", "ΔΔ") for number in range(20)]


MFCC = Feature(
    MfccSettings,
    build_mfcc,
    "20 mel-frequency cepstral coefficients, their deltas and second deltas",
    value_range=lambda settings: (-200, 200),
    bins=coefficients,
    unit="dB",
)
