"""The table of features: what the networks look at, each a layer from waveform to spectrogram.

To add one, write a layer in a file of this folder and give it a row here. The command line's choices,
the README's table and the tests follow from the table.
"""

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Feature:
    """One row of FEATURES.

    build: the config's values -> a layer, waveform (batch, samples) -> (batch, frames, bins).
    says: what it is, for the README's table.
    value_range: the config's values -> (low, high), the values that are drawn as 0 and 1.
    bins: the config's values -> what each bin stands for, lowest first: its frequency in Hz, or its name.
    unit: of the values, for a picture's scale.
    defaults: config values that differ from the general ones for this feature.
    """

    build: Callable
    says: str
    value_range: Callable
    bins: Callable
    unit: str
    defaults: dict = field(default_factory=dict)


# The layers bring Keras, which `--help` can do without: so they are imported when one is built.


def _logmel(config, **more):
    from kgenre.features.logmel import LogMel

    return LogMel(
        sample_rate=config.sample_rate_hz,
        n_fft=config.n_fft,
        hop_length=config.hop_length,
        n_mels=config.n_mels,
        fmin=config.fmin_hz,
        fmax=config.fmax_hz,
        top_db=config.top_db,
        name=config.feature,
        **more,
    )


def _vggish_mel(config):
    return _logmel(config, win_length=400, center=False, power=1, mel_scale="htk", log="offset", offset=0.01)


def _musicnn_mel(config):
    # 1 / ln(10): musicnn's logarithm is to base 10.
    return _logmel(config, log="offset", gain=10000.0, offset=1.0, factor=0.4342944819032518)


def _logstft(config):
    from kgenre.features.logstft import LogStft

    sizes = (config.sample_rate_hz, config.n_fft, config.hop_length, config.n_mels)
    return LogStft(*sizes, config.fmin_hz, config.fmax_hz, config.top_db, name="logstft")


def _mfcc(config):
    from kgenre.features.mfcc import Mfcc

    return Mfcc(config.sample_rate_hz, config.n_fft, config.hop_length, config.n_mels, name="mfcc")


def _cqt(config):
    from kgenre.features.cqt import Cqt

    return Cqt(config.sample_rate_hz, config.hop_length, top_db=config.top_db, name="cqt")


def _chroma_stft(config):
    from kgenre.features.chroma import ChromaStft

    return ChromaStft(config.sample_rate_hz, config.n_fft, config.hop_length, name="chroma_stft")


def _chroma_cqt(config):
    from kgenre.features.cqt import ChromaCqt

    return ChromaCqt(config.sample_rate_hz, config.hop_length, name="chroma_cqt")


def _chroma_cens(config):
    from kgenre.features.cqt import ChromaCqt

    return ChromaCqt(config.sample_rate_hz, config.hop_length, cens=True, name="chroma_cens")


def _decibels(config):
    return -config.top_db, 0.0


def _unit(config):
    return 0.0, 1.0


def _mel_hz(config, mel_scale="slaney"):
    from kgenre.features.logmel import mel_hz

    return mel_hz(config.sample_rate_hz, config.n_mels, config.fmin_hz, config.fmax_hz, mel_scale)


def _log_hz(config):
    from kgenre.features.logstft import log_hz

    return log_hz(config.sample_rate_hz, config.n_mels, config.fmin_hz, config.fmax_hz)


def _cqt_hz(config):
    from kgenre.features.cqt import C1_HZ

    return [C1_HZ * 2 ** (number / 12) for number in range(84)]


def _coefficients(config):
    return [f"{slope}{number}" for slope in ("", "Δ", "ΔΔ") for number in range(20)]


def _pitch_classes(config):
    return "C C♯ D D♯ E F F♯ G G♯ A A♯ B".split()


_DB, _SHARE = "dB below the maximum", "relative to the strongest class"
_R4 = {"hop_length": 1024}

FEATURES = {
    "logmel": Feature(
        _logmel, "mel power spectrogram in dB below its maximum, as librosa computes it", _decibels, _mel_hz, _DB
    ),
    "logstft": Feature(
        _logstft, "spectrum at log-spaced frequencies, in dB", _decibels, _log_hz, _DB, {"fmin_hz": 32.7}
    ),
    "mfcc": Feature(
        _mfcc,
        "20 mel-frequency cepstral coefficients, their deltas and second deltas",
        lambda c: (-200, 200),
        _coefficients,
        "dB",
    ),
    "cqt": Feature(_cqt, "constant-Q transform, 84 bins from C1, in dB", _decibels, _cqt_hz, _DB, _R4),
    "chroma_stft": Feature(
        _chroma_stft, "12 pitch classes of the short-time spectrum", _unit, _pitch_classes, _SHARE, _R4
    ),
    "chroma_cqt": Feature(
        _chroma_cqt, "12 pitch classes of the constant-Q transform", _unit, _pitch_classes, _SHARE, _R4
    ),
    "chroma_cens": Feature(
        _chroma_cens,
        "energy-normalized, smoothed chroma",
        _unit,
        _pitch_classes,
        "component of a unit vector",
        _R4,
    ),
    "vggish_mel": Feature(
        _vggish_mel,
        "VGGish's input: 64 HTK mel bands, log(magnitude + 0.01)",
        lambda config: (-4.6, 4.0),
        lambda config: _mel_hz(config, "htk"),
        "ln(magnitude + 0.01)",
        dict(sample_rate_hz=16000, n_fft=512, hop_length=160, n_mels=64, fmin_hz=125.0, fmax_hz=7500.0),
    ),
    "musicnn_mel": Feature(
        _musicnn_mel,
        "musicnn's input: 96 mel bands, log10(10000 power + 1)",
        lambda config: (0.0, 6.0),
        _mel_hz,
        "log10(10000 power + 1)",
        dict(sample_rate_hz=16000, n_fft=512, hop_length=256, n_mels=96, fmin_hz=0.0, fmax_hz=None),
    ),
}
