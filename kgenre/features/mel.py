"""Features of mel bands: librosa's decibels, and the inputs of VGGish, musicnn and Won's taggers."""

from kgenre.features.feature import DECIBELS, Feature, FeatureSettings, FmaxHz, FminHz, HopLength, NFft, NMels, TopDb


class MelSettings(FeatureSettings):
    """Frames and mel bands."""

    n_fft: NFft = 2048
    hop_length: HopLength = 512
    n_mels: NMels = 128
    fmin_hz: FminHz = 0.0
    fmax_hz: FmaxHz = None


class LogMelSettings(MelSettings):
    """Mel bands in decibels."""

    top_db: TopDb = 80.0


class VggishMelSettings(MelSettings):
    """As VGGish was trained: frames of 25 ms in an FFT of 512, every 10 ms at 16 kHz."""

    n_fft: NFft = 512
    hop_length: HopLength = 160
    n_mels: NMels = 64
    fmin_hz: FminHz = 125.0
    fmax_hz: FmaxHz = 7500.0


class MusicnnMelSettings(MelSettings):
    """As musicnn and Won's taggers were trained: frames of 32 ms, every 16 ms at 16 kHz."""

    n_fft: NFft = 512
    hop_length: HopLength = 256
    n_mels: NMels = 96


def log_mel(sample_rate: int, settings: MelSettings, **options):
    """LogMel of the settings; `options` are what tells one feature's definition from another's."""
    from kgenre.features.layers.logmel import LogMel

    return LogMel(
        sample_rate=sample_rate,
        n_fft=settings.n_fft,
        hop_length=settings.hop_length,
        n_mels=settings.n_mels,
        fmin=settings.fmin_hz,
        fmax=settings.fmax_hz,
        **options,
    )


def build_logmel(sample_rate: int, settings: LogMelSettings):
    return log_mel(sample_rate, settings, top_db=settings.top_db, name="logmel")


def build_vggish_mel(sample_rate: int, settings: VggishMelSettings):
    options = {"win_length": 400, "center": False, "power": 1, "mel_scale": "htk", "log": "offset", "offset": 0.01}
    return log_mel(sample_rate, settings, name="vggish_mel", **options)


def build_musicnn_mel(sample_rate: int, settings: MusicnnMelSettings):
    # 1 / ln(10): musicnn's logarithm is to base 10.
    options = {"log": "offset", "gain": 10000.0, "offset": 1.0, "factor": 0.4342944819032518}
    return log_mel(sample_rate, settings, name="musicnn_mel", **options)


def build_tagger_mel(sample_rate: int, settings: MusicnnMelSettings):
    options = {"mel_scale": "htk_hz", "log": "absolute_db", "padding": "reflect"}
    return log_mel(sample_rate, settings, name="tagger_mel", **options)


def mel_bins(sample_rate: int, settings: MelSettings, mel_scale: str = "slaney"):
    """Centre of each band in Hz."""
    from kgenre.features.layers.logmel import mel_hz

    return mel_hz(sample_rate, settings.n_mels, settings.fmin_hz, settings.fmax_hz, mel_scale)


def htk_bins(sample_rate: int, settings: MelSettings):
    return mel_bins(sample_rate, settings, "htk")


LOGMEL = Feature(
    LogMelSettings,
    build_logmel,
    "mel power spectrogram in dB below its maximum, as librosa computes it",
    value_range=lambda settings: (-settings.top_db, 0.0),
    bins=mel_bins,
    unit=DECIBELS,
)
VGGISH_MEL = Feature(
    VggishMelSettings,
    build_vggish_mel,
    "VGGish's input: 64 HTK mel bands, log(magnitude + 0.01)",
    value_range=lambda settings: (-4.6, 4.0),
    bins=htk_bins,
    unit="ln(magnitude + 0.01)",
    defaults={"sample_rate_hz": 16000},
)
MUSICNN_MEL = Feature(
    MusicnnMelSettings,
    build_musicnn_mel,
    "musicnn's input: 96 mel bands, log10(10000 power + 1)",
    value_range=lambda settings: (0.0, 6.0),
    bins=mel_bins,
    unit="log10(10000 power + 1)",
    defaults={"sample_rate_hz": 16000},
)
TAGGER_MEL = Feature(
    MusicnnMelSettings,
    build_tagger_mel,
    "input of Won's taggers: 96 HTK mel bands, power in dB",
    value_range=lambda settings: (-100.0, 50.0),
    bins=htk_bins,
    unit="dB",
    defaults={"sample_rate_hz": 16000},
)
