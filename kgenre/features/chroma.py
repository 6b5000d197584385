"""Chroma: energy by pitch class, of the short-time spectrum or of the constant-Q transform."""

from kgenre.features.feature import Feature, FeatureSettings, HopLength, NFft

RELATIVE = "relative to the strongest class"


class ChromaSettings(FeatureSettings):
    """Frames; there are always 12 pitch classes."""

    # Of CNNs and RNNs on FMA-small, as its constant-Q transform.
    hop_length: HopLength = 1024


class ChromaStftSettings(ChromaSettings):
    """Frames of the short-time spectrum."""

    n_fft: NFft = 2048


def build_chroma_stft(sample_rate: int, settings: ChromaStftSettings):
    from kgenre.features.layers.chroma import ChromaStft

    return ChromaStft(sample_rate, settings.n_fft, settings.hop_length, name="chroma_stft")


def build_chroma_cqt(sample_rate: int, settings: ChromaSettings):
    from kgenre.features.layers.cqt import ChromaCqt

    return ChromaCqt(sample_rate, settings.hop_length, name="chroma_cqt")


def build_chroma_cens(sample_rate: int, settings: ChromaSettings):
    from kgenre.features.layers.cqt import ChromaCqt

    return ChromaCqt(sample_rate, settings.hop_length, cens=True, name="chroma_cens")


def pitch_classes(sample_rate: int, settings: ChromaSettings) -> list[str]:
    return "C C♯ D D♯ E F F♯ G G♯ A A♯ B".split()


def unit_range(settings: ChromaSettings) -> tuple[float, float]:
    return 0.0, 1.0


CHROMA_STFT = Feature(
    ChromaStftSettings,
    build_chroma_stft,
    "12 pitch classes of the short-time spectrum",
    unit_range,
    pitch_classes,
    RELATIVE,
)
CHROMA_CQT = Feature(
    ChromaSettings,
    build_chroma_cqt,
    "12 pitch classes of the constant-Q transform",
    unit_range,
    pitch_classes,
    RELATIVE,
)
CHROMA_CENS = Feature(
    ChromaSettings,
    build_chroma_cens,
    "energy-normalized, smoothed chroma",
    unit_range,
    pitch_classes,
    "component of a unit vector",
)
